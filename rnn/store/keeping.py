"""How the command line keeps a run in the store: finding or making it, saving it, telling of it."""

from __future__ import annotations

import math
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TextIO

from rnn.limits import Limits, Watch
from rnn.outputs import printable
from rnn.store.errors import DamagedError, NoRunError, StoreError, TransferError
from rnn.store.recorder import SAVE_EVERY, Recorder
from rnn.store.rows import Card, RunRow
from rnn.store.store import Store
from rnn.store.transfer import export_run, import_run
from rnn.trainer import StepRecord, Trainer

__all__ = [
    "SAVE_EVERY",
    "Keeper",
    "KeptWatch",
    "begun",
    "existing",
    "export_to",
    "import_from",
    "list_runs",
    "resumed",
]

KIND = "command line"
STOPPING_WISHES = ("pause", "stop")


def existing(store: Store, name: str) -> RunRow | None:
    """The run of this name or id; None if there is none yet. Raises StoreError if it is deleted."""
    try:
        row = store.find(name)
    except NoRunError:
        return None
    if row.deleted is not None:
        raise StoreError("That run was deleted; restore it first, or choose another name.")
    return row


def begun(store: Store, name: str, trainer: Trainer, title: str, every: float) -> Recorder:
    """Enter a new run of this very name and lead it, saving `every` so many seconds.

    Raises NameTakenError.
    """
    card = Card(name=name, source_key="own", source_title=title)
    run_id = store.create(trainer.text, trainer.state(), card, exact_name=True)
    lease = store.lead(run_id, KIND)
    return Recorder(store, lease, trainer, every=every)


def resumed(store: Store, row: RunRow, every: float, err: TextIO) -> tuple[Trainer, Recorder]:
    """Lead a run of the store from its newest state that can be read, saving `every` so often.

    Raises LeaseError if somebody else trains it, DamagedError if no state is whole.
    """
    lease = store.lead(row.id, KIND)
    try:
        store.wish(row.id, None)  # what was asked of an earlier leader
        trainer = _newest_whole(store, row, err)
        return trainer, Recorder(store, lease, trainer, every=every)
    except BaseException:
        store.release(lease)
        raise


def _newest_whole(store: Store, row: RunRow, err: TextIO) -> Trainer:
    try:
        return store.load(row.id)
    except DamagedError as error:
        if error.whole is None:
            raise
        print(error, file=err)
        return store.load_snapshot(row.id, error.whole)


class KeptWatch(Watch):
    """A watch that also makes training pause for a moment where a snapshot is wanted."""

    def __init__(
        self,
        trainer: Trainer,
        limits: Limits,
        interrupted: Callable[[], bool],
        recorder: Recorder,
    ) -> None:
        """Start the clock."""
        super().__init__(trainer, limits, interrupted)
        self._recorder = recorder

    def __call__(self) -> bool:
        """Whether to stop now, or to pause; only the first has a reason."""
        return super().__call__() or self._recorder.wants(self._trainer.iteration)


class Keeper:
    """Saves the run while it trains, and stops it when it is asked to or the lead is lost."""

    def __init__(self, recorder: Recorder, watch: Watch, err: TextIO) -> None:
        """Tell `err` once when the store begins to refuse."""
        self._recorder, self._watch, self._err = recorder, watch, err
        self._told = False
        self._since = perf_counter()

    def __call__(self, trainer: Trainer, record: StepRecord) -> None:
        """Save if it is time; raises LeaseError or NoRunError if the run is no longer ours."""
        recorder = self._recorder
        recorder.note(trainer, perf_counter() - self._since)
        self._since = perf_counter()  # saving is no training
        if recorder.lost is not None:
            raise recorder.lost
        if recorder.wish in STOPPING_WISHES:
            self._watch.reason = f"asked to {recorder.wish}"
        if recorder.trouble is not None and not self._told:
            print(f"{recorder.trouble} Training goes on, and so do the attempts.", file=self._err)
        self._told = recorder.trouble is not None


# -- the commands --------------------------------------------------------------------------------


def list_runs(store: Store, out: TextIO) -> None:
    """Print the runs, a line each: losses in bits per character, the smooth and the held-out one."""
    found = store.runs()
    if not found:
        print(f"There are no runs in {store.folder} yet.", file=out)
        return
    header = ("name", "status", "iterations", "bits/char", "held out", "text", "saved", "id")
    lines = [header, *(_line(row) for row in found)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print(printable("  ".join(cells).rstrip(), out), file=out)


def _line(row: RunRow) -> tuple[str, ...]:
    return (
        row.name,
        row.status,
        f"{row.iteration:,}",
        _bits(row.loss),
        _bits(row.held_out),
        row.source_title,
        time.strftime("%Y-%m-%d %H:%M", time.localtime(row.updated)),
        row.id,
    )


def _bits(nats: float | None) -> str:
    return "" if nats is None else f"{nats / math.log(2.0):.3f}"


def export_to(store: Store, name: str, path: Path, out: TextIO) -> None:
    """Write a run to a new file, which appears when it is whole. Raises StoreError."""
    row = existing(store, name)
    if row is None:
        raise NoRunError(f"There is no run called {printable(name, out)} in {store.folder}.")
    if path.exists():
        raise TransferError(f"{path} is there already; choose another name.")
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with beside.open("xb") as file:
            export_run(store, row.id, file)
            file.flush()
            os.fsync(file.fileno())
        beside.rename(path)
    except OSError as error:
        raise TransferError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        beside.unlink(missing_ok=True)
    print(f"{row.name}, iteration {row.iteration:,}, is in {path}.", file=out)


def import_from(store: Store, path: Path, out: TextIO) -> None:
    """Enter the run of an exported file. Raises StoreError."""
    try:
        with path.open("rb") as file:
            row = store.run(import_run(store, file))
    except OSError as error:
        raise TransferError(f"{path} cannot be read: {error.strerror or error}.") from error
    print(f"{row.name}, iteration {row.iteration:,}, is in the store as {row.id}.", file=out)
