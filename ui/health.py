"""Six figures on the health of a run: each with its healthy range and one sentence.

The ranges hold what runs of this network that learned their text well went through, with room to spare.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ui.live import LiveView

Mark = str  # "fine", "watch", "trouble", or "none" while there is nothing to judge


@dataclass(frozen=True)
class Figure:
    """What of a health figure does not change."""

    key: str
    label: str
    help: str


FIGURES = (
    Figure(
        "speed",
        "Speed",
        "Iterations and characters learned from each second; the rest of the time goes into drawing.",
    ),
    Figure(
        "gradient",
        "Gradient norm",
        "How hard the last window pulls at the weights; elements beyond the clip are cut to it.",
    ),
    Figure(
        "saturated",
        "Saturated units",
        "Share of hidden values beyond ±0.97 in the last window; they hardly learn, for tanh is flat there.",
    ),
    Figure(
        "update",
        "Update to weight",
        "How large the last update was beside the weights, in powers of ten; about -3 is a good pace.",
    ),
    Figure(
        "rate",
        "Effective learning rate",
        "The median over all weights; Adagrad lowers it for weights that have already moved much.",
    ),
    Figure(
        "radius",
        "Spectral radius of Whh",
        "How much the recurrence stretches the hidden state each step: below 1 what it holds fades, above 1 "
        "it grows until tanh bounds it.",
    ),
)


@dataclass(frozen=True)
class Reading:
    """What a health figure shows now."""

    value: str
    mark: Mark
    range: str


def readings(view: LiveView) -> list[Reading]:
    """The readings of `FIGURES`, in their order."""
    gauges = view.snapshot.gauges
    return [
        _speed(view),
        _gradient(gauges.gradient_norm, gauges.clipped_share),
        _saturated(gauges.saturated_share),
        _update(gauges.update_ratio),
        _rate(gauges.effective_rate),
        _radius(gauges.spectral_radius),
    ]


def _judge(value: float, fine: tuple[float, float], watch: tuple[float, float]) -> Mark:
    if fine[0] <= value <= fine[1]:
        return "fine"
    return "watch" if watch[0] <= value <= watch[1] else "trouble"


def _speed(view: LiveView) -> Reading:
    healthy = "fine: training 60 % of the time or more"
    if view.pace is None:
        return Reading("paused" if not view.playing else "…", "none", healthy)
    pace = view.pace
    return Reading(
        f"{pace.iterations_per_second:,.0f} it/s · {pace.characters_per_second:,.0f} characters/s",
        "fine" if pace.training_share >= 0.6 else "watch",
        f"training {pace.training_share:.0%} of the time".replace("%", " %"),
    )


def _gradient(norm: float | None, clipped: float | None) -> Reading:
    healthy = "fine: under 1 % clipped"
    if norm is None or clipped is None:
        return Reading("–", "none", healthy)
    mark = _judge(clipped, (0.0, 0.01), (0.0, 0.1))
    return Reading(f"{norm:.3g} · {100 * clipped:.2g} % clipped", mark, healthy)


def _saturated(share: float | None) -> Reading:
    healthy = "fine: under 80 %"
    if share is None:
        return Reading("–", "none", healthy)
    return Reading(f"{100 * share:.0f} %", _judge(share, (0.0, 0.8), (0.0, 0.95)), healthy)


def _update(ratio: float | None) -> Reading:
    healthy = "fine: -5 to -2"
    if ratio is None:
        return Reading("–", "none", healthy)
    return Reading(f"{ratio:.1f} (log10)", _judge(ratio, (-5.0, -2.0), (-6.0, -1.0)), healthy)


def _rate(rate: float | None) -> Reading:
    healthy = "fine: above 0.0001"
    if rate is None:
        return Reading("–", "none", healthy)
    mark = "fine" if rate >= 1e-4 else "watch"
    return Reading(f"{rate:.2g}", mark if math.isfinite(rate) else "trouble", healthy)


def _radius(radius: float | None) -> Reading:
    healthy = "fine: 0.7 to 8"
    if radius is None:
        return Reading("–", "none", healthy)
    mark = _judge(radius, (0.7, 8.0), (0.0, 15.0))
    return Reading(f"{radius:.2f}", mark, healthy)
