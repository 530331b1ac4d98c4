"""What a text costs the network and simpler models of the training text, in bits per character."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import plotly.graph_objects as go

from rnn.analysis.surprise import Surprise
from rnn.levels import Levels
from ui.figures.base import Caption, axis, bare
from ui.frames import Arrays
from ui.palette import Palette

HEIGHT = 236
CAPTION = Caption(
    "Against simpler models",
    "Bars are what this text costs; the diamonds are what the training text costs a table of its own "
    "n-grams. Below the bar of the 3-gram, the network knows more than which three letters go together.",
)
NAMES = ("network", "3-gram", "2-gram", "1-gram", "even")
_HEADROOM = 1.18


def skeleton(palette: Palette) -> go.Figure:
    """Five empty bars, and the marks of the training text's own levels."""
    figure = go.Figure(
        layout=bare(
            palette,
            HEIGHT,
            xaxis=axis(
                palette,
                "",
                showgrid=False,
                tickvals=list(range(len(NAMES))),
                ticktext=list(NAMES),
                range=[-0.6, len(NAMES) - 0.4],
                autorange=False,
                tickangle=0,
            ),
            yaxis=axis(palette, "bits per character", nticks=6, range=[0, 8], autorange=False),
            bargap=0.45,
            margin={"l": 46, "r": 8, "t": 6, "b": 26},
            annotations=[_nothing_yet()],
        )
    )
    figure.add_bar(
        marker_color=[palette.main, *[palette.faint] * (len(NAMES) - 1)],
        texttemplate="%{y:.2f}",
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y:.3f} bits per character<extra>on this text</extra>",
    )
    figure.add_scatter(
        mode="markers",
        marker={"symbol": "diamond", "size": 9, "color": palette.second},
        hovertemplate="%{y:.3f} bits per character<extra>on the training text</extra>",
    )
    return figure


def _nothing_yet() -> dict[str, Any]:
    return {
        "text": "Nothing has been measured yet.",
        "xref": "paper",
        "yref": "paper",
        "x": 0.5,
        "y": 0.5,
        "showarrow": False,
    }


def arrays(surprise: Surprise | None, levels: Levels) -> Arrays:
    """The bars for one text beside the levels of the training text; empty without a measurement."""
    means = surprise.model_means if surprise else None
    if surprise is None or surprise.mean is None or means is None:
        return {"0.y": [], "1.x": [], "1.y": [], "layout.annotations.0.visible": True}
    bars = [surprise.mean, *reversed(means)]
    own = _own_levels(levels)
    return {
        "0.y": np.array(bars, np.float32),
        "1.x": list(own),
        "1.y": np.array(list(own.values()), np.float32),
        "layout.yaxis.range": [0.0, max([*bars, *own.values()]) * _HEADROOM],
        "layout.yaxis.autorange": False,
        "layout.annotations.0.visible": False,
    }


def _own_levels(levels: Levels) -> dict[int, float]:
    """The n-gram levels in bits by the place of their bar; a text may be too short for some."""
    nats = (None, levels.trigram, levels.bigram, levels.unigram)
    return {place: level / math.log(2) for place, level in enumerate(nats) if level is not None}
