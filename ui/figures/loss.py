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
MOST_EVENTS = 60
"""Only the newest events are marked: more would crowd the curve and every frame."""
CAPTION = Caption(
    "Loss: how surprised the network is by the next character",
    "Lower is better. Below a dashed line, it does better than that simpler model of the text.",
)

_UNIT = {unit.key: unit for unit in UNITS}
_HEADROOM = 1.12
_BAND, _MEAN, _SMOOTH, _HELD_OUT, _EVENTS = range(5)

Floats = NDArray[np.float32]


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
    if levels.uniform is not None:
        # Room above the highest line for its name, also before there is any curve.
        highest = float(convert(levels.uniform, view.unit, seq_length))
        figure.update_yaxes(autorangeoptions_include=[_HEADROOM * highest])
    hover = "%{y:.4g}<extra>" + unit.label + ", "
    line = {"mode": "lines", "hovertemplate": hover}
    figure.add_scatter(
        name="lowest to highest raw",
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=palette.band,
        hoverinfo="skip",
    )
    figure.add_scatter(**_with_name(line, "raw"), line={"width": 1, "color": palette.faint})
    figure.add_scatter(**_with_name(line, "smoothed"), line={"width": 2.4, "color": palette.main})
    figure.add_scatter(
        **_with_name({**line, "mode": "lines+markers"}, "held-out text"),
        line={"width": 1.8, "color": palette.second, "dash": "dot"},
        marker={"size": 4},
    )
    figure.add_scatter(
        name="settings changed",
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
    if not view.log_iterations:
        iterations["minallowed"] = 0  # the axis of an empty chart would begin at -1
    if not view.log_loss:
        loss["rangemode"] = "tozero"
    layout = bare(palette, HEIGHT, xaxis=iterations, yaxis=loss)
    layout.update(hovermode="x", uirevision=view.revision, hoverdistance=30)
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
    """The chart's data in the view's unit; no band while every iteration stands alone.

    An event is marked on the smoothed curve, where the change took hold.
    """

    def shown(nats: NDArray[Any], window: int | NDArray[Any] = seq_length) -> Floats:
        with np.errstate(over="ignore"):  # a perplexity beyond float32 is infinite
            return np.asarray(convert(nats, view.unit, window), dtype=np.float32)

    iterations = _shown_iterations(curve.last, view)
    smooth = shown(curve.smooth, curve.seq_length)
    held_iterations, held_losses = held_out
    events = events[-MOST_EVENTS:]
    changes = np.array([event.iteration for event in events], dtype=np.int64)
    heights = np.interp(changes, curve.last, smooth) if len(curve) else np.zeros(len(changes))
    return {
        **_band(
            iterations,
            shown(curve.loss_min, curve.seq_length),
            shown(curve.loss_max, curve.seq_length),
            curve,
        ),
        f"{_MEAN}.x": iterations,
        f"{_MEAN}.y": shown(curve.loss_mean, curve.seq_length),
        f"{_SMOOTH}.x": iterations,
        f"{_SMOOTH}.y": smooth,
        f"{_HELD_OUT}.x": _shown_iterations(held_iterations, view),
        f"{_HELD_OUT}.y": shown(held_losses),
        f"{_EVENTS}.x": _shown_iterations(changes, view),
        f"{_EVENTS}.y": heights.astype(np.float32),
        f"{_EVENTS}.text": [event.text for event in events],
    }


def _band(iterations: NDArray[Any], lowest: Floats, highest: Floats, curve: Curve) -> Arrays:
    """One closed outline: along the lowest losses, and back along the highest."""
    merged = bool(np.any(curve.first != curve.last))
    part = slice(None) if merged else slice(0, 0)
    return {
        f"{_BAND}.x": np.concatenate([iterations[part], iterations[part][::-1]]),
        f"{_BAND}.y": np.concatenate([lowest[part], highest[part][::-1]]),
    }


def _shown_iterations(iterations: NDArray[Any], view: LossView) -> NDArray[np.int32]:
    # A logarithmic axis has no place for iteration 0.
    lowest = 1 if view.log_iterations else 0
    return np.asarray(np.maximum(iterations, lowest), dtype=np.int32)
