"""How often each character occurs, the most frequent first."""

from __future__ import annotations

import math
from html import escape

import numpy as np
import plotly.graph_objects as go

from rnn.analysis.corpus import Corpus
from rnn.vocabulary import char_mark, char_name
from ui.figures.base import LABELLED, Caption, axis, bare
from ui.frames import Arrays
from ui.palette import Palette

HEIGHT = 240
MOST_BARS = 100
"""A larger vocabulary shows its most frequent characters only: more bars could not be told apart."""

_TOP = 10
_UNNAMED = "▯"


def caption(corpus: Corpus) -> Caption:
    """What stands above the bars, with how much the most frequent ones make up."""
    distinct = len(corpus.chars)
    reading = "One bar a character, the most frequent first"
    if distinct > MOST_BARS:
        reading = f"The {MOST_BARS} most frequent of {distinct:,} characters"
    if distinct > _TOP:
        share = corpus.shares[corpus.ranking[:_TOP]].sum()
        reading += f"; the first {_TOP} make up {share:.0%} of the text"
    return Caption("How often each character occurs", f"{reading}.")


def skeleton(palette: Palette, log: bool) -> go.Figure:
    """The empty bars; on a logarithmic scale rare characters can be told apart too."""
    height = axis(palette, "% of the text", autorange=False, range=[0, 1], nticks=6)
    if log:
        height |= {"type": "log", "range": [-3, 2], "dtick": 1, "tickformat": "~g"}
    layout = bare(
        palette,
        HEIGHT,
        xaxis=axis(palette, "character", **LABELLED),
        yaxis=height,
        bargap=0.15,
    )
    layout.update(uirevision=f"log {log}")
    figure = go.Figure(layout=layout)
    figure.add_bar(marker_color=palette.main, hovertemplate="%{customdata}<extra></extra>")
    return figure


def arrays(corpus: Corpus, log: bool) -> Arrays:
    """The bars' heights in percent of the text, and their characters as labels."""
    shown = corpus.ranking[:MOST_BARS]
    percent = 100 * corpus.shares[shown]
    highest, lowest = float(percent.max(initial=0.0)), float(percent.min(initial=100.0))
    chars = [corpus.chars[index] for index in shown]
    return {
        "0.x": np.arange(len(shown), dtype=np.int16),
        "0.y": percent,
        "0.customdata": [
            f"{escape(char_name(char))}<br>{count:,} times, {share:.3g} %"
            for char, count, share in zip(chars, corpus.counts[shown], percent, strict=True)
        ],
        "labels.x": [_label(char) for char in chars],
        "layout.yaxis.range": (
            [math.log10(lowest) - 0.3, math.log10(highest) + 0.1] if log else [0.0, 1.08 * highest]
        ),
    }


def _label(char: str) -> str:
    """The character's mark; a number such as U+0007 would cover its neighbours and is left to the tip."""
    mark = char_mark(char)
    return mark if len(mark) <= 2 else _UNNAMED
