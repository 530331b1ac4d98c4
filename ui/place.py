"""Where a live run is kept: its id, and its recorder in the store while it trains."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from rnn import StepRecord, Trainer
from rnn.store import Card, Lease, LeaseError, NoRunError, Recorder, Status, Store, StoreError
from rnn.store.rows import new_id

_LOGGER = logging.getLogger(__name__)
_CLOSING = ThreadPoolExecutor(max_workers=1, thread_name_prefix="closing")
_HOLDER = secrets.token_urlsafe(12)

KIND = "dashboard"
RETRY_SECONDS = 10.0
"""After the store could not be opened, training goes on unsaved, and this often it is tried again."""


@dataclass(frozen=True)
class Source:
    """Where a run's text came from: the key of a preset, or ``"own"``; and what to call it."""

    key: str
    title: str


class Place:
    """One run's place in the store. It passes the live run's lock with it: one thread at a time."""

    def __init__(
        self,
        store: Callable[[], Store] | None = None,
        run_id: str | None = None,
        entered: bool = False,
    ) -> None:
        """A place for a new run, or for ``run_id``, which has ``entered`` the store already or not.

        Without a ``store`` nothing is ever saved.
        """
        self._store = store
        self.run_id = run_id or new_id()
        self._entered = entered
        self._recorder: Recorder | None = None
        self._closing: Future[None] | None = None
        self._trouble: str | None = None
        self._retry_at = 0.0
        self._owed: Status | None = None

    def next(self) -> Place:
        """The place for a run that begins anew; what was ever saved stays where it is."""
        return Place(self._store, None if self._entered else self.run_id)

    @property
    def trouble(self) -> str | None:
        """Why the run cannot be saved at present, in one sentence."""
        if self._recorder is not None and self._recorder.trouble is not None:
            return str(self._recorder.trouble)
        return self._trouble

    @property
    def lost(self) -> str | None:
        """That somebody else trains the run now, in one sentence; then training must end here."""
        lost = self._recorder.lost if self._recorder else None
        return str(lost) if isinstance(lost, LeaseError) else None

    @property
    def wish(self) -> str | None:
        """What others have asked of the run while it trains here: "pause" or "stop"."""
        return self._recorder.wish if self._recorder else None

    @property
    def unled(self) -> bool:
        """Whether `lead` should be asked for, now, before the run trains on.

        Since the lead was given up at rest; since the store refused, some seconds ago; or since the
        store was taken away, and somebody else has made it anew, without this run.
        """
        if self._store is None or time.monotonic() < self._retry_at:
            return False
        return self._recorder is None or isinstance(self._recorder.lost, NoRunError)

    @property
    def saving(self) -> bool:
        """Whether the last state is on its way to the disk."""
        return self._closing is not None and not self._closing.done()

    @property
    def kept(self) -> bool:
        """Whether the store has the run as it stands, which rests."""
        rests = self._recorder is None and not self.saving
        return self._entered and rests and self._owed is None

    @property
    def unsaved(self) -> bool:
        """Whether the run rests and its state could not be saved: it is in memory only."""
        return self._owed is not None and not self.saving

    def lead(self, trainer: Trainer, source: Source, take_over: bool = False) -> Trainer | None:
        """Become the one who trains the run, which enters the store if it is new there.

        Returns the run as it stands if another program has trained it on meanwhile. Raises LeaseError
        if one does so now, unless it is to be taken over. When the disk refuses, ``trouble`` says so.
        """
        if self._store is None or not (self._recorder is None or self.unled):
            return None
        try:
            return self._open(self._store(), trainer, source, take_over)
        except LeaseError:
            raise
        except StoreError as error:
            self._trouble = str(error)
            self._retry_at = time.monotonic() + RETRY_SECONDS
            return None

    def _open(
        self, store: Store, trainer: Trainer, source: Source, take_over: bool
    ) -> Trainer | None:
        self.settle()
        if self._recorder is not None:
            self._recorder.close()
            self._recorder = None
        lease = self._lease(store, trainer, source, take_over)
        store.wish(self.run_id, None)  # what was asked of an earlier leader
        newer = None
        if store.run(self.run_id).iteration > trainer.iteration:
            newer = store.load(self.run_id)
        self._recorder = Recorder(store, lease, newer or trainer, background=True)
        self._trouble = self._owed = None
        return newer

    def _lease(self, store: Store, trainer: Trainer, source: Source, take_over: bool) -> Lease:
        if self._entered:
            try:
                return store.lead(self.run_id, KIND, holder=_HOLDER, take_over=take_over)
            except NoRunError:
                pass  # the store was taken away, and the run with it
        card = Card(source.title, source.key, source.title)
        store.create(trainer.text, trainer.state(), card, run_id=self.run_id)
        self._entered = True
        return store.lead(self.run_id, KIND, holder=_HOLDER)

    def watch(self, trainer: Trainer) -> tuple[str | None, Trainer | None]:
        """Who else trains the run now, in one sentence, and what that has come to since ``trainer``."""
        if self._store is None or not self._entered or self._recorder is not None:
            return None, None
        try:
            row = self._store().run(self.run_id)
            newer = None
            if row.iteration > trainer.iteration:
                newer = self._store().load(self.run_id)
        except StoreError:  # it is told when training goes on
            return None, None
        if row.leader is None or row.leader.holder == _HOLDER:
            return None, newer
        return f"The {row.leader.kind} trains this run; what it saves is shown here.", newer

    def advance(
        self, trainer: Trainer, seconds: float, should_stop: Callable[[], bool]
    ) -> StepRecord:
        """Train for ``seconds`` as `Trainer.advance` does, and have what is due saved.

        Raises Divergence as `Trainer.advance` does.
        """
        if self._recorder is None:
            return trainer.advance(seconds, should_stop=should_stop)
        return self._recorder.advance(trainer, seconds, should_stop)

    def rest(self, trainer: Trainer, status: Status = "paused") -> None:
        """Have the state saved, and then let others lead the run; copying is all the time this takes."""
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            self._owed = status if self._trouble is not None else self._owed
            return
        if recorder.lost is None:
            recorder.save(trainer, status, wait=False)
        elif isinstance(recorder.lost, NoRunError):
            self._owed = status
        self._closing = _CLOSING.submit(self._close, recorder, status)

    def _close(self, recorder: Recorder, status: Status) -> None:
        recorder.close()
        if recorder.trouble is not None:
            self._trouble, self._owed = str(recorder.trouble), status
            self._retry_at = time.monotonic() + RETRY_SECONDS
            _LOGGER.warning("a run could not be saved: %s", recorder.trouble)

    def save_again(self, trainer: Trainer, source: Source) -> None:
        """Try once more to save what could not be saved when the run was put to rest."""
        status = self._owed
        if status is None or self.saving:
            return
        with suppress(LeaseError):  # somebody else trains it by now
            newer = self.lead(trainer, source)
            if self._recorder is not None:
                self.rest(newer or trainer, status)

    def settle(self) -> None:
        """Wait until what was to be saved is saved, or could not be."""
        closing, self._closing = self._closing, None
        if closing is not None:
            closing.result()
