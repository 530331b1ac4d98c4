"""A weight matrix as it is: every weight a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from rnn.snapshot import axis_limit
from rnn.vocabulary import char_mark
from ui.figures.base import LABELLED, Caption, axis, bare
from ui.figures.iterations import NAMES
from ui.frames import Arrays, Value, quantise_signed
from ui.palette import Palette

MOST = 128
"""Units and characters that are shown at most along an axis."""

_MARGINS = {"l": 58, "r": 4, "t": 6, "b": 40}
_CELL, _LOWEST, _HIGHEST = 10, 220, 560
_TICKS = 13

_SIDES = {"Wxh": ("unit", "character"), "Whh": ("unit", "unit"), "Why": ("character", "unit")}
"""What a matrix leads to (its rows) and from (its columns)."""

_READINGS = {
    "Wxh": "A column says what reading that character does to each unit: blue switches it on, orange off. "
    "Alike columns are characters that the network treats alike.",
    "Whh": "A row says whom that unit listens to, a column whom it speaks to; the diagonal is a unit's hold "
    "on its own past. A strong column is a unit that many others follow.",
    "Why": "A row says which units speak for writing that character (blue) and which against it (orange).",
}


@dataclass(frozen=True)
class Shape:
    """Which matrix, and how many units and characters the network has."""

    name: str
    units: int
    characters: int

    @property
    def rows(self) -> int:
        """How many rows are shown."""
        return min(self.characters if self.name == "Why" else self.units, MOST)

    @property
    def height(self) -> int:
        """Pixels that the chart takes."""
        wanted = _CELL * self.rows + _MARGINS["t"] + _MARGINS["b"]
        return min(max(wanted, _LOWEST), _HIGHEST)


def caption(shape: Shape) -> Caption:
    """What stands above the matrix, and what of it is not shown."""
    cut = [
        f"the {MOST} {which} of {count:,} {what}"
        for which, count, what in (
            ("first", shape.units, "units"),
            ("most frequent", shape.characters if shape.name != "Whh" else 0, "characters"),
        )
        if count > MOST
    ]
    shown = f" Shown are {' and '.join(cut)}." if cut else ""
    return Caption(f"{NAMES[shape.name]} weights, now", _READINGS[shape.name] + shown)


def skeleton(palette: Palette, shape: Shape) -> go.Figure:
    """The empty matrix; blue is above zero and orange below, as far as the bar beside it says."""
    to, of = _SIDES[shape.name]
    figure = go.Figure(
        layout=bare(
            palette,
            shape.height,
            xaxis=_axis(palette, "from", of, shape),
            yaxis=_axis(palette, "to", to, shape) | {"autorange": "reversed"},
            margin=_MARGINS,
        )
    )
    figure.update_layout(uirevision=str(shape))
    figure.add_heatmap(
        colorscale=palette.diverging,
        colorbar={
            "thickness": 10,
            "outlinewidth": 0,
            "nticks": 5,
            "tickfont": {"color": palette.muted},
            "title": {"text": "weight", "font": {"color": palette.muted}},
        },
        hovertemplate=f"to {to} %{{y}}<br>from {of} %{{x}}: %{{z:.3g}}<extra></extra>",
    )
    return figure


def _axis(palette: Palette, word: str, side: str, shape: Shape) -> dict[str, Any]:
    """Characters are written by the browser; of the units' numbers some are enough."""
    if side == "character":
        return axis(palette, f"{word} character", type="category", **LABELLED)
    shown = min(shape.units, MOST)
    stride = next(stride for stride in (1, 2, 5, 10) if shown <= _TICKS * stride)
    return axis(palette, f"{word} unit", showgrid=False, dtick=stride, tick0=0)


def arrays(
    matrix: NDArray[Any], shape: Shape, chars: Sequence[str], frequent: Sequence[int]
) -> Arrays:
    """The weights; along the axes the units by number, and the characters whose indices are given."""
    to, of = _SIDES[shape.name]
    units = np.arange(min(shape.units, MOST), dtype=np.int32)
    indices: dict[str, NDArray[Any]] = {"unit": units, "character": np.array(frequent)}
    marks = [char_mark(chars[index]) for index in frequent]
    # In a hover label a character must not act as markup.
    names: dict[str, Value] = {"unit": units, "character": [f"“{escape(mark)}”" for mark in marks]}
    labels: dict[str, Value] = {"unit": None, "character": marks}
    shown = np.asarray(matrix)[np.ix_(indices[to], indices[of])].astype(np.float64)
    shown = np.where(np.isfinite(shown), shown, 0.0)
    limit = axis_limit(float(np.abs(shown).max()))
    return {
        "0.z": quantise_signed(shown, limit),
        "0.x": names[of],
        "0.y": names[to],
        "0.zmin": -limit,
        "0.zmax": limit,
        "labels.x": labels[of],
        "labels.y": labels[to],
    }
