"""What saved states of runs hold while they read one passage, on scales that stay the same for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from rnn.snapshot import Histogram
from rnn.vocabulary import char_mark
from ui.figures import weights as weights_figure
from ui.figures.base import LABELLED, PASSAGE, Caption, axis, bare, ramp
from ui.frames import Arrays, quantise_probabilities, quantise_signed
from ui.palette import Palette

STATES_HEIGHT = 280
MOST_UNITS = 128
"""Of more units, evenly spaced ones are shown: more rows could not be told apart."""
EXPECTED_HEIGHT = 300
MOST_ROWS = 40
"""Of a larger vocabulary, the characters that are likeliest somewhere in the passage."""

_NOTHING_READ = {
    "text": "No character to read.",
    "xref": "paper",
    "yref": "paper",
    "x": 0.5,
    "y": 0.5,
    "showarrow": False,
    "visible": False,
}


# Hidden states


def states_caption(title: str, palette: Palette) -> Caption:
    """What stands above the states; the title may be a person's words."""
    return Caption(
        title,
        "One row a hidden unit, one column a character of the passage; a stripe along a row is memory.",
        ramp("-1", "1", palette.diverging),
    )


def states_skeleton(palette: Palette) -> go.Figure:
    """The empty heatmap, on the fixed scale from -1 to 1."""
    layout = bare(
        palette,
        STATES_HEIGHT,
        xaxis=axis(palette, "character read", **LABELLED),
        yaxis=axis(palette, "hidden unit", showgrid=False, nticks=6),
        margin={"l": 50, "r": 6, "t": 4, "b": 36},
        meta=PASSAGE,
        annotations=[_NOTHING_READ],
    )
    figure = go.Figure(layout=layout)
    figure.add_heatmap(
        zmin=-1,
        zmax=1,
        colorscale=palette.diverging,
        showscale=False,
        hovertemplate="unit %{y}, after “%{customdata}”: %{z:.3f}<extra></extra>",
    )
    return figure


def states_arrays(hidden: NDArray[np.float32], passage: str) -> Arrays:
    """The states (n, H) after each of the passage's n characters."""
    units = evenly(hidden.shape[1], MOST_UNITS)
    return {
        "0.z": quantise_signed(hidden[:, units].T, 1.0) if len(hidden) else [],
        "0.y": units.astype(np.int32),
        "labels.x": [char_mark(char) for char in passage],
        "layout.annotations.0.visible": not len(hidden),
    }


def evenly(count: int, most: int) -> NDArray[np.intp]:
    """All of 0 … count - 1, or ``most`` of them at even distances, the first and the last among them."""
    if count <= most:
        return np.arange(count)
    return np.rint(np.linspace(0, count - 1, most)).astype(np.intp)


# Probabilities


def expected_caption(palette: Palette) -> Caption:
    """What stands above the probabilities."""
    return Caption(
        "What it expects next, after each character of the passage",
        "One row a character that could come; the ring marks the one that does.",
        ramp("0", "1", palette.sequential),
    )


def expected_skeleton(palette: Palette) -> go.Figure:
    """The empty heatmap, vocabulary by characters of the passage, on the fixed scale 0 to 1."""
    layout = bare(
        palette,
        EXPECTED_HEIGHT,
        xaxis=axis(palette, "character read", **LABELLED),
        yaxis=axis(palette, "character that could come", autorange="reversed", **LABELLED),
        margin={"l": 60, "r": 6, "t": 4, "b": 36},
        meta=PASSAGE,
    )
    figure = go.Figure(layout=layout)
    figure.add_heatmap(
        zmin=0,
        zmax=1,
        colorscale=palette.sequential,
        showscale=False,
        hovertemplate="“%{text}” after “%{customdata}”: %{z:.1%}<extra></extra>",
    )
    figure.add_scatter(
        mode="markers",
        marker={
            "symbol": "circle-open",
            "size": 9,
            "color": palette.second,
            "line": {"width": 1.2},
        },
        hoverinfo="skip",
    )
    return figure


def expected_arrays(
    probabilities: NDArray[np.float64],
    ids: NDArray[np.intp],
    rows: NDArray[np.intp],
    chars: Sequence[str],
) -> Arrays:
    """The probabilities (n, rows) of the characters ``rows`` after each character of ``ids`` (n,).

    The ring stands at the next character, where it is among the rows.
    """
    place = {int(row): number for number, row in enumerate(rows)}
    following = [
        (number, place[int(next_id)])
        for number, next_id in enumerate(ids[1:])
        if int(next_id) in place
    ]
    x, y = np.array(following, dtype=np.float32).reshape(-1, 2).T
    return {
        "0.z": quantise_probabilities(probabilities.T) if len(ids) else [],
        "1.x": x,
        "1.y": y,
        "labels.x": [char_mark(chars[index]) for index in ids],
        "labels.y": [char_mark(chars[row]) for row in rows],
    }


def likeliest_rows(peaks: NDArray[np.float64]) -> NDArray[np.intp]:
    """The characters worth a row, in the vocabulary's order, from the highest probability (V,) of each."""
    if len(peaks) <= MOST_ROWS:
        return np.arange(len(peaks))
    return np.sort(np.argsort(-peaks, kind="stable")[:MOST_ROWS])


# Weights


WEIGHTS_CAPTION = Caption(
    "Weights of both, on one scale",
    "Blue and filled is the left run, orange the right one. What is taller than the chart is cut off.",
)


def weights_skeleton(palette: Palette) -> go.Figure:
    """The four histograms, each of the left run (filled) and of the right one (a line)."""
    figure = weights_figure.skeleton(palette)
    right, left = figure.data
    right.update(name="right", line={"width": 1.8, "color": palette.second}, fill=None)
    left.update(name="left")
    for trace in (right, left):
        words = f"about %{{customdata:.3g}}: %{{y:.1f}} % of the weights<extra>{trace.name}</extra>"
        trace.update(hovertemplate=words)
    return figure


def tallest(histograms: Mapping[str, Histogram]) -> float:
    """Percent of its weights in the fullest bin of a matrix, in either of the two sets shown.

    Biases do not count: early on they are one bar, which would press everything else flat.
    """
    matrices = (shown for name, shown in histograms.items() if name != "biases")
    return 100 * max(float(max(shown.now.max(), shown.initial.max())) for shown in matrices)


def weights_arrays(histograms: Mapping[str, Histogram], top: float) -> Arrays:
    """The histograms, ``now`` the left run's and ``initial`` the right one's, up to ``top`` percent."""
    return weights_figure.arrays(histograms) | {"layout.yaxis.range": [0.0, top]}
