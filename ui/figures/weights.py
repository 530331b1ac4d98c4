"""Histograms of the weights, over the shapes they started from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from rnn.snapshot import Histogram
from ui.figures.base import Caption, axis, bare
from ui.frames import Arrays
from ui.palette import Palette

HEIGHT = 210
CAPTION = Caption(
    "Weights: how they spread",
    "Grey is where they started. Learning pulls them apart; what is taller than the chart is cut off.",
)
NAMES = {
    "Wxh": "Wxh, input",
    "Whh": "Whh, recurrent",
    "Why": "Why, output",
    "biases": "bh and by, biases",
}
_SPACING = 2.6
"""Each histogram spans -1…1 of the shared axis; this far apart stand their middles."""
_HEADROOM = 1.15

Floats = NDArray[np.float64]


def skeleton(palette: Palette) -> go.Figure:
    """Four empty histograms side by side.

    They share one pair of axes and two traces: to the browser, each further axis or trace costs as much
    time at every frame as all the bars.
    """
    figure = go.Figure(
        layout=bare(
            palette,
            HEIGHT,
            xaxis=axis(
                palette, "weight", showgrid=False, tickangle=0, range=_whole_axis(), autorange=False
            ),
            yaxis=axis(palette, "% of the weights", nticks=5),
            margin={"l": 52, "r": 10, "t": 20, "b": 38},
            annotations=[_name(palette, *place) for place in enumerate(NAMES.values())],
        )
    )
    step = {"mode": "lines", "line_shape": "hvh", "fill": "tozeroy"}
    hover = "about %{customdata:.3g}: %{y:.1f} % of the weights<extra>"
    figure.add_scatter(
        **step,
        name="at the start",
        line={"width": 1, "color": palette.faint},
        hovertemplate=hover + "at the start</extra>",
    )
    figure.add_scatter(
        **step,
        name="now",
        line={"width": 1.5, "color": palette.main},
        fillcolor=palette.band,
        hovertemplate=hover + "now</extra>",
    )
    return figure


def _whole_axis() -> list[float]:
    return [-1.15, _SPACING * (len(NAMES) - 1) + 1.15]


def _name(palette: Palette, place: int, name: str) -> dict[str, object]:
    return {
        "text": name,
        "x": _SPACING * place,
        "y": 1,
        "yref": "paper",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"color": palette.text},
    }


def arrays(histograms: Mapping[str, Histogram]) -> Arrays:
    """Both histograms of each parameter; the height follows the present ones."""
    shown = [histograms[name] for name in NAMES]
    middles = [(h.edges[:-1] + h.edges[1:]) / 2 for h in shown]
    places = [
        _SPACING * place + middle / h.edges[-1]
        for place, (h, middle) in enumerate(zip(shown, middles, strict=True))
    ]
    x, weights = _joined(places), _joined(middles)
    matrices = max(float(h.now.max()) for name, h in histograms.items() if name != "biases")
    # Biases begin as one bar of 100 %, which would press everything else flat.
    tallest = min(2 * matrices, max(float(h.now.max()) for h in shown))
    return {
        "0.x": x,
        "0.y": _joined([100 * h.initial for h in shown]),
        "0.customdata": weights,
        "1.x": x,
        "1.y": _joined([100 * h.now for h in shown]),
        "1.customdata": weights,
        "layout.yaxis.range": [0.0, 100 * tallest * _HEADROOM],
        "layout.yaxis.autorange": False,
        "layout.xaxis.tickvals": [
            _SPACING * place + side for place in range(len(shown)) for side in (-1, 0, 1)
        ],
        "layout.xaxis.ticktext": [f"{side * h.edges[-1]:g}" for h in shown for side in (-1, 0, 1)],
    }


def _joined(parts: Sequence[Floats]) -> NDArray[np.float32]:
    """The parts one after the other, with a gap between them that no line crosses."""
    gapped = [np.append(part, np.nan) for part in parts]
    return np.concatenate(gapped)[:-1].astype(np.float32)
