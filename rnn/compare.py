"""Runs against each other: what differs, what is measured, and curves that can be laid over each other.

Everything here is worked out from rows and curves of the store; losses are nats per character.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rnn.settings import SETTING, SETTINGS, Setting, Value
from rnn.store.rows import Curve, RunRow

Floats = NDArray[np.float64]

SMOOTHINGS = (0, 10, 30, 100, 300, 1_000, 3_000, 10_000)
"""Iterations over which a curve can be smoothed; 0 leaves it as it is."""


# -- what differs ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """What differs between two runs, in words; a text's title may have been chosen by a person."""

    label: str
    old: str
    new: str

    def __str__(self) -> str:
        """As in "learning rate 0.1 → 0.05"."""
        return f"{self.label} {self.old} → {self.new}"


DEFAULTS: Mapping[str, Value] = {setting.name: setting.default for setting in SETTINGS}


def changes(run: RunRow, base: RunRow | None) -> tuple[Change, ...]:
    """What `run` does differently from `base`, the text first; without a base, from the defaults."""
    origin = DEFAULTS if base is None else base.settings
    settings = tuple(
        Change(_label(setting), shown(setting, origin[name]), shown(setting, run.settings[name]))
        for name, setting in SETTING.items()
        if run.settings[name] != origin[name]
    )
    if base is None or base.text_digest == run.text_digest:
        return settings
    return (Change("text", *_texts(base, run)), *settings)


def _texts(base: RunRow, run: RunRow) -> tuple[str, str]:
    """What the two texts are called; by their lengths too, where their titles agree."""
    if base.source_title != run.source_title:
        return base.source_title, run.source_title
    old, new = (f"{each.source_title} ({each.text_length:,} characters)" for each in (base, run))
    return old, new


def _label(setting: Setting) -> str:
    return setting.label[:1].lower() + setting.label[1:]


def shown(setting: Setting, value: Value) -> str:
    """A setting's value in words."""
    if setting.name == "optimiser":
        return dict(zip(setting.choices, setting.choice_labels, strict=True))[str(value)]
    if isinstance(value, int):
        return f"{value:,}"
    return value if isinstance(value, str) else f"{value:g}"


def bases(runs: Iterable[RunRow], parents: Iterable[RunRow] = ()) -> dict[str, RunRow | None]:
    """For each run by its id the one that it is compared with, unless a baseline is chosen.

    That is the run it was forked from if that is among them or the `parents`, else the one begun
    just before it; None for the first.
    """
    by_age = sorted(runs, key=lambda run: (run.created, run.id))
    by_id = {run.id: run for run in (*parents, *by_age)}
    before: dict[str, RunRow | None] = {}
    previous: RunRow | None = None
    for run in by_age:
        before[run.id] = by_id.get(run.parent or "", previous)
        previous = run
    return before


# -- which runs ------------------------------------------------------------------------------------

_NUMBERED = re.compile(r"^(.*\S)[\s_#(-]+\d+\)?$")


def family(name: str) -> str:
    """What names have in common that differ only in a number at their end: "verse 2" is of "verse"."""
    found = _NUMBERED.match(name)
    return found[1].rstrip(" _#(-") or name if found else name


Latest = Literal["all", "text", "name"]


def latest(runs: Sequence[RunRow], of_each: Latest) -> list[RunRow]:
    """The runs, or of those with one text, or one family of names, only the one begun last."""
    if of_each == "all":
        return list(runs)
    newest: dict[str, RunRow] = {}
    for run in sorted(runs, key=lambda run: (run.created, run.id)):
        newest[run.text_digest if of_each == "text" else family(run.name)] = run
    return [run for run in runs if run in newest.values()]


def matches(run: RunRow, words: str, extra: str = "") -> bool:
    """Whether all of the words stand in the run's name, note, text's title or `extra`, in any case."""
    where = " ".join((run.name, run.note, run.source_title, run.status, extra)).casefold()
    return all(word in where for word in words.casefold().split())


# -- what is measured ------------------------------------------------------------------------------


def bits(nats: float | None) -> float | None:
    """A loss in bits instead of nats."""
    return None if nats is None else nats / math.log(2.0)


Cell = float | str | None


@dataclass(frozen=True)
class Column:
    """A setting or a result of runs: its name in words, its unit in words ("" if none), its value."""

    key: str
    label: str
    unit: str
    value: Callable[[RunRow], Cell]

    @property
    def title(self) -> str:
        """For an axis."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


_UNITS = {
    "hidden_size": "units",
    "seq_length": "characters",
    "clip": "nats per unit of weight",
    "held_out": "share of the text",
    "sample_interval": "iterations",
    "sample_length": "characters",
}
_BITS = "bits per character"


def _setting_column(setting: Setting) -> Column:
    def value(run: RunRow) -> Cell:
        held = run.settings[setting.name]
        return shown(setting, held) if isinstance(held, str) else float(held)

    return Column(setting.name, _label(setting), _UNITS.get(setting.name, ""), value)


SETTING_COLUMNS: tuple[Column, ...] = (
    *(_setting_column(setting) for setting in SETTINGS),
    Column("text", "text", "", lambda run: run.source_title),
    Column("text_length", "text length", "characters", lambda run: float(run.text_length)),
)
RESULT_COLUMNS: tuple[Column, ...] = (
    Column("best", "best loss", _BITS, lambda run: bits(run.best_loss)),
    Column("last", "last loss", _BITS, lambda run: bits(run.loss)),
    Column("test", "held-out loss", _BITS, lambda run: bits(run.held_out)),
    Column("pace", "pace", "iterations per second", lambda run: run.pace),
    Column("seconds", "time in training", "seconds", lambda run: run.seconds),
    Column("iterations", "iterations", "", lambda run: float(run.iteration)),
    Column("characters", "characters read", "", lambda run: float(run.characters)),
)
_SAMPLING = {setting.name for setting in SETTINGS if setting.group == "Sampling"}
COLUMN: dict[str, Column] = {column.key: column for column in SETTING_COLUMNS + RESULT_COLUMNS}


def varied(runs: Sequence[RunRow]) -> list[Column]:
    """The settings in which these runs differ; those that only shape samples come last."""
    differing = [
        column for column in SETTING_COLUMNS if len({column.value(run) for run in runs}) > 1
    ]
    return sorted(differing, key=lambda column: column.key in _SAMPLING)


# -- curves ----------------------------------------------------------------------------------------

Axis = Literal["iteration", "characters", "seconds"]
Kind = Literal["training", "held-out"]


@dataclass(frozen=True)
class Line:
    """A loss (n,) in nats per character over iterations, characters or seconds (n,)."""

    x: Floats
    y: Floats


def line(curve: Curve, axis: Axis, kind: Kind = "training", smoothing: int = 0) -> Line:
    """A run's curve over the chosen axis, smoothed over this many iterations."""
    if kind == "held-out":
        return Line(along(curve, axis, curve.held_out_iteration), curve.held_out)
    return Line(getattr(curve, axis), smoothed(curve.iteration, curve.loss, smoothing))


def along(curve: Curve, axis: Axis, iterations: Floats) -> Floats:
    """(n,) where these iterations (n,) lie on the chosen axis."""
    if len(curve.iteration) == 0:
        return np.zeros_like(iterations)
    known = np.concatenate([[0.0], curve.iteration])
    reached = np.concatenate([[0.0], getattr(curve, axis)])
    return np.asarray(np.interp(iterations, known, reached))


def smoothed(iterations: Floats, losses: Floats, over: int) -> Floats:
    """(n,) the mean of all losses so far, the newest weighing most: e times less every `over` iterations.

    Point i stands for the iterations since point i - 1 and weighs as much. Since the weights are
    normed, the curve's beginning is not pulled towards any start value; two runs whose points lie
    at different distances are smoothed alike.
    """
    if over == 0:
        return losses
    widths = np.diff(iterations, prepend=0.0)
    fading = np.exp(-widths / over)
    total, weight, means = 0.0, 0.0, np.empty(len(losses))
    for i, (loss, width, fade) in enumerate(
        zip(losses.tolist(), widths.tolist(), fading.tolist(), strict=True)
    ):
        total, weight = fade * total + width * loss, fade * weight + width
        means[i] = total / weight
    return means


def nearest(iterations: Sequence[int], wanted: int) -> int | None:
    """Of these rising iterations the last at or below the wanted one; the first if all lie above it."""
    if not iterations:
        return None
    return iterations[max(0, bisect_right(iterations, wanted) - 1)]


# -- forks -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Branch:
    """A run in the tree of forks: it lies in row `row` and goes from iteration `start` to `end`.

    `parent_row` is the row of the run that it was forked from, None if that is not in the tree.
    """

    run: RunRow
    row: int
    start: int
    end: int
    parent_row: int | None


def tree(runs: Sequence[RunRow], most: int) -> list[Branch]:
    """The families of runs in which there are forks, each run below its parent, the newest family first.

    Of more than `most` runs the first so many rows are there. Forks that were made later stand
    higher, so that no branch crosses another run.
    """
    by_id = {run.id: run for run in runs}
    children: dict[str, list[RunRow]] = {}
    for run in runs:
        if run.parent in by_id:
            children.setdefault(str(run.parent), []).append(run)
    roots = [run for run in runs if run.id in children and run.parent not in by_id]
    branches: list[Branch] = []
    waiting: list[tuple[RunRow, int | None]] = [
        (run, None) for run in sorted(roots, key=lambda run: run.created)
    ]
    while waiting and len(branches) < most:
        run, parent_row = waiting.pop()
        row = len(branches)
        start = run.fork_iteration if parent_row is not None else 0
        branches.append(Branch(run, row, start or 0, max(run.iteration, start or 0), parent_row))
        forks = sorted(children.get(run.id, []), key=lambda fork: fork.fork_iteration or 0)
        waiting += [(fork, row) for fork in forks]
    return branches
