"""The hidden states over a passage: units by characters, one unit and one place marked."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from rnn.vocabulary import char_mark
from ui.figures.base import LABELLED, PASSAGE, Caption, axis, bare, ramp
from ui.frames import Arrays, Quantised
from ui.palette import Palette

MOST_ROWS = 100
"""More units than this could not be told apart: the most active ones are shown."""

NEARLY_ZERO = 0.05
EMPTY = "There is nothing to read yet."
ASLEEP = "All states are still close to 0: press Train, and stripes will appear."

_ROW, _MARGINS = 12, 52
_LOWEST, _HIGHEST = 130, 400
_TITLE_STANDOFF = 28  # pixels, for the numbers of the units


def caption(palette: Palette, units: int) -> Caption:
    """What stands above the heatmap of a network with so many units."""
    shown = f": the {MOST_ROWS} most active of {units:,} units" if units > MOST_ROWS else ""
    return Caption(
        f"Hidden states over the passage{shown}",
        "One row a unit, one column a character read. A long stripe is memory; a row that changes with "
        "every character only echoes it. Click a row to see the text through that unit's eyes.",
        ramp("-1", "1", palette.diverging),
    )


def skeleton(palette: Palette, units: int) -> go.Figure:
    """The empty heatmap, on the fixed scale from -1 to 1."""
    height = _MARGINS + _ROW * min(units, MOST_ROWS)
    figure = go.Figure(
        layout=bare(
            palette,
            min(max(height, _LOWEST), _HIGHEST),
            xaxis=axis(palette, "character read", type="category", **LABELLED),
            yaxis=axis(palette, "hidden unit", type="category", autorange="reversed", **LABELLED),
            annotations=[_note()],
            shapes=[_frame(palette, "x"), _frame(palette, "y")],
            margin={"l": _TITLE_STANDOFF + 26, "r": 6, "t": 4, "b": 36},
            meta=PASSAGE,
        )
    )
    figure.update_yaxes(title_standoff=_TITLE_STANDOFF)
    figure.add_heatmap(
        zmin=-1,
        zmax=1,
        colorscale=palette.diverging,
        showscale=False,
        hovertemplate="%{y} after %{x}: %{z:.2f}<extra></extra>",
    )
    return figure


def _note() -> dict[str, Any]:
    return {
        "text": EMPTY,
        "xref": "paper",
        "yref": "paper",
        "x": 0.5,
        "y": 0.5,
        "showarrow": False,
        "visible": False,
    }


def _frame(palette: Palette, along: str) -> dict[str, Any]:
    """The frame around the row (which runs along x) or the column that is looked at."""
    across = "y" if along == "x" else "x"
    return {
        "type": "rect",
        f"{along}ref": "paper",
        f"{along}0": 0,
        f"{along}1": 1,
        f"{across}0": -0.5,
        f"{across}1": 0.5,
        "visible": False,
        "line": {"color": palette.text, "width": 1.5},
    }


def arrays(
    hidden: NDArray[Any], text: str, rows: Sequence[int], unit: int, place: int | None
) -> Arrays:
    """The heatmap's values for the states (n, H) over the n characters of ``text``.

    ``rows`` are the units from top to bottom; ``unit`` is framed, and ``place`` if there is one.
    """
    marks = [char_mark(char) for char in text]
    return {
        "0.z": _rounded(hidden[:, list(rows)].T) if text else [],
        "0.x": [f"{place} “{escape(mark)}”" for place, mark in enumerate(marks, 1)],
        "0.y": [f"unit {row}" for row in rows],
        "labels.x": marks,
        "labels.y": [str(row) for row in rows] if text else [],
        **_note_said(hidden),
        **_framed(0, "y", list(rows).index(unit) if text and unit in rows else None),
        **_framed(1, "x", place if text else None),
    }


def _rounded(states: NDArray[Any]) -> Quantised:
    """Hidden states as 8-bit numbers: the error, at most 0.004, is not seen."""
    return Quantised(np.rint(states * 127).astype(np.int8), 1 / 127)


def _note_said(hidden: NDArray[Any]) -> Arrays:
    asleep = len(hidden) > 0 and float(np.abs(hidden).max()) < NEARLY_ZERO
    return {
        "layout.annotations.0.text": ASLEEP if asleep else EMPTY,
        "layout.annotations.0.visible": asleep or len(hidden) == 0,
    }


def _framed(shape: int, across: str, index: int | None) -> Arrays:
    where = 0 if index is None else index
    return {
        f"layout.shapes.{shape}.visible": index is not None,
        f"layout.shapes.{shape}.{across}0": where - 0.5,
        f"layout.shapes.{shape}.{across}1": where + 0.5,
    }
