"""When a run ends by itself, and the loop that trains until then."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from types import FrameType

from rnn.trainer import StepRecord, Trainer

PORTION = 0.2  # seconds of training between two looks at the listeners


@dataclass(frozen=True)
class Limits:
    """When to stop; None is no limit.

    `iterations` is the length of the whole run, a resumed part included. `target_loss` is a smooth
    loss in nats per window, `patience` the iterations to go on without a new lowest smooth loss.
    """

    iterations: int | None = None
    target_loss: float | None = None
    seconds: float | None = None
    patience: int | None = None


class Watch:
    """Asked after every step whether to stop; `reason` then says why, and is empty before."""

    def __init__(
        self,
        trainer: Trainer,
        limits: Limits,
        interrupted: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """Start the clock."""
        self._trainer = trainer
        self._limits = limits
        self._interrupted = interrupted
        self._clock = clock
        self._start = clock()
        self._first = trainer.iteration
        self._best, self._best_at = math.inf, trainer.iteration
        self.reason = ""

    def __call__(self) -> bool:
        """Whether to stop now."""
        trainer = self._trainer
        if trainer.smooth_loss < self._best:
            self._best, self._best_at = trainer.smooth_loss, trainer.iteration
        self.reason = self._reason(trainer.iteration, trainer.smooth_loss)
        return self.reason != ""

    def _reason(self, iteration: int, smooth_loss: float) -> str:
        limits = self._limits
        if self._interrupted():
            return "interrupted"
        if limits.target_loss is not None and smooth_loss <= limits.target_loss:
            return f"the smooth loss reached {smooth_loss:.2f} nats per window"
        if limits.iterations is not None and iteration >= limits.iterations:
            return "all iterations done"
        if limits.patience is not None and iteration - self._best_at >= limits.patience:
            return f"no new lowest smooth loss for {limits.patience:,} iterations"
        if limits.seconds is not None and self._clock() - self._start >= limits.seconds:
            return "the time is up"
        return ""

    def iterations_left(self) -> float:
        """How many iterations the limit of iterations leaves; infinite without one."""
        limit = self._limits.iterations
        return math.inf if limit is None else limit - self._trainer.iteration

    def pace(self) -> float:
        """Iterations a second since the start."""
        return (self._trainer.iteration - self._first) / max(self._clock() - self._start, 1e-9)

    def seconds_left(self) -> float:
        """An estimate from the pace so far and the limits; infinite when neither limit is set."""
        limit = self._limits.seconds
        time = math.inf if limit is None else limit - (self._clock() - self._start)
        return max(0.0, min(time, self.iterations_left() / max(self.pace(), 1e-9)))


Listener = Callable[[Trainer, StepRecord], None]


def run(trainer: Trainer, watch: Watch, listeners: Sequence[Listener], every: int) -> None:
    """Train until the watch says stop; at least one iteration. Raises Divergence.

    The listeners are called several times a second, and after every iteration that is a multiple of
    the sample interval or of `every`; they cannot change the run.
    """
    while not watch.reason:
        steps = min(_steps_to_show(trainer, every), watch.iterations_left())
        record = trainer.advance(seconds=PORTION, steps=int(steps), should_stop=watch)
        watch()  # the trainer may not have asked after the last step of the portion
        for listener in listeners:
            listener(trainer, record)


def _steps_to_show(trainer: Trainer, every: int) -> int:
    """How many steps complete the next iteration that is a multiple of either interval."""
    intervals = (every, trainer.config.sample_interval)
    return min(-trainer.iteration % interval for interval in intervals) + 1


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Inside, a first Ctrl-C only makes the given function answer True; a second one interrupts.

    So the step that is under way is finished, and what is saved is whole. In a thread other than
    the main one, which no signal reaches, nothing changes.
    """
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set
        return

    def press(signum: int, frame: FrameType | None) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, press)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)
