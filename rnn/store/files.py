"""The files of a store: a folder a run, and in it a checkpoint a state.

No name that comes from outside ever becomes a path: folders are named by ids and files by
iterations, and both are held against their pattern first.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rnn import checkpoint
from rnn.checkpoint import CheckpointError
from rnn.state import State
from rnn.store import rows
from rnn.store.errors import DamagedError, NoRunError, StoreError
from rnn.store.snapshots import Snapshot
from rnn.trainer import Trainer

STAGED = ".new-"  # how the name of a folder begins that is still being filled


def run_folder(folder: Path, run_id: str) -> Path:
    """The folder of a run in the store's folder. Raises NoRunError for what is no id."""
    if not rows.is_id(run_id):
        raise NoRunError("That is not the id of a run.")
    return folder / run_id


def state_path(folder: Path, state: Snapshot) -> Path:
    """The file of a state in its run's folder. Raises DamagedError for a name that is none."""
    if rows.iteration_of(state.file) is None:
        raise DamagedError("The index names a file that is no saved state.", state.iteration)
    return folder / state.file


def write(folder: Path, text: str, state: State) -> Snapshot:
    """Write a state under a new name, flushed to the disk. Raises StoreError."""
    path = folder / rows.state_file(state.iteration)
    try:
        checkpoint.save(path, text, state)
    except CheckpointError as error:
        why = error.__cause__
        reason = why.strerror if isinstance(why, OSError) and why.strerror else str(error)
        raise StoreError(f"The run could not be saved in {folder.parent}: {reason}.") from error
    return Snapshot(state.iteration, path.name, path.stat().st_size)


def read(folder: Path, state: Snapshot) -> Trainer:
    """A trainer that stands where the state was saved. Raises DamagedError."""
    saved = f"The state that was saved at iteration {state.iteration:,}"
    try:
        trainer = Trainer.load(state_path(folder, state))
    except CheckpointError as error:
        _, found, reason = str(error).partition("cannot be used: ")
        trouble = f"{saved} {found}{reason}" if found else f"{saved} is damaged."
        raise DamagedError(trouble, state.iteration) from error
    if trainer.iteration != state.iteration:
        raise DamagedError(f"{saved} is damaged.", state.iteration)
    return trainer


def remove(folder: Path, names: Iterable[str]) -> None:
    """Remove files that nothing points at; what cannot be removed now is swept up later."""
    for name in names:
        with suppress(OSError):
            (folder / name).unlink()


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A new folder to fill before a run is entered; what is left of it at the end is removed."""
    staged = folder / f"{STAGED}{secrets.token_hex(8)}"
    staged.mkdir()
    try:
        yield staged
    finally:
        shutil.rmtree(staged, ignore_errors=True)
