"""How far back the network remembers: what a changed character does, by how many characters ago it was."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from rnn.analysis.recall import Recall
from ui.figures.base import Caption, axis, bare
from ui.frames import Arrays
from ui.palette import Palette

HEIGHT = 300
CAPTION = Caption(
    "How far back it remembers",
    "One character is changed: by how much does the prediction move, so many characters later? Where the "
    "line dives under chance, the character is forgotten. Dots: how much worse it then guesses what really "
    "comes; far below the line, the memory is of little use. The band is two standard errors wide each way.",
)

_BAND, _CHANGE, _COST, _CHANCE = range(4)
_T_LINE, _END_LINE = range(2)
_LOG: dict[str, Any] = {"type": "log", "dtick": 1, "exponentformat": "none"}
_BELOW_CHANCE = 20  # how many times lower than chance a logarithmic axis reaches
_HEADROOM, _LOG_HEADROOM = 1.1, 2.0

Floats = NDArray[np.float32]


def skeleton(palette: Palette, log: bool) -> go.Figure:
    """The empty chart; ``log`` asks for a logarithmic scale of bits."""
    layout = bare(
        palette,
        HEIGHT,
        xaxis=axis(palette, "characters since the one that was changed", showgrid=False),
        yaxis=axis(palette, "bits", **(_LOG if log else {"type": "linear"})),
        shapes=[_upright(palette, "dot", "top"), _upright(palette, "solid", "bottom")],
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        margin={"l": 58, "r": 14, "t": 30, "b": 42},
    )
    layout.update(uirevision=f"log {log}", hovermode="x", showlegend=True, hoverdistance=30)
    figure = go.Figure(layout=layout)
    figure.add_scatter(
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=palette.band,
        hoverinfo="skip",
        showlegend=False,
    )
    figure.add_scatter(
        name="change of the prediction",
        mode="lines",
        line={"width": 2.4, "color": palette.main},
        hovertemplate="%{y:.3g} bits<extra>change</extra>",
    )
    figure.add_scatter(
        name="worse guess",
        mode="markers",
        marker={"size": 5, "color": palette.third},
        hovertemplate="%{y:.3g} bits<extra>worse guess</extra>",
    )
    figure.add_scatter(
        name="chance",
        mode="lines",
        line={"width": 1.4, "color": palette.second, "dash": "dash"},
        hovertemplate="%{y:.2g} bits<extra>chance</extra>",
    )
    return figure


def _upright(palette: Palette, dash: str, place: str) -> dict[str, Any]:
    return {
        "type": "line",
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "visible": False,
        "line": {"color": palette.muted, "width": 1, "dash": dash},
        "label": {
            "textposition": {"top": "end", "bottom": "start"}[place],
            "textangle": 0,
            "xanchor": "left",
            "yanchor": place,
            "font": {"size": 11, "color": palette.muted},
        },
    }


def arrays(found: Recall, log: bool) -> Arrays:
    """The lines, the range of the axis of bits, and where T and the memory's end are."""
    lags = found.lags
    lowest, highest = _range(found, log)
    kept = 10.0 ** (lowest - 2) if log else -math.inf  # a logarithmic axis has no place for 0
    error = 2 * found.change_error
    cost = np.where(found.cost > kept, found.cost, np.nan)
    remembered = found.remembered
    return {
        f"{_BAND}.x": np.concatenate([lags, lags[::-1]]),
        f"{_BAND}.y": _floored(
            np.concatenate([found.change - error, (found.change + error)[::-1]]), kept
        ),
        f"{_CHANGE}.x": lags,
        f"{_CHANGE}.y": _floored(found.change, kept),
        f"{_COST}.x": lags,
        f"{_COST}.y": cost.astype(np.float32),
        f"{_CHANCE}.x": lags,
        f"{_CHANCE}.y": found.chance.astype(np.float32),
        "layout.xaxis.range": [0.5, len(lags) + 0.5],
        "layout.xaxis.autorange": False,
        "layout.yaxis.autorange": False,
        "layout.yaxis.range": [lowest, highest],
        **_line(_T_LINE, found.seq_length, f"T = {found.seq_length}", len(lags)),
        **_line(
            _END_LINE,
            remembered if remembered and not found.endless else None,
            f"remembers {remembered}",
            len(lags),
        ),
    }


def _floored(values: NDArray[np.float64], lowest: float) -> Floats:
    return np.maximum(values, lowest).astype(np.float32)


def _range(found: Recall, log: bool) -> tuple[float, float]:
    """The ends of the axis of bits, as Plotly wants them: of a logarithmic one, powers of ten."""
    top = max(float((found.change + 2 * found.change_error).max()), found.unseen)
    if log:
        return math.log10(found.unseen / _BELOW_CHANCE), math.log10(_LOG_HEADROOM * top)
    return min(0.0, _HEADROOM * float(found.cost.min())), _HEADROOM * top


def _line(number: int, lag: int | None, words: str, lags: int) -> Arrays:
    """An upright line at a lag, unless there is none or it lies beyond what was measured."""
    shape = f"layout.shapes.{number}"
    shown = lag is not None and lag <= lags
    return {
        f"{shape}.visible": shown,
        f"{shape}.x0": lag if shown else 0,
        f"{shape}.x1": lag if shown else 0,
        f"{shape}.label.text": words,
    }
