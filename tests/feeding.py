"""Whole frames of the Train page, as tests and measurements need them."""

from __future__ import annotations

from typing import Any

from ui import messages
from ui.entries import Feeder, Source
from ui.figures.loss import LossView
from ui.live import LiveView

REVISION = "7/light"


def train_sources(shown: LossView) -> dict[str, Source]:
    return {
        "status": messages.status,
        "loss": messages.loss_curve(shown),
        "hidden": messages.hidden_state,
        "weights": messages.weight_histograms,
        "softmax": messages.softmax_map,
        "candidates": messages.candidates,
        "sample": messages.live_sample,
        "health": messages.health_figures,
        "diary": messages.diary,
    }


def whole_frame(view: LiveView, shown: LossView | None = None, sequence: int = 1) -> dict[str, Any]:
    """The first frame of a page: everything is new."""
    feeder = Feeder()
    for name, source in train_sources(shown or LossView()).items():
        feeder.add(name, source, REVISION)
    return feeder.frame(view, sequence)
