"""What charts over iterations share: their axis, the note while they are empty, the parameters' lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from rnn.moments import Moment
from ui.figures.base import axis
from ui.frames import Arrays
from ui.palette import Palette

EMPTY = "Nothing has been learned from yet: press Train or Step."

NAMES = {
    "Wxh": "Wxh, input",
    "Whh": "Whh, recurrent",
    "Why": "Why, output",
    "bh": "bh, hidden bias",
    "by": "by, output bias",
}


def iteration_axis(palette: Palette, logarithmic: bool) -> dict[str, Any]:
    """The axis of the iterations, which begin at 1: the moment after the first step."""
    kind = "log" if logarithmic else "linear"
    return axis(palette, "iteration", type=kind, hoverformat=",", nticks=7)


def iterations(moments: Sequence[Moment]) -> NDArray[np.int32]:
    """(n,) the iterations of the moments."""
    return np.array([moment.iteration for moment in moments], dtype=np.int32)


def empty(is_empty: bool) -> Arrays:
    """The note instead of the axes, or the axes instead of the note."""
    return {
        "layout.annotations.0.visible": is_empty,
        "layout.xaxis.visible": not is_empty,
        "layout.yaxis.visible": not is_empty,
    }


def note(palette: Palette, text: str = EMPTY) -> dict[str, Any]:
    """A sentence in the middle of a chart that has nothing to show yet; its first annotation."""
    return {
        "text": text,
        "bgcolor": palette.ground,
        "borderpad": 6,
        "xref": "paper",
        "yref": "paper",
        "x": 0.5,
        "y": 0.5,
        "showarrow": False,
        "visible": False,
    }


def legend(palette: Palette) -> dict[str, Any]:
    """The legend, in one line above the chart."""
    return {
        "orientation": "h",
        "x": 0,
        "y": 1,
        "yanchor": "bottom",
        "font": {"color": palette.text, "size": 11},
    }


def line_styles(palette: Palette) -> dict[str, dict[str, Any]]:
    """How the line of each parameter looks: matrices in colour, biases grey."""
    return {
        "Wxh": {"color": palette.main},
        "Whh": {"color": palette.second},
        "Why": {"color": palette.third},
        "bh": {"color": palette.muted, "dash": "dash"},
        "by": {"color": palette.faint, "dash": "dot"},
    }


def add_parameter_lines(figure: go.Figure, palette: Palette, hover: str, **options: Any) -> None:
    """Add a line for each parameter; ``hover`` says how the value reads."""
    width = options.pop("width", 2)
    for name, style in line_styles(palette).items():
        figure.add_scatter(
            name=name,
            legendgroup=name,
            mode="lines+markers",
            marker={"size": 4},
            line={"width": width, **style},
            hovertemplate=f"{hover}<extra>{name}</extra>",
            **options,
        )
