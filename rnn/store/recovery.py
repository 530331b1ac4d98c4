"""What is done when a store is opened: leftovers of a crash go, runs that the index lost come back.

All decisions are taken under the index's write lock, so that no other process enters anything
meanwhile. A file that nothing points at may be one that another process is about to point at: it is
left alone while that run is led, and `Store.save` looks whether its file is still there.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from rnn.store import files, rows, tables
from rnn.store.errors import DamagedError
from rnn.store.index import Index
from rnn.store.rows import Card
from rnn.store.snapshots import Snapshot

OLD = 600.0  # seconds after which a folder that was being filled counts as forgotten

_BESIDE = re.compile(r"\.\d{12,15}-[0-9a-f]{8}\.npz\.[0-9a-f]{8}\.tmp", re.ASCII)
"""What `rnn.checkpoint` writes beside its goal, left over when it was killed."""


@dataclass
class Findings:
    """What an opening found: runs whose purge was interrupted, and folders that no row names."""

    purged: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def sweep(index: Index, is_led: Callable[[sqlite3.Row], bool]) -> Findings:
    """Remove what a crash left behind; `is_led` says so of a row of the table of leases."""
    with index.write() as db:
        known: dict[str, set[str]] = {
            row["id"]: set() for row in db.execute("SELECT id FROM runs WHERE purged = 0")
        }
        purged = [row["id"] for row in db.execute("SELECT id FROM runs WHERE purged = 1")]
        for row in db.execute("SELECT run, file FROM states"):
            known.get(row["run"], set()).add(row["file"])
        led = {row["run"] for row in db.execute("SELECT * FROM leases") if is_led(row)}
        findings = Findings(purged)
        for entry in index.folder.iterdir():
            if entry.name.startswith(files.STAGED):
                _remove_if_old(entry)
            elif entry.name in known and entry.name not in led:
                _remove_orphans(entry, known[entry.name])
            elif rows.is_id(entry.name) and entry.name not in {*known, *purged}:
                findings.unknown.append(entry.name)
        return findings


def _remove_if_old(staged: Path) -> None:
    with suppress(OSError):
        if abs(time.time() - staged.stat().st_mtime) > OLD:
            shutil.rmtree(staged)


def _remove_orphans(folder: Path, pointed_at: set[str]) -> None:
    with suppress(OSError):  # what cannot be removed now is tried again at the next opening
        for file in folder.iterdir():
            ours = rows.iteration_of(file.name) is not None or _BESIDE.fullmatch(file.name)
            if ours and file.name not in pointed_at:
                file.unlink()


def bring_back(index: Index, run_id: str, now: float) -> None:
    """Enter a run again whose folder is there and whose row is not, as when the index was lost.

    It stands at its newest state that can be read. Without any, the folder is left alone.
    """
    folder = files.run_folder(index.folder, run_id)
    with index.told():
        states = _states_in(folder)
    while states:
        try:
            trainer = files.read(folder, states[-1])
        except DamagedError:
            states.pop()
            continue
        card = Card(name="recovered run", source_key="own", source_title="recovered text")
        with index.write() as db:
            if db.execute("SELECT 1 FROM runs WHERE id = ?", (run_id,)).fetchone() is None:
                name = tables.free_name(db, card.name)
                tables.enter_run(db, run_id, name, trainer.text, trainer.state(), card, now)
                tables.enter_states(db, run_id, states)
        return


def _states_in(folder: Path) -> list[Snapshot]:
    """One state an iteration, oldest first, by the names of the files."""
    found: dict[int, Snapshot] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        iteration = rows.iteration_of(path.name)
        if iteration is not None:
            found[iteration] = Snapshot(iteration, path.name, path.stat().st_size)
    return [found[iteration] for iteration in sorted(found)]
