"""The losses of several runs over each other, in one unit that is fair between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from rnn.compare import Axis, Kind, Line
from rnn.levels import UNITS, convert
from ui.figures.base import Caption, axis, bare
from ui.figures.strokes import stroke
from ui.frames import Arrays
from ui.palette import Palette

HEIGHT = 330
UNIT = {unit.key: unit for unit in UNITS if unit.key != "window"}
"""The units that are fair between runs with different sequence lengths: all but the loss of a window."""

AXES: dict[Axis, str] = {
    "iteration": "iteration",
    "characters": "characters seen",
    "seconds": "time in training (seconds)",
}
CAPTION = Caption(
    "Loss of the chosen runs",
    "Lower is better, and per character, so that runs with other sequence lengths compare fairly. "
    "A diamond marks where a run was forked from another.",
)

_NOTHING_CHOSEN = {
    "text": "No curve yet: choose runs in the table.",
    "xref": "paper",
    "yref": "paper",
    "x": 0.5,
    "y": 0.5,
    "showarrow": False,
}


@dataclass(frozen=True)
class OverlayView:
    """How the person wants to see the curves."""

    axis: Axis = "iteration"
    unit: str = "bits"
    kind: Kind = "training"
    smoothing: int = 1_000
    log_x: bool = False
    log_y: bool = False

    @property
    def revision(self) -> str:
        """Changes whenever the axes do, so that a zoom made for other axes is dropped."""
        return f"{self.axis}-{self.unit}-{self.log_x}-{self.log_y}"


@dataclass(frozen=True)
class Drawn:
    """One run's curve: its name, its line, and where on the horizontal axis a mark stands, if any."""

    name: str
    line: Line
    mark: float | None = None


def skeleton(
    view: OverlayView, places: tuple[int, ...], palette: Palette, height: int = HEIGHT
) -> go.Figure:
    """The empty chart: a line for each run, in the stroke of its place, and one trace of marks."""
    figure = go.Figure(layout=_layout(view, palette, height))
    for place in places:
        look = stroke(palette, place)
        figure.add_scatter(
            mode="lines",
            line={"width": 2, "color": look.colour, "dash": look.dash},
            hovertemplate="%{y:.4g}<extra>%{fullData.name}</extra>",
        )
    figure.add_scatter(
        mode="markers",
        marker={
            "symbol": "diamond",
            "size": 10,
            "color": palette.ground,
            "line": {"width": 2, "color": palette.text},
        },
        hovertemplate="%{text}<extra></extra>",
    )
    return figure


def _layout(view: OverlayView, palette: Palette, height: int) -> go.Layout:
    kind = {True: "log", False: "linear"}
    across = axis(palette, AXES[view.axis], type=kind[view.log_x], hoverformat=",.6~r")
    title = UNIT[view.unit].axis_title.replace("loss", f"{view.kind} loss")
    up = axis(palette, title, type=kind[view.log_y])
    if not view.log_y:
        up["rangemode"] = "tozero"
    layout = bare(
        palette,
        height,
        xaxis=across,
        yaxis=up,
        annotations=[_NOTHING_CHOSEN],
        margin={"l": 52, "r": 26, "t": 8, "b": 38},
    )
    layout.update(hovermode="x", uirevision=view.revision, hoverdistance=30)
    return layout


def arrays(view: OverlayView, drawn: Sequence[Drawn], mark: str = "forked here: {name}") -> Arrays:
    """The lines in the view's unit, and their marks on them, told by ``mark`` with the run's name."""
    brought: Arrays = {"layout.annotations.0.visible": not any(len(run.line.x) for run in drawn)}
    marks: list[tuple[float, float, str]] = []
    for number, run in enumerate(drawn):
        name = escape(run.name, quote=False)
        x, y = _shown(view, run.line)
        brought |= {f"{number}.x": x, f"{number}.y": y, f"{number}.name": name}
        if run.mark is not None and len(x):
            place = max(run.mark, float(x[0]))  # on a logarithmic axis too
            marks.append((place, float(np.interp(place, x, y)), mark.format(name=name)))
    last = len(drawn)
    return brought | {
        f"{last}.x": np.array([x for x, _, _ in marks], dtype=np.float32),
        f"{last}.y": np.array([y for _, y, _ in marks], dtype=np.float32),
        f"{last}.text": [text for _, _, text in marks],
    }


def _shown(view: OverlayView, line: Line) -> tuple[NDArray[Any], NDArray[Any]]:
    """The line in the view's unit; a logarithmic axis has no place for what is not above 0."""
    with np.errstate(over="ignore"):
        y = np.asarray(convert(line.y, view.unit, 1), dtype=np.float32)
    kept = np.ones(len(y), dtype=bool)
    if view.log_x:
        kept &= line.x > 0
    if view.log_y:
        kept &= y > 0
    return line.x[kept].astype(np.float32), y[kept]
