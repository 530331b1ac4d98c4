"""What pages show of runs in the store, read once and kept while there is room."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from rnn import Config
from rnn.stills import Lens, Still, look
from rnn.store import Curve, RunRow, Snapshot, Store

V = TypeVar("V")


class Kept(Generic[V]):
    """The values that were asked for most recently, so many of them; for several threads."""

    def __init__(self, most: int) -> None:
        """Keep at most ``most`` values."""
        self._most = most
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, V] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """The value of ``key``, made if it is not there; what ``make`` raises is passed on."""
        found = self.find(key)
        if found is None:
            found = make()
            self.put(key, found)
        return found

    def find(self, key: Hashable) -> V | None:
        """The value of ``key``, None if it is not there (any more)."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: Hashable, value: V) -> None:
        """Keep a value; the one that was asked for longest ago goes if there are too many."""
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._most:
                self._values.popitem(last=False)


@dataclass(frozen=True)
class Setup:
    """What a run stood under at a saved state: its settings, its text, its vocabulary."""

    config: Config
    text: str
    chars: tuple[str, ...]


@dataclass(frozen=True)
class _Drawn:
    """The curve of a run as it stood when it was last saved; there is one of each run."""

    updated: float
    curve: Curve


_curves: Kept[_Drawn] = Kept(256)
_stills: Kept[Still] = Kept(4)
_setups: Kept[Setup] = Kept(16)


def curves(store: Store, runs: Iterable[RunRow]) -> dict[str, Curve]:
    """The curves of these runs by id, those that have changed since read in one query."""
    updated = {run.id: run.updated for run in runs}
    found: dict[str, Curve] = {}
    for run_id in updated:
        drawn = _curves.find((store.folder, run_id))
        if drawn is not None and drawn.updated == updated[run_id]:
            found[run_id] = drawn.curve
    missing = [run_id for run_id in updated if run_id not in found]
    fresh = store.curves(missing) if missing else {}
    for run_id, curve in fresh.items():
        _curves.put((store.folder, run_id), _Drawn(updated[run_id], curve))
    return found | fresh


def still(store: Store, run_id: str, state: Snapshot, lens: Lens) -> Still:
    """A saved state seen through a lens. Raises StoreError, or UnknownCharacter."""
    key = (store.folder, run_id, state.file, lens)
    return _stills.get(key, lambda: look(store.load_snapshot(run_id, state.iteration), lens))


def setup(store: Store, run_id: str, state: Snapshot) -> Setup:
    """What the run stood under at a saved state. Raises StoreError."""

    def read() -> Setup:
        trainer = store.load_snapshot(run_id, state.iteration)
        return Setup(trainer.config, trainer.text, trainer.vocabulary.chars)

    return _setups.get((store.folder, run_id, state.file), read)
