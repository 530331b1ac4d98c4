"""The runs of this server: those in memory, and the store they are kept in.

Each has an id that cannot be guessed. A page that is loaded again finds its run by the id in its
address: in memory, or else in the store, where it stands as it was last saved.

The browser's timer is what trains, so a run whose page is gone stops by itself. It is saved after
`ui.live.DOZE_SECONDS`, and others may train it then. After `FORGET_SECONDS` it leaves memory, if all
of it is in the store. If it was training, it goes on as soon as a page shows it again.
"""

from __future__ import annotations

import logging
import math
import threading
import time
import weakref
from collections.abc import Callable

from rnn.presets import PRESET
from rnn.store import DamagedError, NoRunError, Store
from rnn.store.index import FILE
from ui import visitors
from ui.live import LiveRun
from ui.options import runs_folder
from ui.place import Place, Source

_LOGGER = logging.getLogger(__name__)

MOST_RUNS = 24
"""More than this, and the one that was looked at longest ago leaves memory, unless an open page trains
it. A run with the largest network holds tens of megabytes, so that this many fit a laptop's memory."""

FORGET_SECONDS = 100.0
"""A run that no page has shown for so long leaves memory, shortly before those pages are closed."""

KEEP_SECONDS = 3600.0
"""So long somebody's own text stays before it was trained on, which the store does not have. What was
trained and could not be saved stays as long as there is room."""

TIDY_SECONDS = 2.0
"""How often the server looks after runs whose pages are gone."""

_MOST_IDS = 1000

_OPENING = threading.Lock()
_stores: list[Store] = []


def store() -> Store:
    """The store of this server, opened when it is first asked for, and made anew if it was taken away.

    Raises StoreError.
    """
    with _OPENING:
        if _stores and not (_stores[0].folder / FILE).exists():
            _stores.clear()
        if not _stores:
            _stores.append(Store(runs_folder()))
        return _stores[0]


def _patience(run: LiveRun) -> float:
    """For how many seconds the run stays in memory after a page has last shown it."""
    if run.place.kept:
        return FORGET_SECONDS
    if run.iteration:
        return math.inf
    return FORGET_SECONDS if run.source.key in PRESET else KEEP_SECONDS


class Runs:
    """Live runs by id; the longest unseen at rest leaves memory when there are too many."""

    def __init__(self, most: int = MOST_RUNS, opened: Callable[[], Store] = store) -> None:
        """Hold at most ``most`` runs, beside those in the store that ``opened`` gives."""
        self._most = most
        self._store = opened
        self._lock = threading.Lock()
        self._seen: dict[LiveRun, float] = {}
        # A page may still show a run that has left memory here; it must not be opened a second time.
        self._known: weakref.WeakSet[LiveRun] = weakref.WeakSet()
        self._going_on: dict[str, None] = {}

    def place(self) -> Place:
        """A place for a new run."""
        return Place(self._store)

    def add(self, run: LiveRun) -> None:
        """Hold ``run`` under its id."""
        with self._lock:
            self._known.add(run)
            self._seen[run] = time.monotonic()
            gone = self._missed_least(run)
            for left in gone:
                del self._seen[left]
        for left in gone:
            self._leave(left)

    def _missed_least(self, new: LiveRun) -> list[LiveRun]:
        """The runs that have to leave so that ``new`` has room."""
        idle = [run for run in self._seen if run is not new and not run.attended(visitors.present)]
        idle.sort(key=lambda run: (_patience(run), self._seen[run]))
        return idle[: max(0, len(self._seen) - self._most)]

    @property
    def alive(self) -> int:
        """How many runs are in memory: those that are held here, and those that a page still holds."""
        with self._lock:
            return len(self._known)

    def find(self, run_id: str) -> LiveRun | None:
        """The run in memory that has this id now, or ``None``."""
        with self._lock:
            found = next((run for run in self._known if run.run_id == run_id), None)
            held = found in self._seen
            if found is not None and held:
                self._seen[found] = time.monotonic()
        if found is not None and not held:
            self._return(found)
        return found

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
            twin = next((held for held in self._known if held.run_id == run_id), None)
        if twin is None:
            self._return(run)
        return twin or run

    def _return(self, run: LiveRun) -> None:
        """Hold a run again; if it was training when it left, it goes on."""
        self.add(run)
        with self._lock:
            goes_on = run.run_id in self._going_on
            self._going_on.pop(run.run_id, None)
        if goes_on and run.notice is None:
            run.play()

    def _leave(self, run: LiveRun) -> None:
        with self._lock:
            if run.playing:
                self._going_on[run.run_id] = None
                while len(self._going_on) > _MOST_IDS:
                    del self._going_on[next(iter(self._going_on))]
        run.pause()

    # -- pages that are gone -----------------------------------------------------------------------

    def tidy(self) -> None:
        """Save what trained until its page went, and give back the memory of what is saved."""
        with self._lock:
            held = dict(self._seen)
        now = time.monotonic()
        for run, seen in held.items():
            run.doze()
            run.save_again()
            if now - max(seen, run.looked_at) >= _patience(run):
                with self._lock:
                    self._seen.pop(run, None)
                self._leave(run)

    def close(self) -> None:
        """Pause every run and wait until all is saved, because the server ends."""
        with self._lock:
            known = list(self._known)
        for run in known:
            run.pause()
        for run in known:
            run.settle()
            run.save_again()
            run.settle()


class Caretaker:
    """A thread that tidies up every few seconds, from the first time that it is asked to begin."""

    def __init__(self, tidy: Callable[[], None], seconds: float = TIDY_SECONDS) -> None:
        """Call ``tidy`` every so many ``seconds``."""
        self._tidy = tidy
        self._seconds = seconds
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._guard = threading.Lock()

    def begin(self) -> None:
        """Begin, if it has not begun before."""
        with self._guard:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="caretaker", daemon=True)
                self._thread.start()

    def end(self) -> None:
        """Let the present round be the last, and wait for it."""
        self._over.set()
        with self._guard:
            if self._thread is not None:
                self._thread.join()

    def _work(self) -> None:
        while not self._over.wait(self._seconds):
            try:
                self._tidy()
            except Exception:
                _LOGGER.exception("runs whose pages are gone could not be looked after")


RUNS = Runs()


def _tidy() -> None:
    RUNS.tidy()
    visitors.tidy()


CARETAKER = Caretaker(_tidy)


def _close() -> None:
    CARETAKER.end()
    RUNS.close()


# Registered here, so that it happens before the threads that write are waited for and gone.
threading._register_atexit(_close)  # type: ignore[attr-defined]
