"""Parallel coordinates: each run a line across its settings, to its result.

Drawn as plain lines. Plotly's own kind needs WebGL, which a browser without a graphics card only
imitates slowly, and it cannot name a line under the pointer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from rnn.compare import Cell, Column
from rnn.store import RunRow
from ui.figures.base import Caption, axis, bare, ramp
from ui.figures.scatter import rounded, short, told
from ui.frames import Arrays
from ui.palette import Colours, Palette

HEIGHT = 340
MOST_AXES = 7
"""Settings beside each other; more could not be told apart."""
_SHADES = 5
"""Groups of runs by their result, each in a shade of its own: as many traces."""
_MOST_NAMES = 6
_WORTH_LOG = 10.0
"""A setting whose largest value is so many times its smallest stands on a logarithmic scale."""


@dataclass(frozen=True)
class Scaled:
    """A column's values (n,) between 0 and 1, and the places at which its scale is named."""

    places: NDArray[np.float64]
    names: tuple[tuple[float, str], ...]


def scaled(values: Sequence[float | str]) -> Scaled:
    """Numbers between their smallest and largest, names evenly spread in alphabetical order."""
    if any(isinstance(value, str) for value in values):
        return _by_name([str(value) for value in values])
    numbers = np.array([rounded(float(value)) for value in values])
    low, high = float(numbers.min()), float(numbers.max())
    if low == high:
        return Scaled(np.full(len(numbers), 0.5), ((0.5, _number(low)),))
    if low > 0.0 and high / low >= _WORTH_LOG:
        places = np.log(numbers / low) / math.log(high / low)
    else:
        places = (numbers - low) / (high - low)
    return Scaled(places, ((0.0, _number(low)), (1.0, _number(high))))


def _by_name(values: Sequence[str]) -> Scaled:
    names = sorted(set(values))
    step = 1.0 / max(1, len(names) - 1)
    place = {name: number * step if len(names) > 1 else 0.5 for number, name in enumerate(names)}
    few = names if len(names) <= _MOST_NAMES else [names[0], names[-1]]
    return Scaled(
        np.array([place[value] for value in values]),
        tuple((place[name], short(name, 14)) for name in few),
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) and abs(value) >= 1000 else f"{value:.4g}"


def caption(palette: Palette, result: Column) -> Caption:
    """What stands above the lines."""
    return Caption(
        "Settings, and what came of them",
        "One line a run, from setting to setting and, at the right, to its result; "
        "chosen runs are thick. Only settings that differ have an axis.",
        ramp(f"low {result.label}", "high", _colours(palette)),
    )


def _colours(palette: Palette) -> Colours:
    return (0.0, palette.main), (0.5, palette.faint), (1.0, palette.second)


def _shade(palette: Palette, number: int) -> str:
    colours = (palette.main, palette.main, palette.faint, palette.second, palette.second)
    return colours[number]


def skeleton(palette: Palette) -> go.Figure:
    """The empty chart: a trace for each fifth of the results, from low to high, and the chosen runs."""
    hidden = {"showgrid": False, "showticklabels": False, "ticks": "", "showline": False}
    layout = bare(
        palette,
        HEIGHT,
        xaxis=axis(palette, "", showgrid=False, tickangle=0, showline=False, range=[-0.3, 1.3]),
        yaxis=axis(palette, "", **hidden, range=[-0.1, 1.12], fixedrange=True),
        margin={"l": 10, "r": 10, "t": 8, "b": 46},
    )
    figure = go.Figure(layout=layout)
    for number in range(_SHADES):
        figure.add_scatter(
            mode="lines",
            opacity=1.0 if number in (0, _SHADES - 1) else 0.55,
            line={"width": 1.5, "color": _shade(palette, number)},
            hovertemplate="%{text}<extra></extra>",
        )
    # Wide and faint, so that the shade of a chosen run is seen within.
    figure.add_scatter(
        mode="lines", line={"width": 7, "color": palette.text}, opacity=0.3, hoverinfo="skip"
    )
    return figure


def arrays(
    runs: Sequence[RunRow],
    columns: Sequence[Column],
    result: Column,
    chosen: Sequence[str],
    palette: Palette,
) -> Arrays:
    """The runs that have a result, each a line over ``columns`` and the result; thick where chosen."""
    shown = [run for run in runs if result.value(run) is not None]
    axes = [*columns[:MOST_AXES], result]
    table = [[_present(column.value(run)) for run in shown] for column in axes]
    scales = [scaled(values) for values in table] if shown else []
    places = np.array([scale.places for scale in scales]).reshape(len(scales), len(shown))
    shades = _fifths(places[-1]) if shown else np.zeros(0, dtype=np.intp)
    brought: Arrays = {}
    for number in range(_SHADES):
        brought |= _lines(number, places[:, shades == number])
        told = [
            _tips(run, axes) for run, shade in zip(shown, shades, strict=True) if shade == number
        ]
        brought[f"{number}.text"] = [text for tips in told for text in tips]
    picked = np.array([run.id in chosen for run in shown], dtype=bool)
    last = len(axes) - 1
    return brought | {
        **_lines(_SHADES, places[:, picked]),
        "layout.xaxis.tickvals": list(range(len(axes))),
        "layout.xaxis.ticktext": [_label(column) for column in axes],
        "layout.xaxis.range": [-0.35, last + 0.6],
        "layout.annotations": _names(scales, palette) if shown else [_nothing()],
        "layout.shapes": [_upright(number, palette) for number in range(len(axes))],
    }


def _present(value: Cell) -> float | str:
    assert value is not None
    return value


def _fifths(places: NDArray[np.float64]) -> NDArray[np.intp]:
    """(n,) which fifth of the runs each is in by its result; equal results are in the same.

    However few there are, the lowest is in the first fifth and the highest in the last; where all are
    equal, they are in the middle.
    """
    ordered = np.sort(places)
    rank = (np.searchsorted(ordered, places) + np.searchsorted(ordered, places, "right") - 1) / 2
    share = rank / (len(places) - 1) if len(places) > 1 else np.full(1, 0.5)
    return np.minimum(_SHADES - 1, (_SHADES * share).astype(np.intp))


def _lines(trace: int, places: NDArray[np.float64]) -> Arrays:
    """The runs' lines (axes, n) one after the other, with a gap between them that no line crosses."""
    axes, count = places.shape
    gapped = np.full((count, axes + 1), np.nan, dtype=np.float32)
    gapped[:, :axes] = places.T
    x = np.tile(np.arange(axes + 1, dtype=np.float32), count)
    return {f"{trace}.x": x, f"{trace}.y": gapped.ravel()}


def _tips(run: RunRow, axes: Sequence[Column]) -> list[str]:
    """What is said of a run at each of its points, and at the gap after them: whose it is, the value."""
    name = escape(run.name, quote=False)
    return [*(f"{name}<br>{told(column, column.value(run))}" for column in axes), ""]


def _label(column: Column) -> str:
    """The column's name, a word a line: axes stand close to each other."""
    return column.label.replace(" ", "<br>")


def _names(scales: Sequence[Scaled], palette: Palette) -> list[dict[str, Any]]:
    return [
        {
            "x": number,
            "y": place,
            "text": name,
            "showarrow": False,
            "xanchor": "left",
            "xshift": 5,
            "yshift": 8,
            "font": {"size": 11, "color": palette.muted},
        }
        for number, scale in enumerate(scales)
        for place, name in scale.names
    ]


def _nothing() -> dict[str, Any]:
    return {
        "text": "No run has this result yet.",
        "xref": "paper",
        "yref": "paper",
        "x": 0.5,
        "y": 0.5,
        "showarrow": False,
    }


def _upright(number: int, palette: Palette) -> dict[str, Any]:
    return {
        "type": "line",
        "x0": number,
        "x1": number,
        "y0": 0,
        "y1": 1,
        "layer": "below",
        "line": {"color": palette.faint, "width": 1},
    }
