"""The network beside simple guessers that know the text's n-grams."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from rnn.analysis.corpus import Guesser, beaten
from ui.figures.base import Caption, axis, bare
from ui.frames import Arrays
from ui.palette import Palette

HEIGHT = 214
CAPTION = Caption(
    "Which simple guessers the network has beaten",
    "A bar is the loss of a guesser that has counted the whole text; "
    "the network has beaten those whose bars its line crosses.",
)
_HEADROOM = 1.16
_LEFT = 62
_NETWORK, _HELD_OUT = range(2)


def skeleton(guessers: Sequence[Guesser], palette: Palette) -> go.Figure:
    """One bar a guesser, and the lines of the network's losses, still out of sight."""
    rows = list(range(len(guessers)))
    figure = go.Figure(
        layout=bare(
            palette,
            HEIGHT,
            xaxis=axis(palette, "loss (bits per character)", autorange=False, range=[0, 1]),
            yaxis=axis(
                palette,
                "",
                showgrid=False,
                tickvals=rows,
                ticktext=[guesser.name for guesser in guessers],
                range=[len(rows) - 0.4, -0.6],
                fixedrange=True,
            ),
            shapes=[_line(palette.main, "solid"), _line(palette.second, "dot")],
            annotations=[_said(palette.main, 17), _said(palette.second, 2)],
            margin={"l": _LEFT, "r": 10, "t": 40, "b": 38},
            bargap=0.35,
        )
    )
    figure.add_bar(
        orientation="h",
        x=[guesser.bits for guesser in guessers],
        y=rows,
        text=[f"{guesser.bits:.2f}" for guesser in guessers],
        textposition="outside",
        cliponaxis=False,
        textangle=0,
        customdata=[f"{g.name}: knows {g.knows}<br>{_measures(g.nats)}" for g in guessers],
        hovertemplate="%{customdata}<extra></extra>",
    )
    return figure


def _line(colour: str, dash: str) -> dict[str, object]:
    return {
        "type": "line",
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "x0": 0,
        "x1": 0,
        "visible": False,
        "line": {"color": colour, "width": 2, "dash": dash},
    }


def _said(colour: str, above: int) -> dict[str, object]:
    """A sentence above the bars, in the colour of the line that it is about."""
    return {
        "text": "",
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": 1,
        "xanchor": "left",
        "yanchor": "bottom",
        "xshift": -_LEFT,
        "yshift": above,
        "showarrow": False,
        "font": {"color": colour, "size": 12},
    }


def _measures(nats: float) -> str:
    bits = nats / math.log(2)
    return f"{bits:.3f} bits per character, perplexity {math.exp(min(nats, 700.0)):.3g}"


def arrays(
    guessers: Sequence[Guesser], smooth: float, held_out: float | None, palette: Palette
) -> Arrays:
    """The network's lines and what they mean; losses in nats per character.

    The bars of guessers that the smooth loss has beaten fade.
    """
    widest = max([smooth, *(guesser.nats for guesser in guessers)]) / math.log(2)
    return {
        "0.marker.color": [palette.grid if g.nats > smooth else palette.faint for g in guessers],
        "layout.xaxis.range": [0.0, _HEADROOM * max(widest, 0.1)],
        **_placed(_NETWORK, "Smooth loss", guessers, smooth),
        **_placed(_HELD_OUT, "On held-out text", guessers, held_out),
    }


def _placed(line: int, subject: str, guessers: Sequence[Guesser], nats: float | None) -> Arrays:
    bits = 0.0 if nats is None else nats / math.log(2)
    said = "" if nats is None else f"{subject} {bits:.2f}: {verdict(guessers, nats)}"
    return {
        f"layout.shapes.{line}.x0": bits,
        f"layout.shapes.{line}.x1": bits,
        f"layout.shapes.{line}.visible": nats is not None,
        f"layout.annotations.{line}.text": said,
    }


def verdict(guessers: Sequence[Guesser], nats: float) -> str:
    """In a few words, the best guesser that a loss of ``nats`` per character has beaten."""
    best = beaten(guessers, nats)
    if best is None:
        return "no guesser beaten yet"
    if best is min(guessers, key=lambda guesser: guesser.nats):
        return f"all beaten, the {best.name} too"
    return f"has beaten {_article(best.name)}"


def _article(name: str) -> str:
    return name if name == "guessing" else f"the {name}"
