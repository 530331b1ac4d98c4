"""Saves one run while it trains: at snapshots, every few seconds, and when it is told to."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from rnn.state import State
from rnn.store import snapshots
from rnn.store.errors import LeaseError, NoRunError, StoreError, StoreGoneError
from rnn.store.leases import BEAT, Lease
from rnn.store.rows import Status
from rnn.store.store import Store
from rnn.trainer import StepRecord, Trainer

SAVE_EVERY = 5.0  # seconds of training between two saves, as long as they are quick
LONGEST_PAUSE = 9.0  # seconds between two saves, however slow
COST = 25.0  # how many times longer than a save the pause after it is, within these bounds
MOST_WAITING = 2  # states that may wait to be written before a snapshot has to wait for the disk


class Recorder:
    """Writes what a trainer does into the store, under one lease.

    The caller trains, and calls `note` between steps, often, with the trainer to itself: a state is
    copied then if one is due, which takes less than a millisecond with 100 hidden units, and written
    at once or, in the `background`, by a thread of the recorder's own. Written at once, snapshots lie
    exactly where they are wanted; in the background, where the disk has caught up.

    When the store refuses, training can go on: `trouble` says why, and the next save tries again. If
    the store was taken away it is made anew. If the lead was taken over, or the run removed, `lost`
    says so, and nothing more is written.
    """

    def __init__(
        self,
        store: Store,
        lease: Lease,
        trainer: Trainer,
        *,
        background: bool = False,
        every: float = SAVE_EVERY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Go on with the run that `lease` leads, where `trainer` stands as it was last saved."""
        self.trouble: StoreError | None = None
        self.lost: StoreError | None = None
        self.wish: str | None = None
        self._store, self._lease = store, lease
        self._row = store.run(lease.run_id)
        self._text = trainer.text
        self.seconds = self._row.seconds
        self._every, self._cost, self._clock = every, 0.0, clock
        self._mark(trainer)
        self._beaten = self._saved
        self._pace: float | None = None
        self._paced_from = (trainer.iteration, self.seconds)
        self._waiting: deque[Future[None]] = deque()
        self._thread = ThreadPoolExecutor(1, "recorder") if background else None

    def _mark(self, trainer: Trainer) -> None:
        self._saved, self._saved_at = self._clock(), trainer.iteration
        self._next_snapshot = snapshots.next_due(trainer.iteration)

    # -- while it trains -------------------------------------------------------------------------

    def advance(
        self, trainer: Trainer, seconds: float, should_stop: Callable[[], bool] = lambda: False
    ) -> StepRecord:
        """Train for `seconds` as `Trainer.advance` does, and note every snapshot on the way.

        Raises Divergence as `Trainer.advance` does.
        """
        end = time.perf_counter() + seconds
        while True:
            began = time.perf_counter()
            record = trainer.advance(
                max(0.0, end - began),
                should_stop=lambda: self.wants(trainer.iteration) or should_stop(),
            )
            stopped_for_snapshot = self.wants(trainer.iteration)
            self.note(trainer, time.perf_counter() - began)
            if not stopped_for_snapshot or should_stop() or time.perf_counter() >= end:
                return record

    def wants(self, iteration: int) -> bool:
        """Whether training should pause after this iteration for `note` to take a snapshot.

        In the background a snapshot waits until the disk has caught up, never training for the disk.
        """
        return iteration >= self._next_snapshot and self.lost is None and not self._is_behind()

    def _is_behind(self) -> bool:
        self._forget_written()
        return len(self._waiting) >= MOST_WAITING

    def note(self, trainer: Trainer, seconds: float) -> None:
        """Take in that `seconds` more were spent training; save, or give a sign of life, if due."""
        self.seconds += seconds
        if self.lost is not None:
            return
        if self._is_due(trainer.iteration):
            self._submit(self._saving(trainer, "training"))
            self._mark(trainer)
        elif self._clock() - self._beaten >= BEAT:
            self._beaten = self._clock()
            self._submit(self._beat)

    def _is_due(self, iteration: int) -> bool:
        went_back = iteration < self._saved_at  # after a divergence
        if went_back or self.wants(iteration):
            return True
        self._forget_written()
        pause = min(max(self._every, COST * self._cost), max(self._every, LONGEST_PAUSE))
        return not self._waiting and self._clock() - self._saved >= pause

    def save(self, trainer: Trainer, status: Status = "paused", wait: bool = True) -> None:
        """Save now, however little has changed, and `wait` until it is on the disk.

        If waited for, raises StoreError when it could not be saved: what `lost` or `trouble` says.
        """
        if self.lost is None:
            self._submit(self._saving(trainer, status))
            self._mark(trainer)
        if wait:
            self._finish()
            trouble = self.lost or self.trouble
            if trouble is not None:
                raise trouble

    def close(self) -> None:
        """Write what is still waiting, and give the lead back."""
        self._finish()
        if self._thread is not None:
            self._thread.shutdown()
        with suppress(StoreError):  # a lease that nobody renews runs out by itself
            self._store.release(self._lease)

    # -- writing ---------------------------------------------------------------------------------

    def _saving(self, trainer: Trainer, status: Status) -> Callable[[], None]:
        """Copies the state now; the result writes it."""
        return partial(self._save, trainer.state(), self.seconds, self._measure(trainer), status)

    def _measure(self, trainer: Trainer) -> float | None:
        """Iterations a second since the pace was last measured, over half a second at least."""
        iteration, seconds = self._paced_from
        passed = self.seconds - seconds
        if passed >= 0.5:
            self._pace = max(0, trainer.iteration - iteration) / passed
            self._paced_from = (trainer.iteration, self.seconds)
        return self._pace

    def _submit(self, work: Callable[[], None]) -> None:
        if self._thread is None:
            work()
            return
        self._waiting.append(self._thread.submit(work))
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popleft().result()

    def _forget_written(self) -> None:
        while self._waiting and self._waiting[0].done():
            self._waiting.popleft().result()

    def _finish(self) -> None:
        while self._waiting:
            self._waiting.popleft().result()

    def _save(self, state: State, seconds: float, pace: float | None, status: Status) -> None:
        if self.lost is not None:
            return
        began = time.perf_counter()
        try:
            self._write(state, seconds, pace, status)
            self.trouble = None
        except (LeaseError, NoRunError) as error:
            self.lost = error
        except StoreError as error:
            self.trouble = error
        self._cost = time.perf_counter() - began
        self._beaten = self._clock()

    def _write(self, state: State, seconds: float, pace: float | None, status: Status) -> None:
        try:
            self._put(state, seconds, pace, status)
        except StoreGoneError:
            self._store.revive(self._row, self._text, state)
            self._lease = self._store.lead(self._lease.run_id, self._lease.kind, self._lease.holder)
            self._put(state, seconds, pace, status)

    def _put(self, state: State, seconds: float, pace: float | None, status: Status) -> None:
        self._store.save(self._lease, self._text, state, seconds=seconds, pace=pace, status=status)

    def _beat(self) -> None:
        if self.lost is not None:
            return
        try:
            self.wish = self._store.heartbeat(self._lease)
        except (LeaseError, NoRunError) as error:
            self.lost = error
        except StoreError:
            pass  # what the disk refuses is told by the next save
