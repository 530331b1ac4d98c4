"""The spectral radius and the largest singular value of Whh over iterations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from rnn.moments import Moment
from ui.figures.base import Caption, axis, bare
from ui.figures.iterations import empty, iteration_axis, iterations, legend, note
from ui.frames import Arrays
from ui.palette import Palette

HEIGHT = 272
CAPTION = Caption(
    "How much Whh stretches a state",
    "Above the dashed line, Whh alone would let states and gradients grow from step to step; below it, fade. "
    "tanh holds them back, so a network that remembers lies well above it.",
)


def skeleton(palette: Palette, logarithmic: bool) -> go.Figure:
    """The empty chart, with a dashed line at 1, where nothing grows or fades."""
    figure = go.Figure(
        layout=bare(
            palette,
            HEIGHT,
            xaxis=iteration_axis(palette, logarithmic),
            yaxis=axis(palette, "factor per step", type="log", nticks=6, minor={"showgrid": False}),
            shapes=[_one(palette)],
            annotations=[note(palette)],
            margin={"l": 52, "r": 26, "t": 26, "b": 38},
        )
    )
    figure.update_layout(
        showlegend=True,
        legend=legend(palette),
        hovermode="x unified",
        uirevision=f"log {logarithmic}",
    )
    for name, colour in (
        ("largest singular value", palette.second),
        ("spectral radius", palette.main),
    ):
        figure.add_scatter(
            name=name,
            mode="lines+markers",
            marker={"size": 4},
            line={"width": 2, "color": colour},
            hovertemplate="%{y:.3g}<extra>" + name + "</extra>",
        )
    return figure


def _one(palette: Palette) -> dict[str, object]:
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": 1,
        "y1": 1,
        "line": {"color": palette.muted, "width": 1, "dash": "dash"},
    }


def arrays(moments: Sequence[Moment]) -> Arrays:
    """Both lines."""
    places = iterations(moments)
    return {
        "0.x": places,
        "0.y": np.array([moment.singular for moment in moments], dtype=np.float32),
        "1.x": places,
        "1.y": np.array([moment.radius for moment in moments], dtype=np.float32),
        **empty(not moments),
        "layout.shapes.0.visible": bool(moments),
    }
