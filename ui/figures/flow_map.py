"""How far back gradients have reached in the course of training: lags by iterations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from rnn.moments import Moment
from ui.figures.base import Caption, axis, bare, ramp
from ui.figures.iterations import empty, iteration_axis, iterations, note
from ui.frames import Arrays, Quantised
from ui.palette import Palette

HEIGHT = 272
DECADES = 6
"""Powers of ten at which the colours end, either way."""
MOST_ROWS = 50
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_STEPS = 120
"""Whole numbers between no change and the end of the colours."""


def caption(palette: Palette) -> Caption:
    """What stands above the map."""
    return Caption(
        "The same over iterations",
        "Each column a moment of training, from the loss itself (bottom) back through the window (up). "
        "Colourless keeps its size; the stronger the orange, the more has vanished; blue explodes.",
        ramp(_power_of_ten(-DECADES), _power_of_ten(DECADES), palette.diverging),
    )


def _power_of_ten(exponent: int) -> str:
    return "10" + str(exponent).translate(_RAISED)


def skeleton(palette: Palette, logarithmic: bool) -> go.Figure:
    """The empty map, in powers of ten against the gradient at the loss itself."""
    figure = go.Figure(
        layout=bare(
            palette,
            HEIGHT,
            xaxis=iteration_axis(palette, logarithmic),
            yaxis=axis(palette, "characters back", showgrid=False, nticks=6),
            annotations=[note(palette)],
            margin={"l": 46, "r": 26, "t": 6, "b": 38},
        )
    )
    figure.update_layout(uirevision=f"log {logarithmic}")
    figure.add_heatmap(
        zmin=-DECADES,
        zmax=DECADES,
        colorscale=palette.diverging,
        showscale=False,
        hoverongaps=False,
        hovertemplate="iteration %{x:,}, %{y} back: × 10^%{z:.1f}<extra></extra>",
    )
    return figure


def arrays(moments: Sequence[Moment]) -> Arrays:
    """How the gradient's size has changed at each lag, in powers of ten; a gap beyond the window."""
    if not moments:
        return {"0.z": [], "0.x": [], "0.y": [], **empty(True)}
    flows = np.stack([moment.flow for moment in moments]).astype(np.float32)
    longest = max(1, int(np.count_nonzero(~np.isnan(flows), axis=1).max()))
    stride = -(-longest // MOST_ROWS)
    lags = np.arange(0, longest, stride, dtype=np.int32)
    change = np.clip((flows[:, lags] - flows[:, :1]).T, -DECADES, DECADES)
    return {
        "0.z": _rounded(change),
        "0.x": iterations(moments),
        "0.y": lags,
        **empty(False),
    }


def _rounded(change: np.ndarray) -> np.ndarray | Quantised:
    """As 8-bit numbers where there are no gaps; the error is at most 0.03 powers of ten."""
    if np.isnan(change).any():
        return change.astype(np.float32)
    scale = DECADES / _STEPS
    return Quantised(np.rint(change / scale).astype(np.int8), scale)
