"""The tree of runs: one row a run, branching where it was forked from another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from rnn.compare import Branch
from ui.figures.base import Caption, axis, bare
from ui.figures.scatter import short
from ui.frames import Arrays
from ui.palette import Palette

MOST_ROWS = 40
_ROW = 22
_AROUND = 56
CAPTION = Caption(
    "Tree of forks",
    "One row a run, as long as it has trained; a branch leaves its parent at the iteration of the fork.",
)


def height(rows: int) -> int:
    """Pixels for so many rows."""
    return _AROUND + _ROW * max(2, rows)


def skeleton(rows: int, palette: Palette) -> go.Figure:
    """The empty tree with room for so many rows."""
    layout = bare(
        palette,
        height(rows),
        xaxis=axis(palette, "iteration", rangemode="tozero"),
        yaxis=axis(palette, "", showgrid=False, autorange=False, range=[rows - 0.4, -0.6]),
        margin={"l": 190, "r": 16, "t": 6, "b": 40},
    )
    figure = go.Figure(layout=layout)
    figure.add_scatter(mode="lines", line={"width": 2, "color": palette.faint}, hoverinfo="skip")
    figure.add_scatter(
        mode="markers",
        marker={"size": 9},
        hovertemplate="%{customdata}<extra></extra>",
    )
    return figure


def arrays(
    branches: Sequence[Branch], colour: Callable[[str], str | None], palette: Palette
) -> Arrays:
    """The branches, each with a mark at its newest iteration; ``colour`` gives that of a chosen run."""
    x, y = _outline(branches)
    return {
        "0.x": x,
        "0.y": y,
        "1.x": np.array([branch.end for branch in branches], dtype=np.float32),
        "1.y": np.array([branch.row for branch in branches], dtype=np.float32),
        "1.marker.color": [colour(branch.run.id) or palette.faint for branch in branches],
        "1.customdata": [_told(branch) for branch in branches],
        "layout.yaxis.tickvals": [branch.row for branch in branches],
        "layout.yaxis.ticktext": [_name(branch) for branch in branches],
    }


def _outline(branches: Sequence[Branch]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Every branch down from its parent's row and along its own, with a gap after each."""
    corners: list[tuple[float, float]] = []
    for branch in branches:
        if branch.parent_row is not None:
            corners.append((branch.start, branch.parent_row))
        corners += [(branch.start, branch.row), (branch.end, branch.row), (np.nan, np.nan)]
    x, y = np.array(corners, dtype=np.float32).reshape(-1, 2).T
    return x, y


def _name(branch: Branch) -> str:
    return short(branch.run.name) + (" (deleted)" if branch.run.deleted is not None else "")


def _told(branch: Branch) -> str:
    told = f"{escape(branch.run.name, quote=False)}<br>to iteration {branch.end:,}"
    if branch.parent_row is None:
        return told
    return f"{told}<br>forked at iteration {branch.start:,}"
