"""The live run: one trainer, the buttons that steer it, and the ticks that train it.

`Trainer` knows no clock and no page; a `LiveRun` decides when it steps. Streamlit answers a click with
a new thread while the old one may still be training, so everything here passes one lock, and a tick
that is training gives way to a click after its current step.
"""

from __future__ import annotations

import logging
import math
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from rnn import Config, Divergence, Trainer
from rnn.analysis import Portrait, portrait_of
from rnn.levels import Levels, levels
from rnn.moments import Moment
from rnn.snapshot import LiveSample, Snapshot, draw_live_sample, spectral_radius, take
from rnn.store import LeaseError
from rnn.store.rows import Status
from ui.jobs import Jobs
from ui.pace import Meter, Pace, Pacer
from ui.place import Place, Source
from ui.turns import TURNS

_LOGGER = logging.getLogger(__name__)

GREEDY_LENGTH = 80
SPARKLINE = 48
DOZE_SECONDS = 10.0
"""A run that trains is saved, and others may lead it, when no page has asked for a tick for so long."""
LEADER_SILENT = 2.5
"""Seconds without a beat after which another tab may lead: a closed or hidden tab gives the run up."""
PORTRAIT_SECONDS = 1.0
"""While it trains, a run sits for a new portrait this often; what pages work out follows at that pace."""
_LOWEST_RATE = 1e-6
_RADIUS_PAUSE = 80.0
"""The eigenvalues of Whh are computed anew after this many times the seconds they took."""


@dataclass(frozen=True)
class Target:
    """Where "Run to…" ends: after an iteration, or at a smooth loss in nats per character."""

    iteration: int | None = None
    loss: float | None = None


@dataclass(frozen=True)
class Notice:
    """One sentence for the person, and what it is about.

    That is ``"diverged"``, ``"target"``, ``"fault"``, ``"opened"`` from the disk, or ``"led"`` when
    another program trains the run.
    """

    kind: str
    sentence: str


@dataclass(frozen=True)
class LiveView:
    """A snapshot with what only the live loop knows; ``sparks`` holds recent gauges for sparklines.

    While the run trains, ``portrait`` may be up to `PORTRAIT_SECONDS` older than the snapshot. The run
    had this ``serial``: what was drawn for another one does not fit.
    """

    serial: int
    snapshot: Snapshot
    portrait: Portrait
    playing: bool
    pace: Pace | None
    target: Target | None
    progress: float | None
    sparks: dict[str, list[float]]


class LiveRun:
    """A run that can be watched and steered from several threads.

    Raises `rnn.TextError` or `rnn.settings.SettingError` when text and settings do not fit.
    """

    def __init__(
        self, text: str, config: Config, source: Source, place: Place | None = None
    ) -> None:
        """Prepare the run, paused at iteration 0; ``place`` is where it is kept, if anywhere."""
        self._prepare(Trainer(text, config), source, place or Place())

    @classmethod
    def of(cls, trainer: Trainer, source: Source, place: Place) -> LiveRun:
        """The run that ``trainer`` has come to, paused."""
        run = cls.__new__(cls)
        run._prepare(trainer, source, place)
        return run

    def _prepare(self, trainer: Trainer, source: Source, place: Place) -> None:
        self._lock = threading.Lock()
        self._count = threading.Lock()
        self._callers = 0
        self._name = object()
        self._serial = 0
        self._leader = ""
        self._leader_seen = -math.inf
        self.looked_at = time.monotonic()
        """When a page has last shown the run, in seconds of the monotonic clock."""
        # Held weakly: a run that nobody holds any more is to give its memory back at once.
        plays = weakref.WeakMethod(self._plays)
        self.jobs = Jobs(lambda: (asked := plays()) is not None and asked())
        self._begin(trainer, source, place)

    def _begin(self, trainer: Trainer, source: Source, place: Place) -> None:
        self.place = place
        self._trainer = trainer
        self._initial_params = trainer.initial_params
        self.source = source
        self.playing = False
        self.target: Target | None = None
        self.notice: Notice | None = None
        self._target_start = 0.0
        self._sample: LiveSample | None = None
        self._sample_key: tuple[object, ...] = ()
        self._radius: float | None = None
        self._radius_due = 0.0
        self._radius_at = -1
        self._remembered_at = -1
        self._levels: Levels | None = None
        self._portrait: Portrait | None = None
        self._portrait_due = 0.0
        self._serial += 1
        self.jobs.forget()
        self.pacer = Pacer()
        self._meter = Meter()
        self._sparks: dict[str, deque[float]] = {}

    def _plays(self) -> bool:
        return self.playing

    @contextmanager
    def _steering(self) -> Iterator[Trainer]:
        """The trainer, for a command: a tick in progress ends after its current step."""
        with self._count:
            self._callers += 1
        try:
            with self._lock:
                yield self._trainer
        finally:
            with self._count:
                self._callers -= 1

    @contextmanager
    def _waiting(self) -> Iterator[Trainer]:
        """The trainer, once a tick in progress has come to its own end."""
        with self._lock:
            yield self._trainer

    # What the page asks

    @property
    def run_id(self) -> str:
        """The id under which the run is found, and kept in the store; a new one after a reset."""
        return self.place.run_id

    @property
    def serial(self) -> int:
        """A number that changes when the run begins anew, with other weights or another text."""
        return self._serial

    @property
    def config(self) -> Config:
        """The settings in force."""
        return self._trainer.config

    @property
    def text(self) -> str:
        """The whole text, the held-out part included."""
        return self._trainer.text

    @property
    def chars(self) -> tuple[str, ...]:
        """The vocabulary."""
        return self._trainer.vocabulary.chars

    @property
    def iteration(self) -> int:
        """How many steps have been taken."""
        return self._trainer.iteration

    @property
    def trainer(self) -> Trainer:
        """The trainer itself, for tests and measurements while nothing trains."""
        return self._trainer

    def levels(self) -> Levels:
        """The reference levels of the text; computed once."""
        with self._steering() as trainer:
            if self._levels is None:
                ids = trainer.vocabulary.encode(trainer.text)
                self._levels = levels(ids, len(trainer.vocabulary))
            return self._levels

    def portrait(self) -> Portrait:
        """The network as it stands now, for an analysis."""
        with self._steering() as trainer:
            return portrait_of(trainer)

    def rehearsal(self) -> Moment:
        """The moment that the next step would be; the run stays as it is."""
        with self._steering() as trainer:
            return trainer.rehearsal()

    # What the buttons do

    def play(self) -> None:
        """Train at every tick from now on."""
        with self._steering():
            if self._leads_here():
                if self.target is not None and self._reached(self._trainer):
                    self.target = None
                self.playing = True

    def _leads_here(self, take_over: bool = False) -> bool:
        """Whether no other program trains the run; if one did meanwhile, its work is taken up."""
        try:
            newer = self.place.lead(self._trainer, self.source, take_over)
        except LeaseError as error:
            self._give_way(str(error))
            return False
        if newer is not None:
            self._take_up(newer)
        self.notice = None
        return True

    def _give_way(self, sentence: str) -> None:
        """Training ends here, for the reason that the sentence tells."""
        self._rest()
        self.target = None
        self.notice = Notice("led", sentence)

    def _take_up(self, trainer: Trainer) -> None:
        """Go on from where another program has brought the run."""
        self._trainer = trainer
        self._sample = self._portrait = None

    def watch(self) -> str | None:
        """Who else trains the run, if anybody does; what was saved there since is shown from now on."""
        with self._steering() as trainer:
            if self.playing:
                return None
            sentence, newer = self.place.watch(trainer)
            if newer is not None:
                self._take_up(newer)
            return sentence

    def pause(self) -> None:
        """Stop training after the current step."""
        with self._steering():
            if self.playing:
                self._rest()

    def settle(self) -> None:
        """Wait until all that was trained is saved, or could not be."""
        with self._steering():
            self.place.settle()

    def say(self, kind: str, sentence: str) -> None:
        """Let the page show this sentence until training goes on."""
        self.notice = Notice(kind, sentence)

    def _rest(self, status: Status = "paused") -> None:
        self.playing = False
        self.pacer.rest()
        self._meter.rest()
        self.place.rest(self._trainer, status)

    def step(self) -> None:
        """Pause, and take exactly one iteration."""
        with self._steering():
            self._rest()
            self.target = None
            if self._leads_here() and self._caught(self._one_step):
                self._rest()

    def run_to(self, target: Target) -> None:
        """Train until the target is reached; says so at once if it is reached already."""
        with self._steering():
            if not self._leads_here():
                return
            self.target = target
            self._target_start = self._measure(self._trainer)
            if self._reached(self._trainer):
                self._rest()
                self._arrive()
            else:
                self.playing = True

    def reset(self, config: Config | None = None) -> None:
        """Begin anew, paused, with the same text: from the seed's weights, or another config's."""
        self.restart(self.text, config or self.config, self.source)

    def restart(self, text: str, config: Config, source: Source) -> None:
        """Begin anew, paused, with this text; if it raises, the run in progress goes on untouched."""
        trainer = Trainer(text, config)
        with self._steering():
            if self.playing:
                self._rest()
            self._begin(trainer, source, self.place.next())

    def apply(self, **changes: object) -> None:
        """Change live settings; they act on the next iteration. Raises as `Trainer.apply` does."""
        with self._steering() as trainer:
            trainer.apply(**changes)
            if not self.playing and trainer.iteration and self._leads_here():
                self._rest()

    def recover(self) -> None:
        """After a divergence: train on from the last good state with a tenth of the learning rate."""
        with self._steering():
            if self._leads_here():
                lower = max(_LOWEST_RATE, self.config.learning_rate / 10)
                self._trainer.apply(learning_rate=lower)
                self.playing = True

    def take_over(self) -> None:
        """Train the run here from now on, though another program does."""
        with self._steering():
            if self._leads_here(take_over=True):
                self.playing = True

    def _one_step(self) -> object:
        return self.place.advance(self._trainer, 0.0, lambda: True)

    # Who leads, where several tabs look at the run

    def leads(self, visitor: str, present: Callable[[str], bool]) -> bool:
        """Whether ``visitor``, whose beat this is, trains the run: one does, the others follow.

        Who was first leads until it falls silent or is no longer ``present``.
        """
        now = time.monotonic()
        with self._count:
            leader, silent = self._leader, now - self._leader_seen
            if visitor != leader and silent < LEADER_SILENT and present(leader):
                return False
            self._leader, self._leader_seen = visitor, now
            return True

    def take_lead(self, visitor: str) -> None:
        """Let ``visitor`` train the run from now on, whoever did so before."""
        with self._count:
            self._leader, self._leader_seen = visitor, time.monotonic()

    def attended(self, present: Callable[[str], bool]) -> bool:
        """Whether the run trains and the page that leads it is ``present``."""
        return self.playing and self._leader != "" and present(self._leader)

    # What a tick does

    def tick(self) -> None:
        """Train for as long as the pace allows, if the run is playing, once it is this run's turn."""
        if self.playing:
            # The turn comes before the lock, so that a click need not wait for it.
            with TURNS.turn(self._name) as entered:
                if entered:
                    self._train()

    def _train(self) -> None:
        with self._lock:
            if not self.playing or not self._may_train():
                return
            trainer = self._trainer
            began = time.perf_counter()
            before, characters = trainer.iteration, trainer.characters_seen
            trained = self._caught(
                partial(
                    self.place.advance,
                    trainer,
                    self.pacer.tick_seconds,
                    self._should_stop,
                )
            )
            if not trained:
                return
            ended = time.perf_counter()
            self._meter.add(
                ended,
                ended - began,
                trainer.iteration - before,
                trainer.characters_seen - characters,
            )
            if self.target is not None and self._reached(trainer):
                self._rest()
                self._arrive()

    def _may_train(self) -> bool:
        """Whether training may go on here: nobody else trains the run by now, or wants it to rest."""
        if self.place.lost is not None:
            self._give_way(self.place.lost)
        elif self.place.wish is not None:
            self._give_way("Training was paused from elsewhere.")
        elif self.place.unled:
            self._leads_here()
        return self.playing

    def doze(self) -> None:
        """Have the run saved, and let others lead it, if no page has asked for a tick for long.

        It goes on by itself with the next tick.
        """
        silent = time.monotonic() - self._leader_seen
        if self.playing and silent >= DOZE_SECONDS and not self.place.unled:
            with self._steering() as trainer:
                self.pacer.rest()
                self._meter.rest()
                self.place.rest(trainer)

    def save_again(self) -> None:
        """Try once more to save what could not be saved when training stopped."""
        if self.place.unsaved:
            with self._steering() as trainer:
                self.place.save_again(trainer, self.source)

    def view(self, hurry: bool = True, whole: bool = True) -> LiveView:
        """What there is to see now; without ``hurry`` it waits until the tick in progress is over.

        A view that is not ``whole`` costs training less: live sample, histograms, gauges and
        sparklines are left out.
        """
        self.looked_at = time.monotonic()
        with self._steering() if hurry else self._waiting() as trainer:
            if whole:
                self._renew_sample(trainer)
                self._renew_radius(trainer)
            sample = self._sample if whole else None
            snapshot = take(trainer, self._initial_params, sample, self._radius, whole)
            return LiveView(
                serial=self._serial,
                snapshot=snapshot,
                portrait=self._renewed_portrait(trainer),
                playing=self.playing,
                pace=self._meter.pace(),
                target=self.target,
                progress=self._progress(trainer),
                sparks=self._remember(snapshot) if whole else {},
            )

    def _should_stop(self) -> bool:
        return self._callers > 0 or (self.target is not None and self._reached(self._trainer))

    def _reached(self, trainer: Trainer) -> bool:
        target = self.target
        assert target is not None
        if target.iteration is not None:
            return trainer.iteration >= target.iteration
        assert target.loss is not None
        return trainer.smooth_loss / trainer.config.seq_length <= target.loss

    def _measure(self, trainer: Trainer) -> float:
        assert self.target is not None
        if self.target.iteration is not None:
            return float(trainer.iteration)
        return trainer.smooth_loss / trainer.config.seq_length

    def _progress(self, trainer: Trainer) -> float | None:
        if self.target is None:
            return None
        goal = self.target.iteration if self.target.iteration is not None else self.target.loss
        assert goal is not None
        way = goal - self._target_start
        share = (self._measure(trainer) - self._target_start) / way if way else 1.0
        return min(1.0, max(0.0, share))

    def _arrive(self) -> None:
        assert self.target is not None
        if self.target.iteration is not None:
            said = f"Iteration {self.target.iteration:,} is reached"
        else:
            said = f"The smooth loss has reached {self.target.loss:.4g} nats per character"
        self.notice = Notice("target", f"{said}, so training has paused.")
        self.target = None

    def _caught(self, training: Callable[[], object]) -> bool:
        """Whether it went well; what goes wrong becomes a pause and one sentence, the run is kept."""
        try:
            training()
        except Divergence as divergence:
            self._diverged(divergence)
        except Exception:
            _LOGGER.exception("a training step failed")
            self._rest()
            self.target = None
            self.notice = Notice(
                "fault",
                "A training step failed for a reason that lies in this program, so training is paused; "
                "the run is as it was, and the server's log says what happened.",
            )
        else:
            return True
        return False

    def _diverged(self, divergence: Divergence) -> None:
        self._rest("diverged")
        self.target = None
        self.notice = Notice(
            "diverged",
            f"Training diverged at iteration {divergence.iteration:,}: {divergence.reason}. "
            f"It is paused at its last good state, iteration {divergence.restored:,}.",
        )

    def _renew_sample(self, trainer: Trainer) -> None:
        config = trainer.config
        # While training, a sample stays until the interval has passed; at rest it is of this moment.
        every = config.sample_interval if self.playing else 1
        moment = (every, trainer.iteration // every)
        key = (moment, config.sample_length, config.temperature, config.top_k)
        if self._sample is None or key != self._sample_key:
            self._sample = draw_live_sample(trainer, GREEDY_LENGTH)
            self._sample_key = key

    def _renewed_portrait(self, trainer: Trainer) -> Portrait:
        now = time.perf_counter()
        portrait = self._portrait
        changed = portrait is None or (portrait.iteration, portrait.config) != (
            trainer.iteration,
            trainer.config,
        )
        if portrait is None or (changed and (not self.playing or now >= self._portrait_due)):
            portrait = self._portrait = portrait_of(trainer)
            self._portrait_due = now + PORTRAIT_SECONDS
        return portrait

    def _renew_radius(self, trainer: Trainer) -> None:
        now = time.perf_counter()
        if trainer.iteration == self._radius_at or (self.playing and now < self._radius_due):
            return
        self._radius = spectral_radius(trainer.params["Whh"])
        self._radius_at = trainer.iteration
        took = time.perf_counter() - now
        self._radius_due = now + max(0.5, _RADIUS_PAUSE * took)

    def _remember(self, snapshot: Snapshot) -> dict[str, list[float]]:
        """Add this moment's gauges to the sparklines, once for each state that was looked at."""
        fresh = snapshot.iteration != self._remembered_at
        self._remembered_at = snapshot.iteration
        pace = self._meter.pace()
        gauges = snapshot.gauges
        values = {
            "speed": pace.iterations_per_second if pace else None,
            "gradient": gauges.gradient_norm,
            "saturated": gauges.saturated_share,
            "update": gauges.update_ratio,
            "rate": gauges.effective_rate,
            "radius": gauges.spectral_radius,
        }
        for name, value in values.items():
            if fresh and value is not None and math.isfinite(value):
                self._sparks.setdefault(name, deque(maxlen=SPARKLINE)).append(value)
        return {name: list(self._sparks.get(name, ())) for name in values}
