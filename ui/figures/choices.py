"""How one character was chosen: the likeliest candidates, before and after temperature and top-k."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go

from rnn.analysis.writer import Choice
from rnn.vocabulary import IntArray, char_mark, char_name
from ui.figures.base import LABELLED, Caption, axis, bare
from ui.frames import Array, Arrays
from ui.palette import Palette

HEIGHT = 250
MOST_BARS = 24
"""More candidates than this share the last bar, of all others together."""
CAPTION = Caption(
    "How the marked character was chosen",
    "Blue is what the network expected, orange what it was drawn from, once temperature and top-k had "
    "their say. At temperature 1 without top-k the two are the same.",
)

_OTHERS = "⋯"
_FEWEST_PLACES = 12  # a small vocabulary has bars no wider than this many would
_HEIGHTS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)  # of the axis: it moves seldom, in clear steps
_HEADROOM = 1.14
_NOTHING, _BEFORE, _AFTER, _DRAWN = range(4)  # annotations


def skeleton(palette: Palette) -> go.Figure:
    """The empty pairs of bars, the frame of the drawn character, and the words."""
    figure = go.Figure(
        layout=bare(
            palette,
            HEIGHT,
            xaxis=axis(
                palette, "candidate, the likeliest first", **LABELLED, **_still([-0.6, 24.6])
            ),
            yaxis=axis(palette, "probability", tickformat=".0%", nticks=6, **_still([0, 1])),
            barmode="group",
            bargap=0.3,
            bargroupgap=0.0,
            margin={"l": 52, "r": 8, "t": 38, "b": 38},
            shapes=[_frame(palette)],
            annotations=[
                _nothing_yet(),
                _words(palette.main, 17),
                _words(palette.second, 1),
                _drawn(palette),
            ],
        )
    )
    for name, colour in (("expected", palette.main), ("drawn from", palette.second)):
        figure.add_bar(
            name=name,
            marker_color=colour,
            hovertemplate=f"%{{customdata}}: %{{y:.2%}}<extra>{name}</extra>",
        )
    return figure


def _still(span: list[float]) -> dict[str, Any]:
    return {"range": span, "autorange": False}


def _nothing_yet() -> dict[str, Any]:
    return {
        "text": "Nothing has been written yet: press One character.",
        "xref": "paper",
        "yref": "paper",
        "x": 0.5,
        "y": 0.5,
        "showarrow": False,
    }


def _words(colour: str, lift: int) -> dict[str, Any]:
    """A line above the bars, ``lift`` pixels above their top."""
    return {
        "text": "",
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": 1,
        "yshift": lift,
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"color": colour, "size": 12},
    }


def _frame(palette: Palette) -> dict[str, Any]:
    return {
        "type": "rect",
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "x0": -0.5,
        "x1": 0.5,
        "visible": False,
        "layer": "below",
        "fillcolor": palette.grid,
        "line": {"width": 0},
    }


def _drawn(palette: Palette) -> dict[str, Any]:
    return {
        "text": "drawn",
        "x": 0,
        "y": 1,
        "yref": "paper",
        "yanchor": "top",
        "showarrow": False,
        "visible": False,
        "font": {"color": palette.text},
    }


def arrays(choice: Choice | None, chars: tuple[str, ...]) -> Arrays:
    """The bars of the candidates, their characters as labels, the entropies; empty without a choice."""
    if choice is None:
        return _empty()
    shown = _shown(choice)
    before, after = _bars(choice.before, shown), _bars(choice.after, shown)
    names = [escape(char_name(chars[index]), quote=False) for index in shown]
    marks = [char_mark(chars[index]) for index in shown]
    others = len(chars) - len(shown)
    if others:
        names.append(f"the other {others:,} together")
        marks.append(_OTHERS)
    place = int(np.flatnonzero(shown == choice.character)[0])
    return {
        "0.y": before,
        "0.customdata": names,
        "1.y": after,
        "1.customdata": names,
        "labels.x": marks,
        "layout.xaxis.range": [-0.6, max(len(marks), _FEWEST_PLACES) - 0.4],
        "layout.xaxis.autorange": False,
        "layout.yaxis.range": [0.0, _height(float(max(before.max(), after.max()))) * _HEADROOM],
        "layout.yaxis.autorange": False,
        "layout.shapes.0.visible": True,
        "layout.shapes.0.x0": place - 0.5,
        "layout.shapes.0.x1": place + 0.5,
        f"layout.annotations.{_NOTHING}.visible": False,
        f"layout.annotations.{_BEFORE}.text": "expected: " + open_words(choice.entropy_before),
        f"layout.annotations.{_AFTER}.text": "drawn from: " + open_words(choice.entropy_after),
        f"layout.annotations.{_DRAWN}.visible": True,
        f"layout.annotations.{_DRAWN}.x": place,
    }


def _empty() -> Arrays:
    return {
        "0.y": [],
        "1.y": [],
        "labels.x": [],
        "layout.shapes.0.visible": False,
        f"layout.annotations.{_NOTHING}.visible": True,
        f"layout.annotations.{_BEFORE}.text": "",
        f"layout.annotations.{_AFTER}.text": "",
        f"layout.annotations.{_DRAWN}.visible": False,
    }


def open_words(bits: float) -> str:
    """An entropy in words: ``2.00 bits, like 4.0 even choices``."""
    return f"{bits:.2f} bits, like {2.0**bits:,.1f} even choices"


def _shown(choice: Choice) -> IntArray:
    """The candidates that have bars of their own, likeliest first; what was drawn is among them."""
    order = np.argsort(-choice.before, kind="stable")
    if len(order) <= MOST_BARS + 1:
        return order
    shown = order[:MOST_BARS]
    if choice.character not in shown:
        shown[-1] = choice.character
    return shown


def _bars(probabilities: Array, shown: IntArray) -> Array:
    """The probabilities of those shown, and of all others together if there are any."""
    bars = probabilities[shown]
    if len(shown) < len(probabilities):
        bars = np.append(bars, max(0.0, 1.0 - float(bars.sum())))
    return np.asarray(bars, np.float32)


def _height(tallest: float) -> float:
    return next((height for height in _HEIGHTS if tallest <= height), 1.0)
