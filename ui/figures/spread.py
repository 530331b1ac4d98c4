"""How weights, gradients or activations spread: over iterations as a map, and at one moment as bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from rnn.moments import BINS_A_DECADE, DECADES, SIZE_BINS, VALUE_BINS, Moment
from rnn.network import PARAMETERS
from rnn.snapshot import axis_limit
from ui.figures.base import Caption, axis, bare, ramp
from ui.figures.iterations import NAMES, empty, iteration_axis, iterations, note
from ui.frames import Arrays, quantise_probabilities
from ui.palette import Palette

HEIGHT = 330
FULL = 0.15
"""The share of all values, in one bin, at which the colour of the map is full."""
_ZERO = DECADES[0] - 1.5 / BINS_A_DECADE
"""Where the bin of zeros and of smaller sizes stands, a little apart from the others."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """What is looked at: ``"weights"``, ``"gradients"`` or ``"activations"``, and of which parameter."""

    kind: str
    parameter: str = "Whh"

    @property
    def what(self) -> str:
        """Its name, for titles."""
        if self.kind == "activations":
            return "Hidden states"
        return f"{self.kind.capitalize()} of {NAMES[self.parameter]}"

    @property
    def axis_title(self) -> str:
        """What the values are, with their unit."""
        return {
            "weights": "weight",
            "gradients": "size of the gradient (nats per unit)",
            "activations": "hidden state",
        }[self.kind]

    @property
    def place(self) -> int:
        """The parameter's place among all."""
        return PARAMETERS.index(self.parameter)


_READINGS = {
    "weights": "Each column a moment of training. They start close together; a spread that keeps "
    "widening means weights still grow, a thin line that nothing moves.",
    "gradients": "Each column a moment of training, by powers of ten, before the clip. A drift downwards is "
    "vanishing or success; above the dashed line, the clip cuts. “0” holds zeros and what is smaller still, "
    "such as characters that the window lacks.",
    "activations": "Each column a moment of training. Full edges at ±1 are saturated units, which hardly "
    "learn; a full middle is a network that has not woken up.",
}


def map_caption(palette: Palette, spread: Spread) -> Caption:
    """What stands above the map."""
    scale = ramp("0", f"{FULL:.0%} or more in one bin".replace("%", " %"), palette.sequential)
    return Caption(f"{spread.what} over iterations", _READINGS[spread.kind], scale)


def bars_caption() -> Caption:
    """What stands above the bars of one moment."""
    return Caption(
        "At one moment",
        "One column of the map as shares of all values: the newest, unless you choose another with the "
        "slider or by a click on the map.",
    )


def _value_axis(palette: Palette, spread: Spread) -> dict[str, Any]:
    options: dict[str, Any] = {"showgrid": False, "nticks": 7}
    if spread.kind == "gradients":
        powers = list(range(DECADES[0], DECADES[1] + 1, 2))
        options = {
            "showgrid": False,
            "tickvals": [_ZERO, *powers],
            "ticktext": ["0", *[f"10<sup>{power}</sup>" for power in powers]],
        }
    return axis(palette, spread.axis_title, **options)


def map_skeleton(
    palette: Palette, spread: Spread, logarithmic: bool, clip: float = 0.0
) -> go.Figure:
    """The empty map; the clip is a dashed line among the gradients."""
    figure = go.Figure(
        layout=bare(
            palette,
            HEIGHT,
            xaxis=iteration_axis(palette, logarithmic),
            yaxis=_value_axis(palette, spread),
            annotations=[note(palette)],
            shapes=[_mark(palette), *_clip_line(palette, spread, clip)],
            margin={"l": 58, "r": 26, "t": 20, "b": 38},
        )
    )
    figure.update_layout(uirevision=f"{spread} {logarithmic}")
    figure.add_heatmap(
        zmin=0,
        zmax=FULL,
        colorscale=palette.sequential,
        showscale=False,
        hovertemplate="iteration %{x:,}, about "
        + _hover(spread, "y")
        + ": %{z:.1%}<extra></extra>",
    )
    return figure


def _hover(spread: Spread, along: str) -> str:
    return f"10^%{{{along}:.1f}}" if spread.kind == "gradients" else f"%{{{along}:.3g}}"


def _mark(palette: Palette) -> dict[str, Any]:
    return {
        "type": "line",
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "x0": 1,
        "x1": 1,
        "visible": False,
        "line": {"color": palette.second, "width": 1.6},
    }


def _clip_line(palette: Palette, spread: Spread, clip: float) -> list[dict[str, Any]]:
    if spread.kind != "gradients" or clip <= 0.0:
        return []
    height = float(np.log10(clip))
    line = {"color": palette.second, "width": 1, "dash": "dash"}
    return [
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "y0": height,
            "y1": height,
            "line": line,
        }
    ]


def map_arrays(moments: Sequence[Moment], spread: Spread, marked: Moment | None) -> Arrays:
    """The map, from the smallest value up; the column of the marked moment has a line through it."""
    if not moments:
        return {"0.z": [], "0.x": [], "0.y": [], **empty(True)}
    values, shares = _common_bins(moments, spread)
    return {
        "0.z": quantise_probabilities(shares.T),
        "0.x": iterations(moments),
        "0.y": values.astype(np.float32),
        "layout.yaxis.range": _range(values, shares),
        "layout.yaxis.autorange": False,
        **empty(False),
        "layout.shapes.0.visible": marked is not None,
        "layout.shapes.0.x0": 1 if marked is None else marked.iteration,
        "layout.shapes.0.x1": 1 if marked is None else marked.iteration,
    }


def bars_skeleton(palette: Palette, spread: Spread) -> go.Figure:
    """The empty bars, their values on the same axis as the map's."""
    figure = go.Figure(
        layout=bare(
            palette,
            HEIGHT,
            xaxis=axis(palette, "% of all values", rangemode="tozero", nticks=5),
            yaxis=_value_axis(palette, spread),
            annotations=[note(palette), _when(palette)],
            margin={"l": 58, "r": 26, "t": 20, "b": 38},
        )
    )
    figure.update_layout(uirevision=str(spread))
    figure.add_bar(
        orientation="h",
        marker={"color": palette.main},
        hovertemplate="about " + _hover(spread, "y") + ": %{x:.2f} %<extra></extra>",
    )
    figure.update_layout(bargap=0.05)
    return figure


def _when(palette: Palette) -> dict[str, Any]:
    return {
        "text": "",
        "xref": "paper",
        "yref": "paper",
        "x": 1,
        "y": 1,
        "xanchor": "right",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"color": palette.text, "size": 12},
    }


def bars_arrays(moments: Sequence[Moment], spread: Spread, moment: Moment | None) -> Arrays:
    """The bars of one of the moments, in its own bins, on the axis of them all."""
    if moment is None:
        return {"0.x": [], "0.y": [], **empty(True)}
    values, shares = _bins(moment, spread)
    common, all_shares = _common_bins(moments, spread)
    return {
        "0.x": (100.0 * shares).astype(np.float32),
        "0.y": values.astype(np.float32),
        "0.width": float(values[-1] - values[-2]),
        "layout.yaxis.range": _range(common, all_shares),
        "layout.yaxis.autorange": False,
        **empty(False),
        "layout.annotations.1.text": f"after iteration {moment.iteration:,}",
    }


def _bins(moment: Moment, spread: Spread) -> tuple[Floats, Floats]:
    """The middles of the moment's bins, rising, and its shares, (n,) each."""
    if spread.kind == "gradients":
        return _size_middles(), moment.gradients[spread.place].astype(np.float64)
    if spread.kind == "activations":
        return _middles(1.0), moment.activations.astype(np.float64)
    return _middles(_reach(moment, spread)), moment.weights[spread.place].astype(np.float64)


def _size_middles() -> Floats:
    return np.array([_ZERO, *(DECADES[0] + (np.arange(SIZE_BINS - 1) + 0.5) / BINS_A_DECADE)])


def _middles(reach: float) -> Floats:
    return reach * (2.0 * np.arange(VALUE_BINS) + 1.0 - VALUE_BINS) / VALUE_BINS


def _reach(moment: Moment, spread: Spread) -> float:
    reach = float(moment.reach[spread.place])
    return max(reach, 1e-12) if np.isfinite(reach) else 1.0


def _common_bins(moments: Sequence[Moment], spread: Spread) -> tuple[Floats, Floats]:
    """The middles (n,) of bins that all moments share, and the shares in them (moments, n).

    The weights of each moment have bins that reach just as far as they do; within such a bin they are
    taken as spread evenly.
    """
    if spread.kind != "weights":
        both = [_bins(moment, spread) for moment in moments]
        return both[0][0], np.stack([shares for _, shares in both])
    limit = axis_limit(max(_reach(moment, spread) for moment in moments))
    edges = np.linspace(-limit, limit, VALUE_BINS + 1)
    own = np.linspace(-1.0, 1.0, VALUE_BINS + 1)
    rows = [
        np.diff(
            np.interp(
                edges, own * _reach(moment, spread), np.append(0.0, shares.cumsum(dtype=np.float64))
            )
        )
        for moment, shares in ((moment, moment.weights[spread.place]) for moment in moments)
    ]
    return (edges[:-1] + edges[1:]) / 2, np.stack(rows)


def _range(values: Floats, shares: Floats) -> list[float]:
    """From half a bin below the lowest value that occurs to half a bin above the highest."""
    half = float(values[-1] - values[-2]) / 2
    seen = np.flatnonzero(shares.sum(axis=0) > 0.0)
    if not len(seen):
        seen = np.arange(len(values))
    return [float(values[seen[0]]) - half, float(values[seen[-1]]) + half]
