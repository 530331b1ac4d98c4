"""What a page may see of a run: plain data taken between two training steps.

A page never reaches past a `Snapshot` into the model's arrays: everything here is a copy or is
computed afresh, so that drawing cannot disturb training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnn.history import Curve, DiaryEntry, Event
from rnn.moments import Moment
from rnn.sampler import Sample
from rnn.threads import single_thread
from rnn.trainer import Trainer

Array = NDArray[Any]
Floats = NDArray[np.float64]

SATURATION = 0.97
"""A unit counts as saturated when the absolute value of its hidden state is above this."""

HISTOGRAM_BINS = 41
_AXIS_STEPS = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0)


@dataclass(frozen=True)
class Histogram:
    """How the weights of one parameter spread, in shares of all its weights per bin."""

    edges: Floats  # (bins + 1,)
    now: Floats  # (bins,)
    initial: Floats  # (bins,)


@dataclass(frozen=True)
class WindowView:
    """What the network saw and held in the last window (of stream 0)."""

    inputs: Array  # (T,) indices of characters
    hidden: Array  # (T, H) in -1..1


@dataclass(frozen=True)
class LiveSample:
    """A sample drawn from the state after ``iteration`` steps, and what greedy choice would write."""

    iteration: int
    sample: Sample
    greedy: Array  # (n,) indices of characters


@dataclass(frozen=True)
class Gauges:
    """Figures on the health of training; ``None`` where there has been no step yet.

    ``gradient_norm`` is the L2 norm of all gradients after the clip, in nats per unit of weight;
    ``update_ratio`` is log10 of the L2 norm of the last update over that of the weights;
    ``effective_rate`` is the median over all weights.
    """

    gradient_norm: float | None
    clipped_share: float | None
    saturated_share: float | None
    update_ratio: float | None
    effective_rate: float | None
    spectral_radius: float | None


_NO_GAUGES = Gauges(None, None, None, None, None, None)


@dataclass(frozen=True)
class Snapshot:
    """A run between two steps. Losses are in nats per character unless a name says otherwise."""

    iteration: int
    epoch: int
    characters_seen: int
    seq_length: int
    chars: tuple[str, ...]
    loss: float | None
    smooth_loss: float
    curve: Curve
    held_out: tuple[Array, Array]
    events: tuple[Event, ...]
    diary: tuple[DiaryEntry, ...]
    moments: tuple[Moment, ...]
    window: WindowView | None
    histograms: Mapping[str, Histogram]
    live_sample: LiveSample | None
    gauges: Gauges


def take(
    trainer: Trainer,
    initial_params: Mapping[str, Array],
    live_sample: LiveSample | None,
    spectral_radius: float | None,
    whole: bool = True,
) -> Snapshot:
    """The snapshot of ``trainer`` as it stands.

    What is dear is handed in: the initial weights, which never change, and the live sample and the
    spectral radius, which are drawn at a pace of their own. Histograms and gauges take a pass over
    all weights; they are empty unless the snapshot is to be ``whole``.
    """
    curve = trainer.history.curve()
    return Snapshot(
        iteration=trainer.iteration,
        epoch=trainer.epoch,
        characters_seen=trainer.characters_seen,
        seq_length=trainer.config.seq_length,
        chars=trainer.vocabulary.chars,
        loss=float(curve.loss_last[-1]) if len(curve.last) else None,
        smooth_loss=trainer.smooth_loss / trainer.config.seq_length,
        curve=curve,
        held_out=trainer.history.held_out(),
        events=trainer.history.events,
        diary=trainer.history.diary,
        moments=trainer.history.moments,
        window=_window(trainer),
        histograms=_histograms(trainer.params, initial_params) if whole else {},
        live_sample=live_sample,
        gauges=_gauges(trainer, spectral_radius) if whole else _NO_GAUGES,
    )


def draw_live_sample(trainer: Trainer, greedy_length: int) -> LiveSample:
    """The periodic sample of this moment, and the ``greedy_length`` characters of greedy choice."""
    return LiveSample(
        iteration=trainer.iteration,
        sample=trainer.periodic_sample(),
        greedy=trainer.sample(greedy_length, temperature=0.0, seed=0).ids,
    )


def spectral_radius(matrix: Array) -> float:
    """The largest absolute value among the eigenvalues of ``matrix`` (n, n).

    Above 1, what the recurrence holds can grow from step to step; far below 1, it fades.
    """
    with single_thread():
        return float(np.abs(np.linalg.eigvals(np.asarray(matrix, dtype=np.float64))).max())


def _window(trainer: Trainer) -> WindowView | None:
    window = trainer.last_window
    if window is None:
        return None
    return WindowView(np.array(window.inputs), np.array(window.hidden))


def _histograms(params: Mapping[str, Array], initial: Mapping[str, Array]) -> dict[str, Histogram]:
    biases = {"biases": np.concatenate([params["bh"], params["by"]])}
    biases_initial = {"biases": np.concatenate([initial["bh"], initial["by"]])}
    now = {name: params[name] for name in ("Wxh", "Whh", "Why")} | biases
    before = {name: initial[name] for name in ("Wxh", "Whh", "Why")} | biases_initial
    return {name: _histogram(now[name].ravel(), before[name].ravel()) for name in now}


def _histogram(now: Array, initial: Array) -> Histogram:
    limit = axis_limit(max(float(np.abs(now).max()), float(np.abs(initial).max())))
    return Histogram(
        edges=np.linspace(-limit, limit, HISTOGRAM_BINS + 1),
        now=_shares(now, limit),
        initial=_shares(initial, limit),
    )


def _shares(values: Array, limit: float) -> Floats:
    place = ((values + limit) * (HISTOGRAM_BINS / (2 * limit))).astype(np.intp)
    counts = np.bincount(np.clip(place, 0, HISTOGRAM_BINS - 1), minlength=HISTOGRAM_BINS)
    return counts / values.size


def axis_limit(largest: float) -> float:
    """The next round number at or above ``largest``, so that an axis moves seldom, in clear steps."""
    if largest <= 0.0:
        return 0.01
    power = 10.0 ** np.floor(np.log10(largest))
    return float(next(step * power for step in _AXIS_STEPS if largest <= step * power * 1.000001))


def _gauges(trainer: Trainer, radius: float | None) -> Gauges:
    window = trainer.last_window
    if window is None:
        return Gauges(None, None, None, None, None, radius)
    rates = np.concatenate([rate.ravel() for rate in trainer.effective_rate().values()])
    return Gauges(
        gradient_norm=_norm(trainer.gradients),
        clipped_share=_clipped_share(trainer.gradients, trainer.config.clip),
        saturated_share=float(np.mean(np.abs(window.hidden) > SATURATION)),
        update_ratio=_update_ratio(trainer),
        effective_rate=float(np.median(rates)),
        spectral_radius=radius,
    )


def _norm(arrays: Mapping[str, Array]) -> float:
    # In float64: squares of weights that have run away do not fit float32.
    flat = np.concatenate([array.ravel() for array in arrays.values()]).astype(np.float64)
    return float(np.linalg.norm(flat))


def _clipped_share(gradients: Mapping[str, Array], clip: float) -> float:
    if clip == 0.0:
        return 0.0
    total = sum(array.size for array in gradients.values())
    return sum(int(np.count_nonzero(np.abs(g) >= clip)) for g in gradients.values()) / total


def _update_ratio(trainer: Trainer) -> float | None:
    change, weights = _norm(trainer.last_update()), _norm(trainer.params)
    if change == 0.0 or weights == 0.0:
        return None
    return float(np.log10(change / weights))
