"""The trainer: one run of a network on a text, from its seed to wherever it has got.

`step` is one iteration: read a window, forward, backward, clip, update, remember. It knows no
clock and no screen; who calls it, when, and in what portions makes no difference to the run.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy, deepcopy
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from time import perf_counter

import numpy as np

from rnn import checkpoint
from rnn.history import DiaryEntry, Event, History
from rnn.moments import Moment, after_update, before_clip
from rnn.network import Array, Network, Unrolled, parameter_count
from rnn.optimisers import OPTIMISERS
from rnn.sampler import Sample, draw, sampled_probabilities
from rnn.settings import Config, SettingError, find
from rnn.state import State, Window
from rnn.threads import single_thread
from rnn.vocabulary import Vocabulary
from rnn.windows import Reader, TextError

KEEP_EVERY = 200  # iterations between the states that a divergence goes back to
HELD_OUT_EVERY = 500  # iterations between two held-out losses
HELD_OUT_CHARACTERS = 2_000
HELD_OUT_CHUNK = 250  # characters read in one go; the chunks are read side by side
MEMORY_LIMIT = 2 << 30  # bytes


@dataclass(frozen=True)
class StepRecord:
    """One iteration: its number (0 for the first), its loss and the smooth loss after it.

    Both losses are nats summed over the window, the mean over the streams.
    """

    iteration: int
    loss: float
    smooth_loss: float


class Divergence(ArithmeticError):
    """Training ran away; the trainer has gone back to the last good state.

    `iteration` is where it was caught, `restored` the iteration it went back to, `reason` what was
    wrong.
    """

    def __init__(self, iteration: int, restored: int, reason: str) -> None:
        """Make the sentence for the person."""
        super().__init__(
            f"Training diverged at iteration {iteration:,}: {reason}; it is back at iteration "
            f"{restored:,}, and a smaller learning rate may help."
        )
        self.iteration, self.restored, self.reason = iteration, restored, reason


class Trainer:
    """Trains a network on a text; the same text and config give the same run, bit for bit."""

    def __init__(self, text: str, config: Config | None = None) -> None:
        """Draw the network from the config's seed and stand before iteration 0.

        Raises TextError if the text is too short for a window in every stream, SettingError if the
        buffers would need more than 2 GB.
        """
        self.text = text
        self.config = config = config or Config()
        self.vocabulary = Vocabulary.from_text(text)
        self.held_out_start = len(text) - int(len(text) * config.held_out)
        ids = self.vocabulary.encode(text)
        self._reader = Reader(ids[: self.held_out_start], config.streams)
        self._reader.require(config.seq_length)
        _require_memory(config, len(self.vocabulary))

        self.network = Network(config.hidden_size, len(self.vocabulary), config.dtype)
        self._drawing = np.random.default_rng(config.seed)
        self._sampling = np.random.default_rng([config.seed, 1])
        self.network.draw(self._drawing, config.init_scale)
        self.params, self.gradients = self.network.params, self.network.gradients
        count = len(self.network.weights)
        self._optimiser = OPTIMISERS[config.optimiser](count, self.network.dtype)
        self.optimiser_memory = {
            slot: self.network.name(flat) for slot, flat in self._optimiser.slots.items()
        }
        self._held_out = _held_out_window(self.network, ids[self.held_out_start :])

        self.history = History()
        self.iteration = 0
        self.characters_seen = 0
        self.smooth_loss = math.log(len(self.vocabulary)) * config.seq_length
        self._last_rate = config.learning_rate
        self._window: Window | None = None  # stands in when the buffers hold no last window
        self._stepped = False  # whether the buffers do hold the last window
        self._unrolled = self._bound()
        self._kept = self.state()

    # -- where the run stands ------------------------------------------------------------------

    @property
    def pointer(self) -> int:
        """Where the next window starts, relative to the start of each stream's part of the text."""
        return 0 if self._reader.wraps(self.config.seq_length) else self._reader.pointer

    @property
    def epoch(self) -> int:
        """How often the text has been read to its end."""
        return self._reader.epoch

    @property
    def hidden_streams(self) -> Array:
        """(B, H) the state that the next window starts from, stream by stream; a copy."""
        if self._reader.wraps(self.config.seq_length):
            return np.zeros_like(self._unrolled.before)
        return self._unrolled.before.copy()

    @property
    def hidden(self) -> Array:
        """(H,) the state that the next window of the first stream starts from; a copy."""
        return np.asarray(self.hidden_streams[0])

    @property
    def initial_params(self) -> dict[str, Array]:
        """The parameters as the run's seed drew them, drawn again."""
        network = Network(self.config.hidden_size, len(self.vocabulary), self.config.dtype)
        network.draw(np.random.default_rng(self.config.seed), self.config.init_scale)
        return network.params

    @property
    def last_window(self) -> Window | None:
        """The last step's window in the first stream, copied; None before the first step."""
        if not self._stepped:
            return self._window
        unrolled = self._unrolled
        return Window(
            inputs=unrolled.ids[:-1, 0].copy(),
            targets=unrolled.ids[1:, 0].copy(),
            hidden=unrolled.hidden[:, 0].copy(),
            probabilities=unrolled.probabilities[:, 0].copy(),
        )

    def last_update(self) -> dict[str, Array]:
        """What the last step added to each parameter; zeros before the first step."""
        return self.network.name(
            self._optimiser.last_update(self.network.gradient, self._last_rate)
        )

    def effective_rate(self) -> dict[str, Array]:
        """The learning rate of each single weight now: for Adagrad lr / sqrt(m + 1e-8)."""
        return self.network.name(self._optimiser.effective_rate(self.config.learning_rate))

    def held_out_loss(self) -> float | None:
        """The loss on the held-out text in nats per character; None when there is none.

        At most 2,000 characters are read, in chunks of about 250 side by side, each from the present
        hidden state: a network that has only ever carried its state along can lose its way for
        hundreds of characters when it starts from zero in the middle of a text.
        """
        if self._held_out is None:
            return None
        with single_thread(), np.errstate(all="ignore"):
            return self._read_held_out(self._held_out)

    def _read_held_out(self, window: Unrolled) -> float:
        window.before[...] = self.hidden
        return window.forward() / window.seq_length

    # -- training ------------------------------------------------------------------------------

    def step(self) -> StepRecord:
        """Take one iteration. Raises Divergence, having gone back to the last good state."""
        return self.advance(steps=1)

    def advance(
        self,
        seconds: float | None = None,
        steps: int | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> StepRecord:
        """Take as many whole steps as fit in `seconds`, or `steps` of them; one at least.

        `should_stop` is asked after every step. Raises Divergence, having gone back to the last
        good state; ValueError if neither limit is given, `steps` is below one or `seconds` NaN.
        """
        if seconds is None:
            seconds = math.inf if steps else math.nan
        if math.isnan(seconds) or (steps is not None and steps < 1):
            raise ValueError("advance needs seconds, or a number of steps of at least one")
        start, taken = perf_counter(), 0
        # No floating-point warnings: every step looks out for what is not finite itself.
        with single_thread(), np.errstate(all="ignore"):
            while True:
                loss = self._step()
                taken += 1
                if (should_stop is not None and should_stop()) or taken == steps:
                    break
                # Would one more, as long as the mean one so far, end too late?
                if (perf_counter() - start) * (taken + 1) > seconds * taken:
                    break
        return StepRecord(self.iteration - 1, loss, self.smooth_loss)

    def _step(self) -> float:
        unrolled, network, config = self._unrolled, self.network, self.config
        if self._reader.read(unrolled.ids):
            unrolled.before.fill(0.0)
        loss = unrolled.forward()
        unrolled.backward()
        noted = self.history.moment_due(self.iteration + 1)
        unclipped = before_clip(unrolled, config.clip) if noted else None
        _clip(network.gradient, config.clip)
        gradient_square = float(network.gradient.dot(network.gradient))
        self._require_sound(loss, gradient_square)
        self._optimiser.update(network.weights, network.gradient, config.learning_rate)
        np.copyto(unrolled.before, unrolled.after)
        self._last_rate = config.learning_rate
        self._stepped = True
        if unclipped is not None:
            rate = config.learning_rate
            moment = after_update(unclipped, self.iteration + 1, unrolled, self._optimiser, rate)
            self.history.add_moment(moment)
        self._remember(loss, math.sqrt(gradient_square))
        return loss

    def rehearsal(self) -> Moment:
        """The moment that the next step would be, worked out on copies: the run stays as it is.

        The numbers may be infinite or NaN where that step would diverge.
        """
        config = self.config
        network = Network(config.hidden_size, len(self.vocabulary), config.dtype)
        np.copyto(network.weights, self.network.weights)
        optimiser = deepcopy(self._optimiser)
        unrolled = Unrolled(network, config.seq_length, config.streams)
        copy(self._reader).read(unrolled.ids)
        unrolled.before[...] = self.hidden_streams
        with single_thread(), np.errstate(all="ignore"):
            unrolled.forward()
            unrolled.backward()
            unclipped = before_clip(unrolled, config.clip)
            _clip(network.gradient, config.clip)
            optimiser.update(network.weights, network.gradient, config.learning_rate)
            rate = config.learning_rate
            return after_update(unclipped, self.iteration + 1, unrolled, optimiser, rate)

    def _remember(self, loss: float, gradient_norm: float) -> None:
        """Count the iteration that has just been taken and write the history."""
        iteration, length, history = self.iteration, self.config.seq_length, self.history
        self.smooth_loss = 0.999 * self.smooth_loss + 0.001 * loss
        self.iteration += 1
        self.characters_seen += length * self.config.streams
        history.record(iteration, loss / length, self.smooth_loss / length, gradient_norm, length)
        if history.diary_due(iteration, self.config.sample_interval):
            self._write_diary(iteration)
        if self._held_out is not None and iteration % HELD_OUT_EVERY == 0:
            history.record_held_out(iteration, self._read_held_out(self._held_out))
        if self.iteration % KEEP_EVERY == 0:
            self._keep(loss)

    def _write_diary(self, iteration: int) -> None:
        """Note the text of `periodic_sample`, at less than its cost: without probabilities."""
        config = self.config
        ids = self._draw(config.sample_length, config, np.random.default_rng(config.seed))
        text, loss = self.vocabulary.decode(ids), self.smooth_loss / config.seq_length
        self.history.add_sample(DiaryEntry(iteration, text, config.temperature, config.top_k, loss))

    # -- divergence ----------------------------------------------------------------------------

    def _loss_limit(self) -> float:
        """Nats: far above the spikes of a healthy start, in multiples of what guessing evenly loses.

        Adagrad's first steps have the full length in every weight: at the default rate they raise
        the loss to 3 times an even guess with 100 hidden units, to 50 times with 512 and more.
        """
        return 100.0 * self.config.seq_length * max(math.log(len(self.vocabulary)), 1.0) + 50.0

    def _require_sound(self, loss: float, gradient_square: float) -> None:
        if loss <= self._loss_limit() and gradient_square < math.inf:
            return  # a NaN fails both comparisons
        if not math.isfinite(loss):
            reason = "the loss is no longer a finite number"
        elif loss > self._loss_limit():
            reason = f"the loss rose to {loss:,.0f} nats"
        else:
            reason = "the gradient is no longer finite"
        self._roll_back(reason)

    def _keep(self, loss: float) -> None:
        """Keep the present state to go back to, unless it is about to run away itself."""
        weights = self.network.weights
        if loss < self._loss_limit() / 10 and math.isfinite(weights.dot(weights)):
            self._kept = self.state(reuse=self._kept)

    def _roll_back(self, reason: str) -> None:
        """Go back to the kept state, with the live settings as they are now; raise Divergence."""
        caught, present = self.iteration, self.config
        self.restore(self._kept)
        divergence = Divergence(caught, self.iteration, reason)
        self.history.add_event(Event(self.iteration, "diverged", str(divergence)))
        self._change(present)
        self._kept = self.state(reuse=self._kept)
        raise divergence

    # -- settings ------------------------------------------------------------------------------

    def apply(self, **changes: object) -> None:
        """Change live settings, from the next iteration on; each change leaves an event.

        Raises SettingError for a structural setting or a bad value, TextError for a sequence length
        that the text is too short for; then nothing is changed.
        """
        for name in changes:
            if not find(name).live:
                raise SettingError(
                    f"{find(name).label} belongs to the network itself; reset to change it."
                )
        config = self.config.replace(**changes)
        self._reader.require(config.seq_length)
        _require_memory(config, len(self.vocabulary))
        self._change(config)

    def _change(self, config: Config) -> None:
        """Take over a config that differs in live settings only, noting every difference."""
        before = self.config.as_dict()
        for name, new in config.as_dict().items():
            if new != before[name]:
                text = f"{find(name).label}: {before[name]} → {new}"
                event = Event(self.iteration, "setting", text, name, str(before[name]), str(new))
                self.history.add_event(event)
        self.smooth_loss *= config.seq_length / self.config.seq_length
        self._take(config)

    def _take(self, config: Config) -> None:
        rebind = config.seq_length != self.config.seq_length
        self.config = config
        if rebind:
            self._bind()

    def _bind(self) -> None:
        """Bind buffers for the present sequence length; the hidden state carries over."""
        self._window, self._stepped = self.last_window, False
        before = self._unrolled.before
        self._unrolled = self._bound()
        self._unrolled.before[...] = before

    def _bound(self) -> Unrolled:
        return Unrolled(self.network, self.config.seq_length, self.config.streams)

    # -- sampling ------------------------------------------------------------------------------

    def sample(
        self,
        n: int,
        temperature: float | None = None,
        prime: str = "",
        seed: int | None = None,
        top_k: int | None = None,
    ) -> Sample:
        """Let the network write `n` characters; training is not touched.

        Without a prime it goes on from where the next window starts; with one it starts from a zero
        hidden state and reads the prime first, so that nothing but the prime counts.
        Temperature and top-k are the config's if None.
        Without a seed the numbers come from the trainer's own sampling stream; with one, the same
        seed draws the same numbers every time and the stream does not move.
        Raises UnknownCharacter for a prime that the vocabulary does not cover, SettingError for a
        temperature or top-k out of range, ValueError for a negative `n`.
        """
        if n < 0:
            raise ValueError("a sample cannot have fewer than 0 characters")
        shape = self.config.replace(
            temperature=self.config.temperature if temperature is None else temperature,
            top_k=self.config.top_k if top_k is None else top_k,
        )
        rng = self._sampling if seed is None else np.random.default_rng(seed)
        states = np.zeros((n, self.config.hidden_size), self.config.dtype)
        with single_thread(), np.errstate(all="ignore"):
            ids = self._draw(n, shape, rng, prime, states)
            probabilities = sampled_probabilities(self.network, states)
        return Sample(self.vocabulary.decode(ids), ids, probabilities, states)

    def _draw(
        self,
        n: int,
        shape: Config,
        rng: np.random.Generator,
        prime: str = "",
        states: Array | None = None,
    ) -> Array:
        """Characters (n,) drawn with the temperature and top-k of `shape`, see `sample`."""
        hidden = np.zeros_like(self.hidden) if prime else self.hidden
        inputs = self.vocabulary.encode(prime or self.text[self.pointer])
        return draw(self.network, hidden, inputs, n, shape.temperature, shape.top_k, rng, states)

    def periodic_sample(self) -> Sample:
        """The sample of the diary: always the same random numbers, so only the weights differ."""
        return self.sample(self.config.sample_length, seed=self.config.seed)

    # -- state ---------------------------------------------------------------------------------

    def state(self, reuse: State | None = None) -> State:
        """A copy of everything that training changes; into the arrays of `reuse` if given."""
        state = State(
            config=self.config,
            arrays=reuse.arrays if reuse else {},
            optimiser_steps=self._optimiser.steps,
            last_rate=self._last_rate,
            iteration=self.iteration,
            pointer=self._reader.pointer,
            epoch=self._reader.epoch,
            characters_seen=self.characters_seen,
            smooth_loss=self.smooth_loss,
            generators=(self._drawing.bit_generator.state, self._sampling.bit_generator.state),
            history=self.history.copy(),
            window=self.last_window,
        )
        for name, array in self._arrays().items():
            if name in state.arrays:
                np.copyto(state.arrays[name], array)
            else:
                state.arrays[name] = array.copy()
        return state

    def restore(self, state: State) -> None:
        """Go to a state of this run or of one with the same text and structural settings.

        Raises ValueError if the state's network is built differently.
        """
        same_size = state.arrays["params"].shape == self.network.weights.shape
        if not (same_size and state.fits(self.config)):
            raise ValueError("the state belongs to a network that is built differently")
        self._take(state.config)
        for name, array in self._arrays().items():
            np.copyto(array, state.arrays[name])
        self._optimiser.steps = state.optimiser_steps
        self._last_rate = state.last_rate
        self.iteration = state.iteration
        self._reader.pointer, self._reader.epoch = state.pointer, state.epoch
        self.characters_seen = state.characters_seen
        self.smooth_loss = state.smooth_loss
        drawing, sampling = state.generators
        self._drawing.bit_generator.state = drawing
        self._sampling.bit_generator.state = sampling
        self.history = state.history.copy()
        self._window, self._stepped = state.window, False
        if state is not self._kept:
            self._kept = self.state(reuse=self._kept)

    def _arrays(self) -> dict[str, Array]:
        """The arrays that training changes, flat, by the names under which a State keeps them."""
        slots = {f"memory/{slot}": flat for slot, flat in self._optimiser.slots.items()}
        return {
            "params": self.network.weights,
            "gradients": self.network.gradient,
            "hidden": self._unrolled.before,
            **slots,
        }

    def save(self, path: str | PathLike[str]) -> None:
        """Write everything to one `.npz`, atomically. Raises CheckpointError."""
        checkpoint.save(path, self.text, self.state())

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Trainer:
        """Read what `save` wrote: training goes on bit for bit. Raises CheckpointError."""
        text, state = checkpoint.load(path)
        try:
            trainer = cls(text, state.config)
        except (TextError, SettingError) as error:
            raise checkpoint.CheckpointError(
                f"The checkpoint {Path(path).name} cannot be used: {error}"
            ) from error
        trainer.restore(state)
        return trainer


def _clip(gradient: Array, clip: float) -> None:
    """Cut every element of the gradient (N,) to [-clip, clip]; a clip of 0 is no clip."""
    if clip:
        gradient.clip(-clip, clip, gradient)


def _held_out_window(network: Network, ids: Array) -> Unrolled | None:
    """The start of the held-out text, unrolled in chunks side by side, ready for `forward`."""
    predicted = min(len(ids) - 1, HELD_OUT_CHARACTERS)
    if predicted < 1:
        return None
    chunks = math.ceil(predicted / HELD_OUT_CHUNK)
    length = predicted // chunks
    unrolled = Unrolled(network, length, chunks)
    starts = np.arange(chunks) * length
    unrolled.ids[...] = ids[starts + np.arange(length + 1)[:, None]]
    return unrolled


def _require_memory(config: Config, vocab_size: int) -> None:
    """Refuse, with a sentence, what would fill the machine's memory and stop it."""
    rows = (config.seq_length + 1) * config.streams
    numbers = rows * (5 * config.hidden_size + 4 * vocab_size)
    numbers += 10 * parameter_count(config.hidden_size, vocab_size)
    size = numbers * np.dtype(config.dtype).itemsize
    if size > MEMORY_LIMIT:
        raise SettingError(
            f"These settings would need {size / 2**30:.1f} GB of memory; choose a smaller hidden "
            "size, a shorter sequence length or fewer streams."
        )
