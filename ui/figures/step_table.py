"""One step in numbers: a row a measure, a column a parameter."""

from __future__ import annotations

import math

import plotly.graph_objects as go

from rnn.moments import Moment
from rnn.network import PARAMETERS
from ui.figures.base import Caption, bare
from ui.frames import Arrays
from ui.palette import Palette

HEIGHT = 232
QUICK = 256
"""Units up to which the next step is rehearsed while training goes on; for more, at rest only."""

_MEMORY = {
    "adagrad": (("squares_mean", "sum of squares, mean"), ("squares_median", "… median")),
    "rmsprop": (("squares_mean", "running squares, mean"), ("squares_median", "… median")),
    "sgd": (("momentum_mean", "momentum, mean size"), ("momentum_median", "… median size")),
    "adam": (("squares_mean", "running squares, mean"), ("momentum_mean", "momentum, mean size")),
}
_PERCENT = {"clipped_share"}


def caption(units: int) -> Caption:
    """What stands above the table of a network with so many units."""
    if units <= QUICK:
        reading = (
            "Rehearsed on a copy of the network as it is, so it can be seen before it is taken."
        )
    else:
        reading = "At rest, rehearsed on a copy of the network; in training, the newest step charted below."
    return Caption("The next step, in numbers", reading)


def rows(optimiser: str) -> tuple[tuple[str, str], ...]:
    """The measures that are shown for this optimiser, each with the words of its row."""
    return (
        ("raw_norm", "gradient norm"),
        ("norm", "… after the clip"),
        ("clipped_share", "clipped elements"),
        ("update_ratio", "update to weight, log10"),
        *_MEMORY[optimiser],
        ("effective_rate", "effective rate, median"),
    )


def skeleton(palette: Palette, optimiser: str) -> go.Figure:
    """The table without its numbers."""
    figure = go.Figure(layout=bare(palette, HEIGHT, margin={"l": 0, "r": 0, "t": 2, "b": 0}))
    style = {
        "align": ["left", "right"],
        "height": 28,
        "line": {"color": palette.grid},
        "fill": {"color": palette.ground},
    }
    figure.add_table(
        columnwidth=[2.4, *[1.0] * len(PARAMETERS)],
        header={
            "values": ["", *PARAMETERS],
            "font": {"color": palette.muted, "size": 12},
            **style,
        },
        cells={
            "values": [[words for _, words in rows(optimiser)], *[[] for _ in PARAMETERS]],
            "font": {"color": palette.text, "size": 12},
            **style,
        },
    )
    return figure


def arrays(moment: Moment, optimiser: str) -> Arrays:
    """The numbers, as they are read: a column a parameter."""
    shown = rows(optimiser)
    columns = [
        [
            (_percent if measure in _PERCENT else _number)(float(moment.measure(measure)[place]))
            for measure, _ in shown
        ]
        for place in range(len(PARAMETERS))
    ]
    return {"0.cells.values": [[words for _, words in shown], *columns]}


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if math.isfinite(share) else "–"


def _number(value: float) -> str:
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "too large"
    if value and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.2e}"
    return f"{float(f'{value:.3g}'):,.6g}"
