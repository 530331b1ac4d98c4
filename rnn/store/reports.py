"""A run's history as CSV and its diary as text, to read elsewhere."""

from __future__ import annotations

import csv
import io
import math

import numpy as np

from rnn.history import History

COLUMNS = (
    "first_iteration",
    "last_iteration",
    "characters",
    "loss_mean",
    "loss_min",
    "loss_max",
    "smooth_loss",
    "smooth_bits",
    "gradient_norm_mean",
    "gradient_norm_max",
    "seq_length",
    "held_out",
)


def history_csv(history: History, streams: int = 1) -> str:
    """The curve, a row for each stretch of iterations that the history keeps apart.

    Losses are nats per character, `smooth_bits` bits per character; `characters` is how many had
    been read by the end of the stretch, in all `streams`; `held_out` the last held-out loss in it.
    """
    curve = history.curve()
    characters = np.cumsum(curve.count * curve.seq_length) * streams
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(
        zip(
            curve.first.tolist(),
            curve.last.tolist(),
            characters.tolist(),
            curve.loss_mean.tolist(),
            curve.loss_min.tolist(),
            curve.loss_max.tolist(),
            curve.smooth.tolist(),
            (curve.smooth / math.log(2.0)).tolist(),
            curve.gradient_norm_mean.tolist(),
            curve.gradient_norm_max.tolist(),
            curve.seq_length.tolist(),
            _held_out_column(history),
            strict=True,
        )
    )
    return out.getvalue()


def _held_out_column(history: History) -> list[float | str]:
    """For each stretch of the curve the last held-out loss in it, or nothing."""
    curve = history.curve()
    iterations, losses = history.held_out()
    column: list[float | str] = [""] * len(curve)
    # Stretches follow each other without a gap, so an iteration lies in the last that has begun.
    places = np.searchsorted(curve.first, iterations, side="right") - 1
    for place, loss in zip(places.tolist(), losses.tolist(), strict=True):
        column[place] = loss
    return column


def diary_text(history: History) -> str:
    """The samples that the run wrote on its way, oldest first, each under a line that dates it."""
    return "\n".join(
        f"--- after iteration {entry.iteration:,} · {entry.nats_per_char / math.log(2.0):.3f} bits per "
        f"character · temperature {entry.temperature:g} · top-k {entry.top_k}\n{entry.text}\n"
        for entry in history.diary
    )
