"""Runs as points: any setting or result against any other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go

from rnn.compare import Cell, Column
from rnn.store import RunRow
from ui.figures.base import Caption, axis, bare
from ui.frames import Arrays
from ui.palette import Palette

HEIGHT = 320
LONGEST = 24
"""Characters of a category's name that are shown at an axis."""

_NOTHING = {
    "text": "No run has both of these values.",
    "xref": "paper",
    "yref": "paper",
    "x": 0.5,
    "y": 0.5,
    "showarrow": False,
}


@dataclass(frozen=True)
class Points:
    """The runs that have both values: ids, values, and what is said of each."""

    ids: tuple[str, ...]
    x: tuple[float | str, ...]
    y: tuple[float | str, ...]
    tips: tuple[str, ...]


def points(runs: Sequence[RunRow], x: Column, y: Column) -> Points:
    """Those of the runs that have a value in both columns."""
    found = [(run, x.value(run), y.value(run)) for run in runs]
    kept = [(run, a, b) for run, a, b in found if a is not None and b is not None]
    return Points(
        ids=tuple(run.id for run, _, _ in kept),
        x=tuple(_coordinate(a) for _, a, _ in kept),
        y=tuple(_coordinate(b) for _, _, b in kept),
        tips=tuple(
            f"{escape(run.name, quote=False)}<br>{told(x, a)}<br>{told(y, b)}" for run, a, b in kept
        ),
    )


def _coordinate(value: float | str) -> float | str:
    """For an axis; losses that differ less than anybody could see must not stretch it."""
    return short(value) if isinstance(value, str) else rounded(value)


def rounded(value: float) -> float:
    """Six digits of a number."""
    return float(f"{value:.6g}")


def short(text: str, longest: int = LONGEST) -> str:
    """A person's words for an axis: cut to a length that fits, and no markup to Plotly."""
    return escape(text if len(text) <= longest else f"{text[: longest - 1]}…", quote=False)


def told(column: Column, value: Cell) -> str:
    """A value under its column's name, for a hover label."""
    words = f"{value:,.4g}" if isinstance(value, float) else escape(str(value), quote=False)
    return f"{column.title}: {words}"


def caption(x: Column, y: Column, log: bool) -> Caption:
    """What stands above the points."""
    left_out = " A logarithmic axis leaves out what is not above 0." if log else ""
    return Caption(
        f"{_sentence(y.label)} against {x.label}",
        f"One point a run; a click chooses it, and chosen runs have their curve's colour.{left_out}",
    )


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def skeleton(
    x_title: str, y_title: str, logs: tuple[bool, bool], named: tuple[bool, bool], palette: Palette
) -> go.Figure:
    """The empty chart; ``logs`` and ``named`` tell of x and y whether they are logarithmic, or names."""
    titles = (x_title, y_title)
    across, up = (
        axis(palette, title, type=_kind(log, name))
        for title, log, name in zip(titles, logs, named, strict=True)
    )
    margin = {"l": 150 if named[1] else 62, "r": 16, "t": 8, "b": 46}
    layout = bare(palette, HEIGHT, xaxis=across, yaxis=up, annotations=[_NOTHING], margin=margin)
    layout.update(uirevision=f"{titles} {logs}")
    figure = go.Figure(layout=layout)
    figure.add_scatter(
        mode="markers",
        marker={"size": 10, "opacity": 0.85, "line": {"width": 1, "color": palette.ground}},
        hovertemplate="%{customdata}<extra></extra>",
    )
    return figure


def _kind(log: bool, named: bool) -> str:
    if named:
        return "category"
    return "log" if log else "linear"


def arrays(shown: Points, colour: Callable[[str], str | None], palette: Palette) -> Arrays:
    """The points; ``colour`` gives that of a chosen run by its id."""
    return {
        "0.x": list(shown.x),
        "0.y": list(shown.y),
        "0.customdata": list(shown.tips),
        "0.marker.color": [colour(run_id) or palette.faint for run_id in shown.ids],
        "layout.annotations.0.visible": not shown.ids,
    }
