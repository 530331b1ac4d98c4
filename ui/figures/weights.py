"""Histograms of the weights, over the shapes they started from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from rnn.snapshot import Histogram
from ui.figures.base import Caption, axis, bare
from ui.frames import Arrays
from ui.palette import Palette

HEIGHT = 210
CAPTION = Caption(
    "Weights: how they spread",
    "Grey is where they started, cut off where it is taller. Learning pulls them apart.",
)
NAMES = {
    "Wxh": "Wxh, input",
    "Whh": "Whh, recurrent",
    "Why": "Why, output",
    "biases": "bh and by, biases",
}
_HEADROOM = 1.15


def skeleton(palette: Palette) -> go.Figure:
    """Four empty histograms side by side."""
    figure = make_subplots(cols=len(NAMES), subplot_titles=list(NAMES.values()))
    figure.update_layout(bare(palette, HEIGHT, margin={"l": 52, "r": 10, "t": 26, "b": 38}))
    figure.update_annotations(font={"size": 11, "color": palette.text})
    # Five-sided steps drawn as one path each: far cheaper to paint than a rectangle a bin.
    step = {"mode": "lines", "line_shape": "hvh", "fill": "tozeroy"}
    for column in range(1, len(NAMES) + 1):
        hover = "about %{x:.3g}: %{y:.1f} % of the weights<extra>"
        figure.add_scatter(
            **step,
            line={"width": 1, "color": palette.faint},
            hovertemplate=hover + "at the start</extra>",
            row=1,
            col=column,
        )
        figure.add_scatter(
            **step,
            line={"width": 1.5, "color": palette.main},
            fillcolor=palette.band,
            hovertemplate=hover + "now</extra>",
            row=1,
            col=column,
        )
        figure.update_xaxes(axis(palette, "weight", nticks=4), col=column)
        figure.update_yaxes(
            axis(palette, "% of weights" if column == 1 else "", nticks=4), col=column
        )
    return figure


def arrays(histograms: Mapping[str, Histogram]) -> Arrays:
    """Both histograms of each parameter; the axis follows the present one."""
    data: Arrays = {}
    for column, name in enumerate(NAMES):
        histogram = histograms[name]
        middles = ((histogram.edges[:-1] + histogram.edges[1:]) / 2).astype(np.float32)
        for trace, shares in ((2 * column, histogram.initial), (2 * column + 1, histogram.now)):
            data[f"{trace}.x"] = middles
            data[f"{trace}.y"] = (100 * shares).astype(np.float32)
        number = "" if column == 0 else str(column + 1)
        tallest = 100 * float(histogram.now.max()) * _HEADROOM
        limit = float(histogram.edges[-1])
        for name_of_axis, bounds in (("xaxis", [-limit, limit]), ("yaxis", [0.0, tallest])):
            data[f"layout.{name_of_axis}{number}.range"] = bounds
            data[f"layout.{name_of_axis}{number}.autorange"] = False
    return data
