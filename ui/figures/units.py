"""What the unit finder found, unit by unit, against chance; and what each unit is worth."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from rnn.analysis.ablation import Ranking
from rnn.analysis.units import Findings
from ui.figures.base import Caption, axis, bare
from ui.frames import Arrays
from ui.palette import Palette

HEIGHT = 320
MOST_DOTS = 100
"""Dots of a feature: of more units than this, those that follow it most."""

_SPREAD = 0.7  # a feature's dots lie across this part of its room, by their units' numbers
_CHANCE = 0.42  # the mark of chance reaches so far to both sides


FINDER = Caption(
    "How closely units follow the text",
    "One dot a unit, from left to right by number. Dots above the dash do more than chance gives. "
    "Click a dot to see the text through that unit's eyes.",
)

RANKING = Caption(
    "What each unit is worth",
    "One dot a unit, the one that is missed most on the left: by how much the text gets harder to foretell "
    "without it. Click a dot to see what it does.",
)


def finder_skeleton(palette: Palette, labels: tuple[str, ...]) -> go.Figure:
    """The empty strips, one a feature; dots below chance, dots above it, and chance itself."""
    figure = go.Figure(
        layout=bare(
            palette,
            HEIGHT,
            xaxis=axis(
                palette,
                "",
                showgrid=False,
                range=[-0.6, len(labels) - 0.4],
                tickvals=list(range(len(labels))),
                ticktext=[_in_two_lines(label) for label in labels],
                tickangle=0,
            ),
            yaxis=axis(palette, "|correlation| with the feature", range=[0, 1.03]),
            margin={"l": 52, "r": 8, "t": 6, "b": 44},
        )
    )
    for colour, opacity in ((palette.faint, 0.5), (palette.main, 0.9)):
        figure.add_scatter(
            mode="markers",
            marker={"color": colour, "size": 6, "opacity": opacity},
            hovertemplate="unit %{customdata}: %{y:.2f}<extra></extra>",
        )
    figure.add_scatter(
        mode="lines",
        line={"color": palette.second, "width": 2},
        hovertemplate="chance alone: %{y:.2f}<extra></extra>",
    )
    return figure


def _in_two_lines(label: str) -> str:
    words = label.split()
    half = (len(words) + 1) // 2
    return " ".join(words[:half]) + "<br>" + " ".join(words[half:])


def finder_dots(findings: Findings) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The dots below chance and those above it, each (k, 2): the number of a feature, and a unit."""
    size = np.abs(findings.correlations)
    strongest = np.argsort(-size, axis=1, kind="stable")[:, :MOST_DOTS]
    features = np.repeat(np.arange(len(size)), strongest.shape[1])
    dots = np.column_stack([features, strongest.ravel()])
    above = size[dots[:, 0], dots[:, 1]] > findings.chance[dots[:, 0]]
    return dots[~above], dots[above]


def finder_arrays(findings: Findings) -> Arrays:
    """The places of all dots, and the levels of chance."""
    units = findings.correlations.shape[1]
    filled: Arrays = {}
    for trace, dots in enumerate(finder_dots(findings)):
        features, unit = dots[:, 0], dots[:, 1]
        filled[f"{trace}.x"] = features + _SPREAD * ((unit + 0.5) / units - 0.5)
        filled[f"{trace}.y"] = np.abs(findings.correlations[features, unit])
        filled[f"{trace}.customdata"] = unit
    return filled | _chance_lines(findings.chance)


def _chance_lines(chance: NDArray[Any]) -> Arrays:
    """A dash a feature; nothing is drawn between them."""
    x: list[float | None] = []
    y: list[float | None] = []
    for feature, level in enumerate(chance.tolist()):
        x += [feature - _CHANCE, feature + _CHANCE, None]
        y += [level, level, None]
    return {"2.x": x, "2.y": y}


def ranking_skeleton(palette: Palette) -> go.Figure:
    """The empty curve of costs."""
    figure = go.Figure(
        layout=bare(
            palette,
            HEIGHT - 60,
            xaxis=axis(palette, "units by rank", showgrid=False, nticks=8),
            yaxis=axis(palette, "loss without it (bits/char more)", zeroline=True),
        )
    )
    figure.update_yaxes(zerolinecolor=palette.faint, rangemode="tozero")
    figure.add_scatter(
        mode="markers",
        marker={"color": palette.main, "size": 6, "opacity": 0.8},
        hovertemplate="unit %{customdata}: %{y:+.3f} bits/char<extra>rank %{x}</extra>",
    )
    return figure


def ranking_arrays(ranking: Ranking) -> Arrays:
    """The cost of every unit, in the order of the ranking."""
    order = ranking.order
    return {
        "0.x": np.arange(1, len(order) + 1),
        "0.y": ranking.costs[order],
        "0.customdata": order,
    }
