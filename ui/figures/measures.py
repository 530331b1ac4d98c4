"""One measure of every parameter's gradient, memory or update, over iterations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from rnn.moments import Moment
from rnn.network import PARAMETERS
from ui.figures.base import Caption, axis, bare
from ui.figures.iterations import (
    add_parameter_lines,
    empty,
    iteration_axis,
    iterations,
    legend,
    note,
)
from ui.frames import Arrays
from ui.palette import Palette

HEIGHT = 230


@dataclass(frozen=True)
class Measured:
    """What a chart shows: one of `rnn.moments.MEASURES`, and another one in thin lines if named."""

    key: str
    title: str
    reading: str
    axis_title: str
    measure: str
    thin: str | None = None
    factor: float = 1.0
    logarithmic: bool = False

    @property
    def caption(self) -> Caption:
        """What stands above the chart."""
        return Caption(self.title, self.reading)


NORMS = Measured(
    "norms",
    "Gradient norm, before (thin) and after the clip",
    "How hard the window pulls at each parameter. Where thin and thick lines part, the clip cuts: spikes "
    "that are cut are gradients that explode.",
    "L2 norm (nats per unit)",
    "norm",
    thin="raw_norm",
    logarithmic=True,
)
CLIPPED = Measured(
    "clipped",
    "Share of clipped elements",
    "A few per cent at the start are usual. If it stays high, the clip steers the training: lower the "
    "learning rate or raise the clip.",
    "% of the elements",
    "clipped_share",
    factor=100.0,
)
UPDATES = Measured(
    "updates",
    "Update to weight",
    "The length of the update beside that of the weights, as a power of ten: about -3 is a good pace, "
    "above -1 the weights are thrown about, below -5 they hardly move.",
    "log10 of the ratio",
    "update_ratio",
)
_SQUARES = {
    "adagrad": (
        "Adagrad's memory",
        "the sum of each weight's squared gradients so far, which only grows",
    ),
    "rmsprop": ("RMSprop's memory", "a running mean of each weight's squared gradients"),
}
_RATES = {
    "adagrad": "Adagrad lowers it for good wherever gradients have been large.",
    "rmsprop": "It falls where recent gradients were large, and recovers.",
    "adam": "It falls where recent gradients were large, and recovers.",
    "sgd": "With SGD it is the learning rate itself, the same for every weight.",
}


def rates(optimiser: str) -> Measured:
    """The chart of effective rates, in the optimiser's own terms."""
    return Measured(
        "rates",
        "Effective learning rate",
        "What a gradient of size 1 would now move a weight by, the median of each parameter. "
        + _RATES[optimiser],
        "learning rate",
        "effective_rate",
        logarithmic=True,
    )


def memory(optimiser: str) -> Measured:
    """The chart of what the optimiser remembers, by its own name."""
    if optimiser == "sgd":
        return Measured(
            "memory",
            "Momentum of SGD: mean (thick) and median (thin) size",
            "The running sum of gradients, each step fading by a tenth; large where gradients keep pulling "
            "the same way.",
            "size (nats per unit)",
            "momentum_mean",
            thin="momentum_median",
            logarithmic=True,
        )
    if optimiser == "adam":
        return Measured(
            "memory",
            "Adam's memory: squares (thick) and momentum (thin), means",
            "Running means of squared gradients and of the size of the momentum; the update is momentum over "
            "the root of the squares.",
            "mean size",
            "squares_mean",
            thin="momentum_mean",
            logarithmic=True,
        )
    name, what = _SQUARES[optimiser]
    return Measured(
        "memory",
        f"{name}: mean (thick) and median (thin)",
        f"For each weight {what}; the step is divided by its root. Mean far above median: a few weights have "
        "done most of the moving.",
        "squares (nats² per unit²)",
        "squares_mean",
        thin="squares_median",
        logarithmic=True,
    )


def skeleton(palette: Palette, measured: Measured, logarithmic: bool) -> go.Figure:
    """The empty chart: a line a parameter; thin ones behind, if there are two measures."""
    kind = {"type": "log", "exponentformat": "power"} if measured.logarithmic else {}
    figure = go.Figure(
        layout=bare(
            palette,
            HEIGHT,
            xaxis=iteration_axis(palette, logarithmic),
            yaxis=axis(palette, measured.axis_title, nticks=6, **kind),
            annotations=[note(palette)],
            margin={"l": 58, "r": 26, "t": 26, "b": 38},
        )
    )
    if measured.measure == "clipped_share":
        figure.update_yaxes(rangemode="tozero")
    figure.update_layout(
        showlegend=True,
        legend=legend(palette),
        hovermode="x unified",
        uirevision=f"log {logarithmic}",
    )
    add_parameter_lines(figure, palette, "%{y:.3g}")
    if measured.thin:
        add_parameter_lines(
            figure, palette, "%{y:.3g}, thin", width=1, opacity=0.6, showlegend=False
        )
    return figure


def arrays(measured: Measured, moments: Sequence[Moment]) -> Arrays:
    """The lines, in the order of the parameters."""
    places = iterations(moments)
    found: Arrays = empty(not moments)
    for number, name in enumerate((measured.measure, measured.thin)):
        if name is None:
            continue
        table = [moment.measure(name) for moment in moments]
        values = measured.factor * np.array(table, dtype=np.float32).reshape(-1, len(PARAMETERS))
        for place in range(len(PARAMETERS)):
            trace = number * len(PARAMETERS) + place
            found[f"{trace}.x"] = places
            found[f"{trace}.y"] = _finite(values[:, place])
    return found


def _finite(values: np.ndarray) -> np.ndarray:
    """Without infinities, which no axis has room for: they become gaps."""
    return np.where(np.isfinite(values), values, np.nan).astype(np.float32)
