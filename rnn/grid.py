"""A grid: one run for every combination of some settings' values, checked before any of them begins."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rnn.settings import SETTING, SETTINGS, Config, Setting, Value, find
from rnn.trainer import Trainer

MOST_RUNS = 36
MOST_SETTINGS = 3
MOST_ITERATIONS = 100_000_000

VARIABLE: tuple[Setting, ...] = tuple(setting for setting in SETTINGS if setting.name != "seed")
"""The settings that a grid can vary, besides the seed, which has a list of its own."""

_SIZES = ("hidden_size", "seq_length", "optimiser", "dtype", "streams", "held_out")
"""What decides whether a run fits its text and the memory."""


class GridError(ValueError):
    """A grid that cannot be made; `str(error)` is one sentence, which may quote what was typed."""


@dataclass(frozen=True)
class Grid:
    """The runs of a grid: `varied` are the settings that differ between them, in the table's order.

    In `configs` the last of them changes fastest.
    """

    varied: tuple[str, ...]
    configs: tuple[Config, ...]


def grid(base: Config, axes: Mapping[str, Sequence[object]], seeds: Sequence[object]) -> Grid:
    """Every combination of the values in `axes`, by setting, and of `seeds`; all else as in `base`.

    A value that stands there twice counts once. Raises SettingError for a value out of range or a
    setting that does not exist; GridError for no value at all, too many settings or too many runs.
    """
    if len(axes) > MOST_SETTINGS:
        raise GridError(
            f"A grid varies at most {MOST_SETTINGS} settings besides the seed; leave "
            f"{len(axes) - MOST_SETTINGS} out."
        )
    wanted = {**axes, "seed": seeds}
    for name in wanted:
        find(name)
    values = {
        setting.name: _checked(setting, wanted[setting.name])
        for setting in SETTINGS
        if setting.name in wanted
    }
    _require_few(math.prod(len(some) for some in values.values()))
    varied = tuple(name for name, some in values.items() if len(some) > 1)
    combinations = itertools.product(*values.values())
    return Grid(
        varied,
        tuple(base.replace(**dict(zip(values, chosen, strict=True))) for chosen in combinations),
    )


def _checked(setting: Setting, values: Sequence[object]) -> tuple[Value, ...]:
    if not values:
        raise GridError(f"{setting.label} has no value yet; give it at least one.")
    return tuple(dict.fromkeys(setting.check(value) for value in values))


def _require_few(runs: int) -> None:
    if runs > MOST_RUNS:
        raise GridError(
            f"That would make {runs:,} runs, and a grid has at most {MOST_RUNS}; leave some values out."
        )


def parse_values(setting: Setting, text: str) -> tuple[Value, ...]:
    """The values that a person has listed, separated by commas, semicolons or spaces.

    Raises SettingError for one that the setting cannot take, GridError if there is none.
    """
    pieces = [piece for piece in re.split(r"[,;\s]+", text) if piece]
    if not pieces:
        raise GridError(
            f"{setting.label} has no value yet; list some, such as {listed(setting, setting.default)}."
        )
    return tuple(dict.fromkeys(setting.parse(piece) for piece in pieces))


def suggested(setting: Setting, value: Value) -> tuple[Value, ...]:
    """Three values to begin with: this one, a smaller and a larger one, as far as they are in range."""
    if isinstance(value, str):
        return setting.choices
    assert setting.low is not None
    assert setting.high is not None
    smaller, larger = (value / 2, value * 2) if value else (setting.step, 2 * setting.step)
    around = (_rounded(smaller), value, _rounded(larger))
    kept = (setting.kind(min(max(number, setting.low), setting.high)) for number in around)
    return tuple(sorted(dict.fromkeys(kept)))


def _rounded(number: float) -> float:
    return float(f"{number:.3g}")


def listed(setting: Setting, value: Value) -> str:
    """What stands in the field for this setting at first, for `parse_values` to read."""
    return ", ".join(shown(some) for some in suggested(setting, value))


def shown(value: Value) -> str:
    """A value as people write it, to the last digit."""
    return str(value).removesuffix(".0")


def differences(values: Mapping[str, Value], varied: Iterable[str]) -> str:
    """What sets one run of a grid apart, by its settings: "learning rate 0.1, hidden size 64"."""
    parts = (f"{_lower(SETTING[name].label)} {shown(values[name])}" for name in varied)
    return ", ".join(parts) or "all as it was"


def _lower(label: str) -> str:
    return label[:1].lower() + label[1:]


def require_trainable(text: str, configs: Iterable[Config]) -> None:
    """Raise TextError or SettingError unless a trainer can be made for each of these.

    One is made for every different size, and forgotten again.
    """
    tried = set()
    for config in configs:
        values = config.as_dict()
        size = tuple(values[name] for name in _SIZES)
        if size not in tried:
            tried.add(size)
            Trainer(text, config)
