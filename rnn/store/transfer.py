"""A run as one file, to take from one machine to another, bit for bit.

The file is a zip without compression: `manifest.json`, and every state under `states/`, each the very
bytes of the checkpoint in the store. An import believes nothing: names, sizes and kinds of all
members are compared with the manifest before anything is unpacked, and every state is read and
compared with the others before the run is entered, under a new id.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, cast

from rnn.state import State
from rnn.store import files, plainzip, rows
from rnn.store.errors import DamagedError, StoreError, TransferError
from rnn.store.rows import STATUSES, Card, Clock, Status
from rnn.store.snapshots import MOST, Snapshot
from rnn.store.store import Store

FORMAT = "character rnn run"
VERSION = 1
LARGEST_MANIFEST = 1 << 20  # bytes

_MANIFEST = "manifest.json"
_MEMBER = re.compile(r"states/(0|[1-9][0-9]{0,14})\.npz", re.ASCII)
_PIECE = 1 << 20


# -- export --------------------------------------------------------------------------------------


def export_run(store: Store, run_id: str, target: IO[bytes]) -> None:
    """Write the run, as it was last saved, to an open binary file. Raises StoreError."""
    row, clock = store.run(run_id), store.clock(run_id)
    with ExitStack() as stack, _writing():
        # Opened all at once: a file that is no longer wanted meanwhile can be read to its end.
        opened = _opened(store, run_id, stack)
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "name": row.name,
            "note": row.note,
            "source": [row.source_key, row.source_title],
            "parent": row.parent,
            "fork_iteration": row.fork_iteration,
            "status": row.status,
            "pace": row.pace,
            "clock": clock.pairs,
            "states": [state.iteration for state, _ in opened],
        }
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(_MANIFEST, json.dumps(manifest))
            for state, file in opened:
                with archive.open(_member(state.iteration), "w", force_zip64=True) as member:
                    shutil.copyfileobj(file, member, _PIECE)


def _opened(store: Store, run_id: str, stack: ExitStack) -> list[tuple[Snapshot, IO[bytes]]]:
    for _ in range(3):
        opened: list[tuple[Snapshot, IO[bytes]]] = []
        try:
            for state in store.snapshots(run_id):
                path = store.snapshot_path(run_id, state.iteration)
                opened.append((state, stack.enter_context(path.open("rb"))))
        except FileNotFoundError:
            continue  # replaced by a save in between
        return opened
    raise TransferError("The run is being saved too often to be exported now; pause it first.")


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TransferError(f"The run cannot be exported: {error.strerror or error}.") from error


def _member(iteration: int) -> str:
    return f"states/{iteration}.npz"


# -- import --------------------------------------------------------------------------------------


def import_run(store: Store, source: IO[bytes]) -> str:
    """Enter the run that `export_run` wrote, from an open binary file; returns its new id.

    Raises TransferError for a file that is no exported run, or is damaged, in one sentence.
    """
    with _refusing(), plainzip.opened(source) as archive:
        manifest = _Manifest(archive, _sizes(archive))
        with store.staging() as folder:
            states = [_unpack(archive, iteration, folder) for iteration in manifest.states]
            text, newest = _checked_states(folder, states)
            return store.adopt(folder, text, states, newest, manifest.card(store))


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn whatever a bad file provokes into one sentence."""
    try:
        yield
    except DamagedError as error:
        raise TransferError(f"The file cannot be imported: {_clause(error)}.") from error
    except StoreError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError) as error:
        raise TransferError("The file is not an exported run, or it is damaged.") from error
    except OSError as error:
        raise TransferError(f"The file cannot be read: {error.strerror or error}.") from error
    except (ValueError, TypeError, KeyError, RuntimeError, RecursionError) as error:
        raise TransferError("The file is not an exported run, or it is damaged.") from error


def _clause(error: Exception) -> str:
    sentence = str(error).rstrip(".")
    return sentence[:1].lower() + sentence[1:]


def _sizes(archive: zipfile.ZipFile) -> dict[str, int]:
    """The size of each member by its name. Raises TransferError for what no export would hold."""
    sizes = {member.filename: member.file_size for member in archive.infolist()}
    if not all(name == _MANIFEST or _MEMBER.fullmatch(name) for name in sizes):
        raise TransferError("The file holds something that is no part of a run; it is refused.")
    return sizes


def _unpack(archive: zipfile.ZipFile, iteration: int, folder: Path) -> Snapshot:
    path = folder / rows.state_file(iteration)
    with archive.open(_member(iteration)) as member, path.open("xb") as file:
        shutil.copyfileobj(member, file, _PIECE)
    return Snapshot(iteration, path.name, path.stat().st_size)


def _checked_states(folder: Path, states: list[Snapshot]) -> tuple[str, State]:
    """Read every state; returns the text and the newest one. They must be of one and the same run."""
    text, newest = _read(folder, states[-1])
    for state in states[:-1]:
        other_text, other = _read(folder, state)
        if other_text != text or not other.fits(newest.config):
            raise TransferError("The file holds states of more than one run; it is refused.")
    return text, newest


def _read(folder: Path, state: Snapshot) -> tuple[str, State]:
    with (folder / state.file).open("rb") as file, plainzip.opened(file):
        pass  # so that no array in it grows either
    trainer = files.read(folder, state)
    return trainer.text, trainer.state()


class _Manifest:
    """What the manifest says, each entry checked when it is asked for."""

    def __init__(self, archive: zipfile.ZipFile, sizes: dict[str, int]) -> None:
        if sizes.get(_MANIFEST, LARGEST_MANIFEST + 1) > LARGEST_MANIFEST:
            raise TransferError("The file is not an exported run, or it is damaged.")
        self._entries = json.loads(archive.read(_MANIFEST))
        if self._entries["format"] != FORMAT:
            raise TransferError("The file is not an exported run.")
        version = _whole(self._entries["version"])
        if version != VERSION:
            raise TransferError(
                f"The file has format {version}, but this program reads {VERSION}; "
                "export the run again with the same version of the program."
            )
        self.states = [_whole(iteration) for iteration in self._entries["states"]]
        held = {_member(iteration) for iteration in self.states} | {_MANIFEST}
        rising = self.states == sorted(set(self.states))
        if not 0 < len(self.states) <= MOST or not rising or held != sizes.keys():
            raise TransferError("The file does not hold what its manifest lists; it is damaged.")

    def card(self, store: Store) -> Card:
        """What the run brings beside its states; its parent only if it is in this store."""
        entries = self._entries
        source_key, source_title = (_text(part) for part in entries["source"])
        known = {run.id for run in store.runs(include_deleted=True)}
        parent = entries["parent"] if entries["parent"] in known else None
        return Card(
            name=_text(entries["name"]),
            note=_text(entries["note"]),
            source_key=source_key,
            source_title=source_title,
            parent=parent,
            fork_iteration=_whole(entries["fork_iteration"]) if parent else None,
            status=_status(entries["status"]),
            clock=self._clock(),
            pace=None if entries["pace"] is None else _positive(entries["pace"]),
        )

    def _clock(self) -> Clock:
        pairs = [(_whole(at), _positive(seconds)) for at, seconds in self._entries["clock"]]
        if len(pairs) > rows.CLOCK or pairs != sorted(pairs):
            raise ValueError("the seconds go backwards")
        return Clock(tuple(pairs))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text was expected")
    return value


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 10**15:
        raise ValueError("a count was expected")
    return value


def _positive(value: Any) -> float:
    if isinstance(value, bool) or not 0.0 <= float(value) < math.inf:
        raise ValueError("a measure was expected")
    return float(value)


def _status(value: Any) -> Status:
    """As it was; but nobody trains here what was being trained there."""
    return cast(Status, value) if value in STATUSES and value != "training" else "paused"
