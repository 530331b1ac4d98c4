"""What the panels of the Train page show: pure functions from a `LiveView` to entries of a frame."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import asdict
from typing import Any

from rnn.snapshot import LiveSample, Snapshot
from rnn.vocabulary import char_mark, char_name
from ui import health
from ui.entries import Entry, Source
from ui.figures import hidden, loss, softmax, weights
from ui.figures.loss import LossView
from ui.live import LiveView, Target

DIARY_SHOWN = 12
DIARY_CHARACTERS = 120
_SPARK_DIGITS = 3


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


def status(view: LiveView) -> Entry:
    """The status line, and how far "Run to…" has come."""
    line = status_line(view)
    target = target_words(view.target) if view.target else None
    if target:
        line = f"{line} · {target}"
    content = {"line": line, "playing": view.playing, "progress": view.progress, "target": target}
    return Entry(tuple(content.values()), lambda: content)


def loss_curve(shown: LossView) -> Source:
    """The loss as the person wants to see it."""

    def source(view: LiveView) -> Entry:
        s = view.snapshot
        return Entry(
            (s.iteration, s.events, s.seq_length),
            lambda: {"arrays": loss.arrays(shown, s.curve, s.held_out, s.events, s.seq_length)},
        )

    return source


def hidden_state(view: LiveView) -> Entry:
    """The hidden state over the last window."""
    s = view.snapshot
    return Entry(s.iteration, lambda: {"arrays": hidden.arrays(s.window, s.chars)})


def weight_histograms(view: LiveView) -> Entry:
    """The histograms of the weights."""
    s = view.snapshot
    return Entry(s.iteration, lambda: {"arrays": weights.arrays(s.histograms)})


def softmax_map(view: LiveView) -> Entry:
    """The probabilities behind the live sample."""
    s = view.snapshot
    return Entry(
        _sample_version(s.live_sample), lambda: {"arrays": softmax.arrays(s.live_sample, s.chars)}
    )


def candidates(view: LiveView) -> Entry:
    """The candidates of the chosen character: the browser takes them from the sample's entry."""
    return Entry(_sample_version(view.snapshot.live_sample), dict)


def live_sample(view: LiveView) -> Entry:
    """The live sample with the greedy continuation."""
    live = view.snapshot.live_sample
    title = f"Live sample after iteration {live.iteration:,}" if live else "Live sample"
    return Entry(_sample_version(live), lambda: {"title": title, **softmax.sample_arrays(live)})


def _sample_version(live: LiveSample | None) -> Hashable:
    return live and (live.iteration, live.sample.text, live.greedy.tobytes())


def health_figures(view: LiveView) -> Entry:
    """Six figures on the health of training, with their sparklines."""

    def content() -> dict[str, Any]:
        figures = []
        for figure, reading in zip(health.FIGURES, health.readings(view), strict=True):
            spark = [float(f"{value:.{_SPARK_DIGITS}g}") for value in view.sparks[figure.key]]
            figures.append({**asdict(reading), "spark": spark})
        return {"figures": figures}

    return Entry((view.snapshot.iteration, view.playing, view.pace), content)


def diary(view: LiveView) -> Entry:
    """Samples of earlier iterations."""
    s = view.snapshot
    return Entry(s.diary, lambda: {"entries": diary_entries(s)})


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
