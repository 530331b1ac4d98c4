"""The probabilities behind the live sample: the whole vocabulary, and the top candidates."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from rnn.snapshot import LiveSample
from rnn.vocabulary import char_mark, char_name
from ui.figures.base import LABELLED, PASSAGE, Caption, axis, bare, ramp
from ui.frames import Arrays, Quantised, quantise_probabilities
from ui.palette import Palette

HEIGHT = 322
MOST_ROWS = 96
"""A larger vocabulary shows the characters that this sample found likeliest."""
TOP = 8


def caption(palette: Palette) -> Caption:
    """What stands above the heatmap."""
    return Caption(
        "Softmax behind the sample",
        "One column a character of the sample, one row a character it could have been.",
        ramp("0", "1", palette.sequential),
    )


def skeleton(palette: Palette) -> go.Figure:
    """The empty heatmap, vocabulary by characters of the sample, on the fixed scale 0 to 1."""
    figure = go.Figure(
        layout=bare(
            palette,
            HEIGHT,
            xaxis=axis(palette, "character written", **LABELLED),
            yaxis=axis(palette, "vocabulary", autorange="reversed", **LABELLED),
            margin={"l": 54, "r": 6, "t": 4, "b": 36},
            meta=PASSAGE,
            shapes=[_column_mark(palette)],
        )
    )
    figure.add_heatmap(
        zmin=0,
        zmax=1,
        colorscale=palette.sequential,
        showscale=False,
        hovertemplate="%{text}: %{z:.1%}<extra>wrote “%{customdata}”</extra>",
    )
    return figure


def _column_mark(palette: Palette) -> dict[str, Any]:
    return {
        "type": "rect",
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "x0": -0.5,
        "x1": 0.5,
        "visible": False,
        "line": {"color": palette.text, "width": 1.5},
    }


def arrays(live: LiveSample | None, chars: tuple[str, ...]) -> Arrays:
    """The map's values, and its rows' characters as labels; empty before any sample."""
    if live is None:
        return {"0.z": [], "0.meta": [], "labels.y": []}
    probabilities = live.sample.probabilities
    rows = _rows(probabilities)
    return {
        "0.z": quantise_probabilities(probabilities[:, rows].T),
        "0.meta": [char_name(chars[row]) for row in rows],
        "labels.y": [char_mark(chars[row]) for row in rows],
    }


def _rows(probabilities: NDArray[Any]) -> NDArray[np.intp]:
    size = probabilities.shape[1]
    if size <= MOST_ROWS:
        return np.arange(size)
    return np.sort(np.argsort(probabilities.max(axis=0))[-MOST_ROWS:])


def sample_arrays(live: LiveSample | None) -> Arrays:
    """What the sample's panel needs: characters, the probability of each, and the top candidates.

    Candidates' probabilities are 16-bit numbers, so their error is below 0.00001.
    """
    if live is None:
        return {"ids": None, "drawn": None, "top_ids": None, "top": None, "greedy": None}
    probabilities = live.sample.probabilities
    top, likely = _likeliest(probabilities)
    drawn = probabilities[np.arange(len(live.sample.ids)), live.sample.ids]
    return {
        "ids": live.sample.ids.astype(np.uint32),
        "drawn": drawn.astype(np.float32),
        "top_ids": top.astype(np.uint8 if probabilities.shape[1] <= 256 else np.uint16),
        "top": Quantised(np.rint(likely * 65535).astype(np.uint16), 1 / 65535),
        "greedy": live.greedy.astype(np.uint32),
    }


def _likeliest(probabilities: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[Any]]:
    """The ``TOP`` likeliest characters of each row and their probabilities, likeliest first."""
    size = probabilities.shape[1]
    few = np.argpartition(-probabilities, min(TOP, size) - 1, axis=1)[:, :TOP]
    values = np.take_along_axis(probabilities, few, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(few, order, axis=1), np.take_along_axis(values, order, axis=1)
