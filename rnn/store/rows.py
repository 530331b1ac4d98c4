"""What the index says of a run, and how it is worked out from a state of it.

Losses are nats per character. Series are kept as raw little-endian float64, one row after another:
what the compare page overlays must be readable for hundreds of runs at once.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rnn.settings import SETTING, Value
from rnn.state import State
from rnn.store.errors import StoreError

FloatArray = NDArray[np.float64]

Status = Literal["waiting", "training", "paused", "done", "diverged"]
STATUSES: tuple[str, ...] = get_args(Status)

LONGEST_NAME = 80
LONGEST_NOTE = 2_000
CLOCK = 256  # moments kept of when the run had trained for how long

_ID = re.compile(r"[A-Za-z0-9_-]{16}")
_STATE_FILE = re.compile(r"(\d{12,15})-[0-9a-f]{8}\.npz", re.ASCII)
_CURVE_ROWS = 5


@dataclass(frozen=True)
class Leader:
    """Who trains a run: an opaque token, what it is ("page", "command line", ...), its process."""

    holder: str
    kind: str
    pid: int


@dataclass(frozen=True)
class RunRow:
    """A run as the table of runs shows it.

    `parent` and `fork_iteration` say where it was forked from. `status` is "training" only while
    somebody does train it, who is then the `leader`. `created`, `updated` and `deleted` are seconds
    since 1970, `seconds` those spent training, `pace` iterations a second. Losses are nats per
    character: the smooth loss, its lowest (among the points of the curve) and the held-out loss.
    `settings` holds every setting that this version knows.
    """

    id: str
    name: str
    note: str
    pinned: bool
    created: float
    updated: float
    deleted: float | None
    parent: str | None
    fork_iteration: int | None
    source_key: str
    source_title: str
    text_digest: str
    text_length: int
    settings: dict[str, Value]
    status: Status
    leader: Leader | None
    iteration: int
    characters: int
    seconds: float
    pace: float | None
    loss: float
    best_loss: float
    held_out: float | None
    bytes: int


@dataclass(frozen=True)
class Curve:
    """A run's losses to lay over those of others, nats per character.

    `iteration`, `characters`, `seconds`, `loss` (the mean of a stretch of iterations) and `smooth`
    are (n,), each point the end of a stretch; the held-out arrays have their own length.
    """

    iteration: FloatArray
    characters: FloatArray
    seconds: FloatArray
    loss: FloatArray
    smooth: FloatArray
    held_out_iteration: FloatArray
    held_out: FloatArray


@dataclass(frozen=True)
class Clock:
    """When a run had trained for how long: (iteration, seconds) pairs, at most CLOCK of them."""

    pairs: tuple[tuple[int, float], ...] = ((0, 0.0),)

    def at(self, iteration: int, seconds: float) -> Clock:
        """With one more moment; what lay at or after its iteration goes."""
        pairs = [*self.until(iteration - 1).pairs, (iteration, seconds)]
        if len(pairs) > CLOCK:
            pairs = [*pairs[:-1:2], pairs[-1]]
        return Clock(tuple(pairs))

    def until(self, iteration: int) -> Clock:
        """Without what lies after this iteration."""
        return Clock(tuple(pair for pair in self.pairs if pair[0] <= iteration))

    def seconds(self, iterations: FloatArray) -> FloatArray:
        """(n,) the seconds trained by these iterations (n,), interpolated."""
        if not self.pairs:
            return np.zeros_like(iterations)
        known, seconds = np.array(self.pairs, dtype=np.float64).T
        return np.asarray(np.interp(iterations, known, seconds), dtype=np.float64)

    def to_bytes(self) -> bytes:
        """For the index."""
        return np.array(self.pairs, dtype="<f8").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Clock:
        """What `to_bytes` wrote."""
        pairs = np.frombuffer(data, dtype="<f8").reshape(-1, 2).tolist()
        return cls(tuple((int(iteration), seconds) for iteration, seconds in pairs))


@dataclass(frozen=True)
class Card:
    """What a new run brings beside its text and its states; what cannot be shown is left out."""

    name: str
    source_key: str
    source_title: str
    note: str = ""
    parent: str | None = None
    fork_iteration: int | None = None
    status: Status = "paused"
    clock: Clock = Clock()
    pace: float | None = None

    @property
    def seconds(self) -> float:
        """How long the run has trained."""
        return self.clock.pairs[-1][1] if self.clock.pairs else 0.0


# -- names ---------------------------------------------------------------------------------------


def new_id() -> str:
    """An id that cannot be guessed: 96 random bits; no option of a command begins like it."""
    while not (run_id := secrets.token_urlsafe(12))[0].isalnum():
        pass
    return run_id


def is_id(text: str) -> bool:
    """Whether this has the form of an id, so that it may become the name of a folder."""
    return _ID.fullmatch(text) is not None


def state_file(iteration: int) -> str:
    """A new name for a state's file."""
    return f"{iteration:012d}-{secrets.token_hex(4)}.npz"


def iteration_of(file: str) -> int | None:
    """The iteration in a state file's name; None for any other name."""
    found = _STATE_FILE.fullmatch(file)
    return int(found[1]) if found else None


def checked_name(name: str) -> str:
    """A name that a person gave, trimmed. Raises StoreError for one that cannot be shown."""
    name = name.strip()
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise StoreError(
            f"A run's name must have between 1 and {LONGEST_NAME} characters, all on one line."
        )
    return name


def shown_name(name: str) -> str:
    """The nearest name that `checked_name` takes, for what comes from a file or a text's title."""
    printable = "".join(char if char.isprintable() else " " for char in name)
    return printable.strip()[:LONGEST_NAME].strip() or "run"


def checked_note(note: str) -> str:
    """A note that a person gave. Raises StoreError if it is too long."""
    if len(note) > LONGEST_NOTE:
        raise StoreError(
            f"A note can have {LONGEST_NOTE:,} characters, but this has {len(note):,}."
        )
    return shown_note(note)


def shown_note(note: str) -> str:
    """The nearest note that can be kept, for what comes from a file."""
    return note[:LONGEST_NOTE].encode("utf-8", "replace").decode()


def text_digest(text: str) -> str:
    """By which two runs are known to have the same text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


# -- between states and rows ---------------------------------------------------------------------


def progress(state: State) -> dict[str, str | int | float | None]:
    """The columns that follow from a state alone."""
    length = state.config.seq_length
    smooth = state.history.curve().smooth
    loss = state.smooth_loss / length
    _, held_out = state.history.held_out()
    return {
        "settings": json.dumps(state.config.as_dict()),
        "iteration": state.iteration,
        "characters": state.characters_seen,
        "loss": loss,
        "best_loss": min(loss, float(smooth.min(initial=loss))),
        "held_out": float(held_out[-1]) if len(held_out) else None,
    }


def pack_series(state: State, clock: Clock) -> tuple[bytes, bytes, bytes]:
    """The curve, the held-out losses and the clock, for `unpack_curve`."""
    curve = state.history.curve()
    characters = np.cumsum(curve.count * curve.seq_length) * state.config.streams
    iterations = curve.last.astype(np.float64) + 1
    rows = [iterations, characters, clock.seconds(iterations), curve.loss_mean, curve.smooth]
    return _pack(rows), _pack(state.history.held_out()), clock.to_bytes()


def _pack(rows: Sequence[NDArray[np.float64] | NDArray[np.int64]]) -> bytes:
    return np.stack(rows).astype("<f8").tobytes()


def unpack_curve(row: sqlite3.Row) -> Curve:
    """The curve in a row of the table of curves."""
    curve = np.frombuffer(row["curve"], dtype="<f8").reshape(_CURVE_ROWS, -1)
    held_out = np.frombuffer(row["held_out"], dtype="<f8").reshape(2, -1)
    return Curve(*curve, *held_out)


def read_settings(text: str) -> dict[str, Value]:
    """The settings in a row; those that it lacks have the default, unknown ones are left out."""
    stored = json.loads(text)
    return {name: stored.get(name, setting.default) for name, setting in SETTING.items()}


def run_row(row: sqlite3.Row, leader: Leader | None) -> RunRow:
    """A run from its row of the table, which has the total `bytes` of its states too."""
    status: Status = row["status"]
    return RunRow(
        settings=read_settings(row["settings"]),
        status="paused" if status == "training" and leader is None else status,
        leader=leader,
        pinned=bool(row["pinned"]),
        **{name: row[name] for name in _PLAIN},
    )


_PLAIN = tuple(
    name
    for name in RunRow.__dataclass_fields__
    if name not in ("settings", "status", "leader", "pinned")
)
