"""The loss over iterations: raw, smoothed and held-out, with the levels of simpler models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from rnn.history import Curve, Event
from rnn.levels import UNITS, Levels, convert
from ui.figures.base import Caption, axis, bare
from ui.frames import Arrays
from ui.palette import Palette

HEIGHT = 262
CAPTION = Caption(
    "Loss: how surprised the network is by the next character",
    "Lower is better. Below a dashed line, it does better than that simpler model of the text.",
)

_UNIT = {unit.key: unit for unit in UNITS}
_HIGHEST, _LOWEST, _MEAN, _SMOOTH, _HELD_OUT, _EVENTS = range(6)


@dataclass(frozen=True)
class LossView:
    """How the person wants to see the loss: a unit's key, and which axes are logarithmic."""

    unit: str = "bits"
    log_iterations: bool = False
    log_loss: bool = False

    @property
    def revision(self) -> str:
        """Changes whenever the axes do, so that a zoom made for other axes is dropped."""
        return f"{self.unit}-{self.log_iterations}-{self.log_loss}"


def skeleton(view: LossView, levels: Levels, seq_length: int, palette: Palette) -> go.Figure:
    """The empty loss chart, with a dashed line for each reference level of the text."""
    unit = _UNIT[view.unit]
    figure = go.Figure(layout=_layout(view, palette))
    figure.update_layout(shapes=_level_lines(view, levels, seq_length, palette))
    hover = "%{y:.4g}<extra>" + unit.label + ", "
    edge = {"mode": "lines", "line": {"width": 0}, "hovertemplate": hover}
    line = {"mode": "lines", "hovertemplate": hover}
    figure.add_scatter(**_with_name(edge, "highest raw"))
    figure.add_scatter(**_with_name(edge, "lowest raw"), fill="tonexty", fillcolor=palette.band)
    figure.add_scatter(**_with_name(line, "raw"), line={"width": 1, "color": palette.faint})
    figure.add_scatter(**_with_name(line, "smoothed"), line={"width": 2.4, "color": palette.main})
    figure.add_scatter(
        **_with_name({**line, "mode": "lines+markers"}, "held-out text"),
        line={"width": 1.8, "color": palette.second, "dash": "dot"},
        marker={"size": 4},
    )
    figure.add_scatter(
        yaxis="y2",
        mode="markers",
        marker={"symbol": "triangle-down", "size": 9, "color": palette.second},
        hovertemplate="%{text}<extra>iteration %{x:,}</extra>",
    )
    return figure


def _with_name(style: dict[str, Any], name: str) -> dict[str, Any]:
    return {**style, "name": name, "hovertemplate": style["hovertemplate"] + name + "</extra>"}


def _layout(view: LossView, palette: Palette) -> go.Layout:
    kind = {True: "log", False: "linear"}
    iterations = axis(palette, "iteration", type=kind[view.log_iterations], hoverformat=",")
    loss = axis(palette, _UNIT[view.unit].axis_title, type=kind[view.log_loss])
    if not view.log_loss:
        loss["rangemode"] = "tozero"
    layout = bare(palette, HEIGHT, xaxis=iterations, yaxis=loss)
    layout.update(
        hovermode="x",
        uirevision=view.revision,
        yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True},
        # The middle of a slow browser's time would go into labels for every trace at once.
        hoverdistance=30,
    )
    return layout


def _level_lines(
    view: LossView, levels: Levels, seq_length: int, palette: Palette
) -> list[dict[str, Any]]:
    named = {
        "guessing": levels.uniform,
        "1-gram": levels.unigram,
        "2-gram": levels.bigram,
        "3-gram": levels.trigram,
    }
    lines: list[dict[str, Any]] = []
    for name, nats in named.items():
        if nats is None:
            continue
        height = float(convert(nats, view.unit, seq_length))
        if view.log_loss and height <= 0.0:
            continue
        place = "end" if len(lines) % 2 else "start"
        lines.append(_level_line(name, height, place, palette))
    return lines


def _level_line(name: str, height: float, place: str, palette: Palette) -> dict[str, Any]:
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": height,
        "y1": height,
        "line": {"color": palette.muted, "width": 1, "dash": "dash"},
        "label": {
            "text": f"{name} {height:.3g}",
            # Neighbouring levels are named at opposite ends, so that the names do not touch.
            "textposition": place,
            "yanchor": "bottom",
            "font": {"size": 10, "color": palette.muted},
        },
    }


def arrays(
    view: LossView,
    curve: Curve,
    held_out: tuple[NDArray[Any], NDArray[Any]],
    events: Sequence[Event],
    seq_length: int,
) -> Arrays:
    """The chart's data in the view's unit; the band is left out while every iteration stands alone."""

    def shown(nats: NDArray[Any]) -> NDArray[np.float32]:
        return np.asarray(convert(nats, view.unit, curve.seq_length), dtype=np.float32)

    iterations = _shown_iterations(curve.last, view)
    merged = bool(np.any(curve.first != curve.last))
    nothing = np.empty(0, dtype=np.float32)
    held_iterations, held_losses = held_out
    data: Arrays = {
        f"{_HIGHEST}.y": shown(curve.loss_max) if merged else nothing,
        f"{_LOWEST}.y": shown(curve.loss_min) if merged else nothing,
        f"{_MEAN}.y": shown(curve.loss_mean),
        f"{_SMOOTH}.y": shown(curve.smooth),
    }
    for trace in (_HIGHEST, _LOWEST, _MEAN, _SMOOTH):
        data[f"{trace}.x"] = iterations
    data[f"{_HELD_OUT}.x"] = _shown_iterations(held_iterations, view)
    data[f"{_HELD_OUT}.y"] = np.asarray(
        convert(held_losses, view.unit, seq_length), dtype=np.float32
    )
    data[f"{_EVENTS}.x"] = [event.iteration for event in events]
    data[f"{_EVENTS}.y"] = [0.97 for _ in events]
    data[f"{_EVENTS}.text"] = [event.text for event in events]
    return data


def _shown_iterations(iterations: NDArray[Any], view: LossView) -> NDArray[np.int32]:
    # A logarithmic axis has no place for iteration 0.
    lowest = 1 if view.log_iterations else 0
    return np.asarray(np.maximum(iterations, lowest), dtype=np.int32)
