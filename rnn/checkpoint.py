"""Checkpoints: a whole run in one versioned `.npz` without pickled objects.

A file is data from anywhere: every array's declared type and shape is compared with what the
settings call for before a byte of it is read, so that a damaged or malicious file is refused with
a sentence and never fills the memory.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import secrets
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np

from rnn.history import History
from rnn.network import PARAMETERS, Array, named_views, parameter_count
from rnn.optimisers import OPTIMISERS
from rnn.settings import Config
from rnn.state import State
from rnn.vocabulary import Vocabulary

FORMAT = "character rnn"
VERSION = 1
LARGEST_TEXT = 1 << 30  # bytes
LARGEST_PART = 1 << 26  # bytes: far more than any part of a history or the description needs

_NUMBERS = (
    "optimiser_steps",
    "last_rate",
    "iteration",
    "pointer",
    "epoch",
    "characters_seen",
    "smooth_loss",
)


_Number = TypeVar("_Number", int, float)

_ONE_READER = Lock()
"""NumPy parses headers as Python, and Python 3.11 may fail (SystemError) where two threads parse at once."""

_TRIES = 5
"""So often an array is read, in case another thread parsed something that is not read here."""


class CheckpointError(ValueError):
    """A checkpoint that cannot be written or read; `str(error)` is one sentence for people."""


def save(path: str | os.PathLike[str], text: str, state: State) -> None:
    """Write a run; the old file stays until the new one is whole. Raises CheckpointError."""
    path = Path(path)
    try:
        _write_atomically(path, _to_arrays(text, state))
    except OSError as error:
        raise CheckpointError(
            f"The checkpoint {path.name} could not be written: {error.strerror or error}."
        ) from error


def load(path: str | os.PathLike[str]) -> tuple[str, State]:
    """Read what `save` wrote: the text and the state. Raises CheckpointError."""
    path = Path(path)
    with _refusing(path.name), zipfile.ZipFile(path) as archive:
        return _read(archive)


@contextmanager
def _refusing(name: str) -> Iterator[None]:
    """Turn whatever a bad file provokes into one sentence."""
    try:
        yield
    except FileNotFoundError as error:
        raise CheckpointError(f"There is no checkpoint {name}.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError) as error:
        raise CheckpointError(f"{name} is not a checkpoint, or it is damaged.") from error
    except OSError as error:
        raise CheckpointError(
            f"The checkpoint {name} could not be read: {error.strerror or error}."
        ) from error
    except (ValueError, RuntimeError) as error:  # zipfile raises RuntimeError for encrypted files
        raise CheckpointError(
            f"The checkpoint {name} cannot be used: {str(error).rstrip('.')}."
        ) from error


@contextmanager
def _reading(part: str) -> Iterator[None]:
    """Say which part it was that could not be understood."""
    try:
        yield
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        raise ValueError(f"its {part} cannot be understood") from error


# -- writing -------------------------------------------------------------------------------------


def _to_arrays(text: str, state: State) -> dict[str, Array]:
    text_bytes = text.encode("utf-8", "surrogatepass")
    vocabulary = Vocabulary.from_text(text)
    description = {
        "format": FORMAT,
        "version": VERSION,
        "config": state.config.as_dict(),
        "text_sha256": hashlib.sha256(text_bytes).hexdigest(),
        "generators": [dict(state) for state in state.generators],
        **{name: getattr(state, name) for name in _NUMBERS},
    }
    arrays = {
        "description": _bytes_array(json.dumps(description).encode()),
        "text": _bytes_array(text_bytes),
        "vocabulary": _bytes_array("".join(vocabulary.chars).encode("utf-8", "surrogatepass")),
        "hidden": state.arrays["hidden"],
    }
    for group in _flat_groups(state.config):
        views = named_views(state.arrays[group], state.config.hidden_size, len(vocabulary))
        arrays |= {f"{group}/{name}": view for name, view in views.items()}
    return arrays | {f"history/{name}": part for name, part in state.history.to_arrays().items()}


def _flat_groups(config: Config) -> list[str]:
    slots = OPTIMISERS[config.optimiser].slot_names
    return ["params", "gradients", *(f"memory/{slot}" for slot in slots)]


def _bytes_array(data: bytes) -> Array:
    return np.frombuffer(data, np.uint8)


def _write_atomically(path: Path, arrays: dict[str, Array]) -> None:
    """Write beside the goal, flush to the disk, then rename: a crash leaves the old or the new."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with beside.open("xb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # the stubs take a name for an option
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    with suppress(OSError):  # some systems cannot open a directory; the file itself is safe
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


# -- reading -------------------------------------------------------------------------------------


def _read(archive: zipfile.ZipFile) -> tuple[str, State]:
    description = _description(archive)
    config = _config(description["config"])
    text_bytes = _array(archive, "text", _bytes_up_to(LARGEST_TEXT)).tobytes()
    if hashlib.sha256(text_bytes).hexdigest() != description["text_sha256"]:
        raise ValueError("its text is not the one that the network was trained on")
    with _reading("text"):
        text = text_bytes.decode("utf-8", "surrogatepass")
    vocab_size = _check_vocabulary(archive, text)
    state = State(
        config=config,
        arrays=_model(archive, config, vocab_size),
        generators=_generators(description["generators"]),
        history=_history(archive),
        optimiser_steps=_number(description, "optimiser_steps", int),
        last_rate=_number(description, "last_rate", float),
        iteration=_number(description, "iteration", int),
        pointer=_number(description, "pointer", int),
        epoch=_number(description, "epoch", int),
        characters_seen=_number(description, "characters_seen", int),
        smooth_loss=_number(description, "smooth_loss", float),
    )
    if state.pointer > len(text):
        raise ValueError("its pointer lies outside the text")
    return text, state


def _description(archive: zipfile.ZipFile) -> dict[str, Any]:
    written = _array(archive, "description", _bytes_up_to(LARGEST_PART)).tobytes()
    with _reading("description"):
        description = json.loads(written)
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise ValueError("it was not written by this program")
    if description.get("version") != VERSION:
        raise ValueError(
            f"it has version {description.get('version')}, but this program reads {VERSION}"
        )
    missing = {"config", "text_sha256", "generators", *_NUMBERS} - description.keys()
    if missing:
        raise ValueError(f"its description lacks {', '.join(sorted(missing))}")
    return description


def _config(values: object) -> Config:
    if not isinstance(values, dict) or values.keys() != Config().as_dict().keys():
        raise ValueError("its settings are not those of this version")
    return Config(**values)


def _check_vocabulary(archive: zipfile.ZipFile, text: str) -> int:
    stored = _array(archive, "vocabulary", _bytes_up_to(LARGEST_PART)).tobytes()
    chars = Vocabulary.from_text(text).chars
    if stored != "".join(chars).encode("utf-8", "surrogatepass"):
        raise ValueError("its vocabulary is not that of its text")
    return len(chars)


def _model(archive: zipfile.ZipFile, config: Config, vocab_size: int) -> dict[str, Array]:
    """Every array whose shape follows from the settings, as a State keeps them."""
    dtype, hidden_size = np.dtype(config.dtype), config.hidden_size
    arrays = {"hidden": _finite(archive, "hidden", (config.streams, hidden_size), dtype)}
    for group in _flat_groups(config):
        flat = np.zeros(parameter_count(hidden_size, vocab_size), dtype)
        views = named_views(flat, hidden_size, vocab_size)
        for name in PARAMETERS:
            view = views[name]
            view[...] = _finite(archive, f"{group}/{name}", view.shape, dtype)
        arrays[group] = flat
    return arrays


def _finite(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Array:
    array = _array(archive, name, lambda found, kind: (found, kind) == (shape, dtype))
    if not np.isfinite(array).all():
        raise ValueError(f"its {name} holds numbers that are not finite")
    return array


def _history(archive: zipfile.ZipFile) -> History:
    names = [name.removesuffix(".npy") for name in archive.namelist()]
    return History.from_arrays(
        {
            name.removeprefix("history/"): _array(archive, name, _small)
            for name in names
            if name.startswith("history/")
        }
    )


def _generators(states: object) -> tuple[dict[str, Any], dict[str, Any]]:
    if not isinstance(states, list) or len(states) != 2:
        raise ValueError("its random streams are incomplete")
    with _reading("random streams"):
        for state in states:
            np.random.PCG64().state = state  # raises for what is no state of this generator
    return states[0], states[1]


def _number(description: dict[str, Any], name: str, kind: type[_Number]) -> _Number:
    value = description[name]
    if type(value) is not kind or not 0 <= value < math.inf:
        raise ValueError(f"its {name} is {value!r}")
    return value


# What a declared shape and type are asked before the array is read.
_Acceptable = Callable[[tuple[int, ...], "np.dtype[Any]"], bool]


def _small(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    return not dtype.hasobject and math.prod(shape) * dtype.itemsize <= LARGEST_PART


def _bytes_up_to(limit: int) -> _Acceptable:
    return lambda shape, dtype: dtype == np.uint8 and len(shape) == 1 and shape[0] <= limit


def _array(archive: zipfile.ZipFile, name: str, acceptable: _Acceptable) -> Array:
    """Read one array, again where Python's parser failed for no fault of the file's."""
    for _ in range(_TRIES - 1):
        with suppress(SystemError):
            return _array_once(archive, name, acceptable)
    return _array_once(archive, name, acceptable)


def _array_once(archive: zipfile.ZipFile, name: str, acceptable: _Acceptable) -> Array:
    """Read one array, having looked at its header alone first."""
    member = f"{name}.npy"
    if member not in archive.namelist():
        raise ValueError(f"it has no array {name}")
    with _ONE_READER, archive.open(member) as file, _reading(f"array {name}"):
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("save writes this version only")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    if not acceptable(shape, dtype):
        raise ValueError(f"its array {name} has the wrong type, shape or size")
    with _ONE_READER, archive.open(member) as file, _reading(f"array {name}"):
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))
