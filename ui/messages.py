"""What a live frame says to each panel: pure functions from a `LiveView` to header entries."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from rnn.snapshot import Snapshot
from rnn.vocabulary import char_mark, char_name
from ui import health
from ui.figures import hidden, loss, softmax, weights
from ui.figures.loss import LossView
from ui.live import LiveView, Target

DIARY_SHOWN = 12
DIARY_CHARACTERS = 120
_SPARK_DIGITS = 3


@dataclass(frozen=True)
class Scene:
    """What frames depend on beside the run: how the loss is shown, and the page's revision."""

    loss: LossView
    revision: str


def compose(view: LiveView, scene: Scene, sequence: int) -> dict[str, Any]:
    """The header of a frame for the Train page, with arrays in place; `ui.frames.encode` packs it."""
    panels = {name: entry(view, scene) for name, entry in _ENTRIES.items()}
    for panel in panels.values():
        panel["revision"] = scene.revision
    return {"sequence": sequence, "panels": panels}


def vocabulary(chars: tuple[str, ...]) -> dict[str, list[str]]:
    """The vocabulary as the page needs it: characters, visible marks, and names."""
    return {
        "chars": list(chars),
        "marks": [char_mark(char) for char in chars],
        "names": [char_name(char) for char in chars],
    }


def status_line(view: LiveView) -> str:
    """One line on where the run stands: iteration, epoch, loss in bits per character, pace."""
    snapshot = view.snapshot
    parts = [f"iteration {snapshot.iteration:,}", f"epoch {snapshot.epoch:,}"]
    parts.append(f"{snapshot.smooth_loss / math.log(2):.2f} bits/char")
    if view.pace is not None:
        parts.append(f"{view.pace.iterations_per_second:,.0f} it/s")
    elif not view.playing:
        parts.append("paused" if snapshot.iteration else "ready")
    return " · ".join(parts)


def target_words(target: Target) -> str:
    """What a target asks for, in words."""
    if target.iteration is not None:
        return f"running to iteration {target.iteration:,}"
    return f"running to a smooth loss of {target.loss:.4g} nats per character"


def _status(view: LiveView, scene: Scene) -> dict[str, Any]:
    line = status_line(view)
    if view.target is not None:
        line = f"{line} · {target_words(view.target)}"
    return {
        "line": line,
        "playing": view.playing,
        "progress": view.progress,
        "target": target_words(view.target) if view.target else None,
    }


def _loss(view: LiveView, scene: Scene) -> dict[str, Any]:
    s = view.snapshot
    return {"arrays": loss.arrays(scene.loss, s.curve, s.held_out, s.events, s.seq_length)}


def _hidden(view: LiveView, scene: Scene) -> dict[str, Any]:
    return {"arrays": hidden.arrays(view.snapshot.window, view.snapshot.chars)}


def _weights(view: LiveView, scene: Scene) -> dict[str, Any]:
    return {"arrays": weights.arrays(view.snapshot.histograms)}


def _softmax(view: LiveView, scene: Scene) -> dict[str, Any]:
    return {"arrays": softmax.arrays(view.snapshot.live_sample, view.snapshot.chars)}


def _candidates(view: LiveView, scene: Scene) -> dict[str, Any]:
    return {}


def _sample(view: LiveView, scene: Scene) -> dict[str, Any]:
    live = view.snapshot.live_sample
    title = f"Live sample after iteration {live.iteration:,}" if live else "Live sample"
    return {"title": title, **softmax.sample_arrays(live)}


def _health(view: LiveView, scene: Scene) -> dict[str, Any]:
    figures = []
    for figure, reading in zip(health.FIGURES, health.readings(view), strict=True):
        spark = [float(f"{value:.{_SPARK_DIGITS}g}") for value in view.sparks[figure.key]]
        figures.append({**asdict(reading), "spark": spark})
    return {"figures": figures}


def _diary(view: LiveView, scene: Scene) -> dict[str, Any]:
    return {"entries": diary_entries(view.snapshot)}


def diary_entries(snapshot: Snapshot) -> list[list[str]]:
    """The diary's newest entry first, evenly thinned to what is shown; the first is always there."""
    entries = list(snapshot.diary)
    if len(entries) > DIARY_SHOWN:
        last = len(entries) - 1
        places = {round(i * last / (DIARY_SHOWN - 1)) for i in range(DIARY_SHOWN)}
        entries = [entry for place, entry in enumerate(entries) if place in places]
    return [
        [
            f"iteration {entry.iteration:,}\n{entry.nats_per_char / math.log(2):.2f} bits/char",
            entry.text[:DIARY_CHARACTERS],
        ]
        for entry in reversed(entries)
    ]


_ENTRIES: dict[str, Callable[[LiveView, Scene], dict[str, Any]]] = {
    "status": _status,
    "loss": _loss,
    "hidden": _hidden,
    "weights": _weights,
    "softmax": _softmax,
    "candidates": _candidates,
    "sample": _sample,
    "health": _health,
    "diary": _diary,
}
