"""The hidden state over the characters of the last window."""

from __future__ import annotations

import plotly.graph_objects as go

from rnn.snapshot import WindowView
from rnn.vocabulary import char_mark
from ui.figures.base import LABELLED, PASSAGE, Caption, axis, bare, ramp
from ui.frames import Arrays, quantise_signed
from ui.palette import Palette

HEIGHT = 286
MOST_COLUMNS = 200
"""A longer window shows its newest characters only: more columns could not be told apart."""

_NOTHING_YET = {
    "text": "Nothing has been read yet: press Train or Step.",
    "xref": "paper",
    "yref": "paper",
    "x": 0.5,
    "y": 0.5,
    "showarrow": False,
}


def caption(palette: Palette) -> Caption:
    """What stands above the heatmap."""
    return Caption(
        "Hidden state while reading the last window",
        "One row a unit, one column a character read; a stripe along a row is memory.",
        ramp("-1", "1", palette.diverging),
    )


def skeleton(hidden_size: int, palette: Palette) -> go.Figure:
    """The empty heatmap with a row for each hidden unit, on the fixed scale from -1 to 1."""
    rows = {"autorange": False, "range": [-0.5, hidden_size - 0.5]}
    figure = go.Figure(
        layout=bare(
            palette,
            HEIGHT,
            xaxis=axis(palette, "character read", **LABELLED),
            yaxis=axis(palette, "hidden unit", showgrid=False, nticks=6, **rows),
            annotations=[_NOTHING_YET],
            margin={"l": 46, "r": 6, "t": 4, "b": 36},
            meta=PASSAGE,
        )
    )
    figure.update_layout(uirevision=str(hidden_size))  # a zoom made for other rows is dropped
    figure.add_heatmap(
        zmin=-1,
        zmax=1,
        colorscale=palette.diverging,
        showscale=False,
        hovertemplate="unit %{y}, after “%{customdata}”: %{z:.3f}<extra></extra>",
    )
    return figure


def arrays(window: WindowView | None, chars: tuple[str, ...]) -> Arrays:
    """The heatmap's values, and the window's characters as labels; empty before any step."""
    if window is None:
        return {"0.z": [], "labels.x": [], "layout.annotations.0.visible": True}
    hidden = window.hidden[-MOST_COLUMNS:]
    return {
        "0.z": quantise_signed(hidden.T, 1.0),
        "layout.annotations.0.visible": False,
        "labels.x": [char_mark(chars[index]) for index in window.inputs[-MOST_COLUMNS:]],
    }
