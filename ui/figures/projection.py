"""Hidden states as points, on the plane on which they differ most, and how much of them it shows."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import accumulate, pairwise

import numpy as np
import plotly.graph_objects as go

from rnn.analysis.projection import KINDS, SHARES, Projection, kind
from rnn.vocabulary import char_mark, char_name
from ui.figures.base import Caption, axis, bare
from ui.figures.strokes import stroke
from ui.frames import Arrays, quantise_signed
from ui.palette import Palette

HEIGHT = 430
MOST_POINTS = 500
"""A browser takes about 20 ms to paint so many; each click has to wait for it."""

SCREE = Caption(
    "How much of them this shows",
    "Each component's part of all differences between the states. The first two make up the picture; "
    "the more lies in the others, the more of the picture is hidden from you.",
)

_CONTEXT = 14  # characters before a point that its tip shows
_COLOURS = (1, 0, 2, 3, 4, 5)  # strokes of the kinds, but for the last
_SYMBOLS = ("circle", "diamond", "square", "star", "triangle-up", "cross", "x")


@dataclass(frozen=True)
class Grouping:
    """Which point is drawn in which trace: one a kind of character, or a character where there are few.

    `names` are those of the traces, no markup to Plotly. `order` (n,) are the points' numbers, trace
    after trace; `sizes` how many each trace has; `tips` (n,) what is said of each, in this order.
    """

    names: tuple[str, ...]
    order: tuple[int, ...]
    sizes: tuple[int, ...]
    tips: tuple[str, ...]


def grouping(text: str, start: int, length: int, by_next: bool, chars: tuple[str, ...]) -> Grouping:
    """The points of `length` characters of a text from `start` on, by the next character or the one read.

    Of no more than seven `chars`, all that the text has, each has a colour of its own.
    """
    few = len(chars) <= len(KINDS)
    group = {char: number if few else kind(char) for number, char in enumerate(chars)}
    names = tuple(map(char_name, chars)) if few else KINDS
    groups = [group[text[place + by_next]] for place in range(start, start + length)]
    order = sorted(range(length), key=groups.__getitem__)
    return Grouping(
        names=tuple(escape(name, quote=False) for name in names),
        order=tuple(order),
        sizes=tuple(groups.count(number) for number in range(len(names))),
        tips=tuple(_tip(text, start + number) for number in order),
    )


def _tip(text: str, place: int) -> str:
    """What is read up to here and what comes, in words that are no markup to Plotly."""
    before = "".join(map(char_mark, text[max(0, place + 1 - _CONTEXT) : place + 1]))
    coming = char_name(text[place + 1])
    return f"after “{escape(before, quote=False)}”<br>comes {escape(coming, quote=False)}"


def caption(by_next: bool) -> Caption:
    """What stands above the points."""
    colours = "that comes next" if by_next else "that was just read"
    return Caption(
        "The states from the side on which they differ most",
        f"One point a character of the text: the hidden state once it has been read, in the colour of the "
        f"character {colours}. Points that gather are moments that the network treats alike. Early in "
        "training they gather by what was just read; later by what it expects.",
    )


def skeleton(palette: Palette, groups: Grouping) -> go.Figure:
    """The empty plane; one unit is as long on both axes, so that distances can be compared."""
    layout = bare(
        palette,
        HEIGHT,
        xaxis=axis(palette, "1st component", nticks=7),
        yaxis=axis(palette, "2nd component", nticks=7, scaleanchor="x", scaleratio=1),
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1.01,
            "yanchor": "bottom",
            "itemsizing": "constant",
        },
        margin={"l": 52, "r": 10, "t": 30, "b": 42},
    )
    layout.update(showlegend=True)
    figure = go.Figure(layout=layout)
    for number, (name, tips) in enumerate(zip(groups.names, _split(groups), strict=True)):
        figure.add_scatter(
            name=name,
            mode="markers",
            marker={
                "size": 6,
                "symbol": _SYMBOLS[number],
                "color": _colour(palette, number),
            },
            opacity=0.8,
            customdata=tips,
            hovertemplate="%{customdata}<extra></extra>",
            showlegend=bool(tips),
        )
    return figure


def _colour(palette: Palette, number: int) -> str:
    return stroke(palette, _COLOURS[number]).colour if number < len(_COLOURS) else palette.faint


def _split(groups: Grouping) -> list[list[str]]:
    """The tips of each trace."""
    bounds = pairwise(accumulate(groups.sizes, initial=0))
    return [list(groups.tips[start:end]) for start, end in bounds]


def arrays(projection: Projection, groups: Grouping) -> Arrays:
    """The points, and what each axis shows of all differences."""
    points = projection.points[list(groups.order)]
    limit = float(np.abs(points).max(initial=0.0)) or 1.0
    filled: Arrays = {}
    for number, (start, end) in enumerate(pairwise(accumulate(groups.sizes, initial=0))):
        filled[f"{number}.x"] = quantise_signed(points[start:end, 0], limit)
        filled[f"{number}.y"] = quantise_signed(points[start:end, 1], limit)
    first, second = projection.shares[:2]
    return filled | {
        "layout.xaxis.title.text": f"1st component: {first:.0%} of the variance",
        "layout.yaxis.title.text": f"2nd component: {second:.0%} of the variance",
    }


def scree_skeleton(palette: Palette) -> go.Figure:
    """The empty bars; those of the plane in the main colour."""
    layout = bare(
        palette,
        HEIGHT,
        xaxis=axis(palette, "component", showgrid=False, dtick=1),
        yaxis=axis(palette, "share of the variance (%)", range=[0, 100]),
        margin={"l": 46, "r": 8, "t": 30, "b": 42},
    )
    figure = go.Figure(layout=layout)
    figure.add_bar(
        x=list(range(1, SHARES + 1)),
        marker={"color": [palette.main] * 2 + [palette.faint] * (SHARES - 2)},
        texttemplate="%{y:.0f}",
        textposition="outside",
        cliponaxis=False,
        hovertemplate="component %{x}: %{y:.1f} % of the variance<extra></extra>",
    )
    return figure


def scree_arrays(projection: Projection) -> Arrays:
    """The shares in percent."""
    return {"0.y": 100 * projection.shares}
