"""How the gradient changes on its way back through the window that is read next."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from rnn.analysis.flow import Flow
from rnn.dynamics import SMALLEST
from ui.figures.base import Caption, axis, bare
from ui.figures.iterations import legend
from ui.frames import Arrays
from ui.palette import Palette

HEIGHT = 272
CAPTION = Caption(
    "How much of the gradient reaches back: ‖∂L/∂h‖, now",
    "From a character's loss back through the hidden states before it. A falling line is vanishing: what "
    "stands that far back cannot be learned. A rising line is exploding. Level is what memory needs.",
)
_STEADY = 0.02
"""Change from step to step below which a gradient is said to keep its size."""


def skeleton(palette: Palette) -> go.Figure:
    """The empty chart, its y axis logarithmic."""
    figure = go.Figure(
        layout=bare(
            palette,
            HEIGHT,
            xaxis=axis(palette, "characters back", rangemode="tozero", zeroline=False),
            yaxis=axis(
                palette,
                "‖∂L/∂h‖ (nats per unit of h)",
                type="log",
                exponentformat="power",
                nticks=7,
            ),
            annotations=[_verdict(palette)],
            margin={"l": 62, "r": 10, "t": 26, "b": 38},
        )
    )
    hover = "%{x} back: %{y:.2g}<extra>"
    figure.add_scatter(
        name="typical character",
        mode="lines+markers",
        marker={"size": 4},
        line={"width": 2.4, "color": palette.main},
        hovertemplate=hover + "typical</extra>",
    )
    figure.add_scatter(
        name="the window's last character",
        mode="lines",
        line={"width": 1.4, "color": palette.second, "dash": "dot"},
        hovertemplate=hover + "last character</extra>",
    )
    figure.update_layout(showlegend=True, legend=legend(palette), hovermode="x unified")
    return figure


def _verdict(palette: Palette) -> dict[str, object]:
    return {
        "text": "",
        "xref": "paper",
        "yref": "paper",
        "x": 1,
        "y": 1,
        "xanchor": "right",
        "yanchor": "top",
        "showarrow": False,
        "bgcolor": palette.ground,
        "font": {"color": palette.text, "size": 12},
    }


def arrays(flow: Flow) -> Arrays:
    """Both courses by lag, and in words what a step back does."""
    lags = np.arange(len(flow.typical), dtype=np.int32)
    return {
        "0.x": lags,
        "0.y": _norms(flow.typical),
        "1.x": lags,
        "1.y": _norms(flow.last),
        "layout.annotations.0.text": verdict(flow.factor),
    }


def _norms(logarithms: np.ndarray) -> np.ndarray:
    """The norms; where nothing is left of them, a gap."""
    told = np.where(logarithms > SMALLEST, logarithms, np.nan)
    return np.asarray(10.0**told, dtype=np.float32)


def verdict(factor: float | None) -> str:
    """What the mean factor of a step back means, in words."""
    if factor is None:
        return "a window of one character has no way back"
    word = "it fades" if factor < 1.0 else "it grows"
    if abs(factor - 1.0) <= _STEADY:
        word = "it keeps its size"
    return f"each step back: × {factor:.2g}, {word}"
