"""What one worker process does: lead a run, train it to its goal, save it, and give it back.

`train` is the work itself. `begin` and `work` are how a process does it: at the lowest priority, and
stopping, once its step is over and the run is saved, when it is told to, when it is sent SIGTERM, or
when the process that started it is no more. A Ctrl-C meant for the server does not reach it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event, Thread
from typing import Literal

from rnn.store import LeaseError, Recorder, Status, Store, StoreError
from rnn.trainer import Divergence, Trainer

KIND = "grid"  # of the leases: "This run is being trained by the grid"
PIECE = 1.0  # seconds of training between two looks at what others wish
NICENESS = 19
HAND_IN = 3.0  # seconds that a worker without work waits for its result to be collected

Kind = Literal[
    "done", "paused", "stopped", "diverged", "interrupted", "taken over", "killed", "failed"
]

STATUS: dict[Kind, Status] = {
    "done": "done",
    "paused": "paused",
    "stopped": "done",
    "diverged": "diverged",
    "interrupted": "paused",
}
"""How a run stands in the store after each ending at which it is saved."""

_WISHES: dict[str | None, Kind] = {"pause": "paused", "stop": "stopped"}


@dataclass(frozen=True)
class Progress:
    """How far a run is: iterations, the smooth loss in nats per character, iterations a second.

    `trouble` is one sentence while the store refuses to save it.
    """

    iteration: int
    loss: float
    pace: float | None = None
    trouble: str = ""


@dataclass(frozen=True)
class Outcome:
    """How a worker's time with a run ended, and one sentence where there is more to say."""

    kind: Kind
    sentence: str = ""


def never() -> bool:
    """Go on to the goal."""
    return False


def untold(progress: Progress) -> None:
    """Nobody listens."""


def train(
    store: Store,
    run_id: str,
    goal: int,
    stopping: Callable[[], bool] = never,
    tell: Callable[[Progress], None] = untold,
) -> Outcome:
    """Train a run of the store until it has `goal` iterations; it is saved whatever ends this.

    The wishes "pause" and "stop" are obeyed within a piece, `stopping` is asked after every step, and
    `tell` hears of the progress after every piece. Whoever takes the lead over keeps it.
    """
    try:
        lease = store.lead(run_id, KIND)
    except LeaseError as error:
        return Outcome("taken over", str(error))
    except StoreError as error:
        return Outcome("failed", str(error))
    try:
        trainer = store.load(run_id)
        recorder = Recorder(store, lease, trainer)
    except StoreError as error:
        store.release(lease)
        return Outcome("failed", str(error))
    try:
        return _Shift(store, run_id, goal, trainer, recorder, stopping, tell).work()
    finally:
        recorder.close()


@dataclass(frozen=True)
class _Shift:
    """One run in the hands of one worker."""

    store: Store
    run_id: str
    goal: int
    trainer: Trainer
    recorder: Recorder
    stopping: Callable[[], bool]
    tell: Callable[[Progress], None]

    def work(self) -> Outcome:
        try:
            ending = self._train()
        except Divergence as divergence:
            ending = Outcome("diverged", str(divergence))
        if ending.kind not in STATUS:
            return ending
        try:
            self.recorder.save(self.trainer, STATUS[ending.kind])
            self.store.wish(self.run_id, None)
        except StoreError as error:
            return Outcome("failed", str(error))
        return ending

    def _train(self) -> Outcome:
        with suppress(StoreError):  # what the disk refuses is told by the recorder
            self.store.set_status(self.run_id, "training")
        self._report(None)
        while self.trainer.iteration < self.goal:
            asked = self._asked()
            if asked is not None:
                return Outcome(asked)
            self._piece()
            if self.recorder.lost is not None:
                return Outcome("taken over", str(self.recorder.lost))
        return Outcome("done")

    def _asked(self) -> Kind | None:
        if self.stopping():
            return "interrupted"
        with suppress(StoreError):
            if self.store.run(self.run_id).deleted is not None:
                return "stopped"
            return _WISHES.get(self.store.wished(self.run_id))
        return None

    def _piece(self) -> None:
        trainer, before, began = self.trainer, self.trainer.iteration, time.perf_counter()
        self.recorder.advance(
            trainer, PIECE, lambda: trainer.iteration >= self.goal or self.stopping()
        )
        passed = max(time.perf_counter() - began, 1e-9)
        self._report((trainer.iteration - before) / passed)

    def _report(self, pace: float | None) -> None:
        loss = self.trainer.smooth_loss / self.trainer.config.seq_length
        trouble = str(self.recorder.trouble or "")
        self.tell(Progress(self.trainer.iteration, loss, pace, trouble))


# -- a process that does so ------------------------------------------------------------------------


class _Desk:
    """What this process needs: the line to the one that started it, and whether it is to stop."""

    def __init__(self, line: Connection) -> None:
        self.line = line
        self.stopping = Event()
        self.idle = Event()
        self.idle.set()

    def watch(self) -> None:
        """Wait for the word to stop, or for the end of the other side; then end this process."""
        with suppress(EOFError, OSError):
            self.line.recv()
        self.stopping.set()
        self.idle.wait()
        # Normally the process ends by itself before that; but without the one that started it, it
        # would wait for more work for ever.
        time.sleep(HAND_IN)
        os._exit(0)

    def tell(self, progress: Progress | None) -> None:
        with suppress(OSError):
            self.line.send(progress)


_desks: list[_Desk] = []


def begin(line: Connection) -> None:
    """Prepare this process to `work`; progress goes out through `line`, whose end says stop."""
    desk = _Desk(line)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: desk.stopping.set())
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    _desks.append(desk)
    Thread(target=desk.watch, name="watch", daemon=True).start()


def work(folder: Path, run_id: str, goal: int) -> Outcome:
    """Train a run of the store in `folder` as `train` does; None goes out at the end of the progress."""
    desk = _desks[-1]
    desk.idle.clear()
    try:
        return train(Store(folder), run_id, goal, desk.stopping.is_set, desk.tell)
    except StoreError as error:
        return Outcome("failed", str(error))
    finally:
        desk.tell(None)
        desk.idle.set()
