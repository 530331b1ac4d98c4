"""The runs of this server: those in memory, and the store they are kept in.

Each has an id that cannot be guessed. A page that is loaded again finds its run by the id in its
address: in memory, or else in the store, where it stands as it was last saved.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rnn.store import DamagedError, NoRunError, Store, default_folder
from ui.live import LiveRun
from ui.place import Place, Source

MOST_RUNS = 24
"""More than this, and the one that was looked at longest ago leaves memory. A run with the largest
network holds tens of megabytes, so that this many fit a laptop's memory."""

_OPENING = threading.Lock()
_stores: list[Store] = []


def store() -> Store:
    """The store of this server, opened when it is first asked for. Raises StoreError."""
    with _OPENING:
        if not _stores:
            _stores.append(Store(default_folder()))
        return _stores[0]


class Runs:
    """Live runs by id; the longest unseen leaves memory when there are too many."""

    def __init__(self, most: int = MOST_RUNS, opened: Callable[[], Store] = store) -> None:
        """Hold at most ``most`` runs, beside those in the store that ``opened`` gives."""
        self._most = most
        self._store = opened
        self._lock = threading.Lock()
        self._seen: dict[LiveRun, float] = {}

    def place(self) -> Place:
        """A place for a new run."""
        return Place(self._store)

    def add(self, run: LiveRun) -> None:
        """Hold ``run`` under its id."""
        gone = []
        with self._lock:
            self._seen[run] = time.monotonic()
            while len(self._seen) > self._most:
                oldest = min(self._seen, key=lambda held: self._seen[held])
                del self._seen[oldest]
                gone.append(oldest)
        for left in gone:
            left.pause()

    def find(self, run_id: str) -> LiveRun | None:
        """The run in memory that has this id now, or ``None``."""
        with self._lock:
            for run in self._seen:
                if run.run_id == run_id:
                    self._seen[run] = time.monotonic()
                    return run
        return None

    def reach(self, run_id: str) -> LiveRun:
        """The run of this id, from memory or from the store.

        Raises NoRunError if there is none, DamagedError if no state of it can be read, StoreError if
        the store cannot be used. Where only the newest state is damaged, the newest whole one is
        opened, and the run's notice says so.
        """
        return self.find(run_id) or self._open(run_id)

    def _open(self, run_id: str) -> LiveRun:
        opened = self._store()
        row = opened.run(run_id)
        if row.deleted is not None:
            raise NoRunError("That run has been deleted; the Compare page can bring it back.")
        trouble = None
        try:
            trainer = opened.load(run_id)
        except DamagedError as error:
            if error.whole is None:
                raise
            trouble = str(error)
            trainer = opened.load_snapshot(run_id, error.whole)
        place = Place(self._store, run_id, entered=True)
        run = LiveRun.of(trainer, Source(row.source_key, row.source_title), place)
        if trouble:
            run.say("fault", trouble)
        with self._lock:
            twin = next((held for held in self._seen if held.run_id == run_id), None)
        if twin is None:
            self.add(run)
        return twin or run

    def close(self) -> None:
        """Pause every run and wait until all is saved, because the server ends."""
        with self._lock:
            held = list(self._seen)
        for run in held:
            run.pause()
        for run in held:
            run.settle()


RUNS = Runs()
# Registered here, so that it happens before the threads that write are waited for and gone.
threading._register_atexit(RUNS.close)  # type: ignore[attr-defined]
