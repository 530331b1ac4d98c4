"""A moment of training: what one step did to gradients and weights, parameter by parameter, in numbers.

A step is measured in two places: before the clip, where gradients still have their own size, and
after the update. Measuring only reads; it takes about as long as five steps, and for that while about
twice the memory of the parameters. Of a large parameter, what has to be counted or sorted is SAMPLED
entries, drawn once and always the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnn.dynamics import (
    LAGS,
    followed_steps,
    gradient_flow,
    largest_singular_value,
    spectral_radius,
    typical_flow,
)
from rnn.network import PARAMETERS, Array, Unrolled, named_views, parameter_count
from rnn.optimisers import Optimiser

VALUE_BINS = 61  # of weights and activations; odd, so that zero lies within a bin
DECADES = (-9, 3)  # log10 of the sizes of gradients
BINS_A_DECADE = 4
SIZE_BINS = 1 + BINS_A_DECADE * (DECADES[1] - DECADES[0])  # the first: smaller sizes, and zeros
SAMPLED = 10_240  # entries of a parameter that are counted and sorted; all of them up to H = 101

MEASURES = (
    "raw_norm",
    "norm",
    "clipped_share",
    "update_ratio",
    "squares_mean",
    "squares_median",
    "momentum_mean",
    "momentum_median",
    "effective_rate",
)

Floats = NDArray[np.float32]
Halves = NDArray[np.float16]


@dataclass(frozen=True)
class Moment:
    """What the step that made `iteration` steps complete did. The arrays are read-only.

    Where an array has 5 rows or columns, they are the PARAMETERS, in their order. A moment takes about
    1.6 kB; what is only looked at, not counted with, has three digits (float16).
    `flow` (LAGS,) is log10 of the typical norm ‖∂L_t/∂h_{t-k}‖ in nats, lag by lag (see
    `rnn.dynamics`), NaN beyond the window of `seq_length` characters; before the update.
    `radius` and `singular` are the spectral radius and the largest singular value of Whh after it.
    `measures` (9, 5) holds a row for each name in MEASURES: the L2 norm of the gradient before and
    after the clip (nats per unit of weight), the share of its elements that were clipped, log10 of
    the L2 norm of the update over that of the weights (NaN without an update), mean and median of the
    optimiser's running squares and of its momentum's absolute values (NaN where it keeps none), and
    the median of the effective learning rate.
    `weights` (5, VALUE_BINS) are shares of the weights in equal bins from -reach to reach (5,);
    `gradients` (5, SIZE_BINS) shares of the gradient before the clip by log10 of its elements' sizes,
    as `size_edges` has it; `activations` (VALUE_BINS,) shares of the window's hidden states from -1
    to 1. With parallel streams, flow and activations are those of the first.
    """

    iteration: int
    seq_length: int
    radius: float
    singular: float
    flow: Halves
    measures: Floats
    reach: Floats
    weights: Halves
    gradients: Halves
    activations: Halves

    def __post_init__(self) -> None:
        """Seal the arrays: moments are shared by whoever looks at the run."""
        for array in vars(self).values():
            if isinstance(array, np.ndarray):
                array.setflags(write=False)

    def measure(self, name: str) -> Floats:
        """(5,) one of MEASURES."""
        return np.asarray(self.measures[MEASURES.index(name)])


def size_edges() -> NDArray[np.float64]:
    """(SIZE_BINS,) log10 of the lower edges of the bins of gradient sizes, but the first's."""
    return np.linspace(*DECADES, SIZE_BINS)


@dataclass(frozen=True)
class Unclipped:
    """The first half of a moment, measured between the backward pass and the clip."""

    flow: Halves
    raw_norms: Array
    clipped_shares: Array
    gradients: Halves
    activations: Halves


def before_clip(unrolled: Unrolled, clip: float) -> Unclipped:
    """Measure the window and its gradients, as the backward pass has left them."""
    network = unrolled.network
    gradients = [network.gradients[name] for name in PARAMETERS]
    return Unclipped(
        flow=window_flow(unrolled),
        raw_norms=_norms(gradients),
        clipped_shares=np.array([_clipped_share(gradient, clip) for gradient in gradients]),
        gradients=_sizes(network.gradient, _drawn(network.hidden_size, network.vocab_size)),
        activations=_activations(unrolled.hidden[:, 0]),
    )


def after_update(
    unclipped: Unclipped, iteration: int, unrolled: Unrolled, optimiser: Optimiser, rate: float
) -> Moment:
    """The whole moment, once the step that was made at this learning rate is complete."""
    network = unrolled.network
    drawn = _drawn(network.hidden_size, network.vocab_size)
    recurrent = np.ascontiguousarray(network.params["Whh"])  # else each product would copy it
    weights = [network.params[name] for name in PARAMETERS]
    reach = np.array([max(part.max(), -part.min()) for part in weights], np.float32)
    updates = _norms(list(network.name(optimiser.last_change).values()))
    measures = {
        "raw_norm": unclipped.raw_norms,
        "norm": _norms(list(network.gradients.values())),
        "clipped_share": unclipped.clipped_shares,
        "update_ratio": _log_ratio(updates, _norms(weights)),
        "effective_rate": drawn.medians(optimiser.effective_rate(rate, drawn.places)),
    }
    for slot, memory in optimiser.slots.items():
        sizes = np.abs(memory.take(drawn.places))
        measures[f"{slot}_mean"] = drawn.means(sizes)
        measures[f"{slot}_median"] = drawn.medians(sizes)
    return Moment(
        iteration=iteration,
        seq_length=unrolled.seq_length,
        radius=spectral_radius(recurrent),
        singular=largest_singular_value(recurrent),
        flow=unclipped.flow,
        measures=_table(measures),
        reach=reach,
        weights=_shares(network.weights, reach, drawn),
        gradients=unclipped.gradients,
        activations=unclipped.activations,
    )


_TINY = 1e-30


def window_flow(unrolled: Unrolled) -> Halves:
    """(LAGS,) the typical gradient flow of the first stream's window, as a Moment has it."""
    steps = followed_steps(unrolled.seq_length)
    errors = unrolled.probabilities[steps, 0]
    errors[np.arange(len(steps)), unrolled.ids[steps + 1, 0]] -= 1.0
    flows = gradient_flow(unrolled.network.params, unrolled.hidden[:, 0], errors, steps)
    padded = np.full(LAGS, np.nan, np.float16)
    padded[: flows.shape[1]] = typical_flow(flows)
    return padded


@dataclass(frozen=True)
class _Drawn:
    """The entries that are counted and sorted, those of one parameter after those of the other.

    `places` (n,) are where they stand in the flat vector, `owner` (n,) the number of the parameter
    that each belongs to, `starts` (5,) and `counts` (5,) say which of them are whose.
    """

    places: Array
    owner: Array
    starts: Array
    counts: Array

    def means(self, values: Array) -> Array:
        """(5,) the mean of each parameter's values (n,)."""
        return np.asarray(np.add.reduceat(values, self.starts, dtype=np.float64) / self.counts)

    def medians(self, values: Array) -> Array:
        """(5,) the median of each parameter's values (n,); of two middle ones, the larger."""
        parts = np.split(values, self.starts[1:])
        return np.array([np.partition(part, len(part) // 2)[len(part) // 2] for part in parts])

    def shares(self, bins: Array, count: int) -> Halves:
        """(5, count) the share of each parameter's entries in each bin, given the bins (n,) of all."""
        table = np.bincount(_bounded(bins, count) + count * self.owner, minlength=5 * count)
        return np.asarray(table.reshape(5, count) / self.counts[:, None], np.float16)


@lru_cache(maxsize=4)
def _drawn(hidden_size: int, vocab_size: int) -> _Drawn:
    """All entries of small parameters, and SAMPLED of the others."""
    rng = np.random.default_rng(0)
    every = np.arange(parameter_count(hidden_size, vocab_size))
    parts = named_views(every, hidden_size, vocab_size)
    places = [parts[name].ravel() for name in PARAMETERS]
    drawn = [
        place if len(place) <= SAMPLED else np.sort(rng.choice(place, SAMPLED)) for place in places
    ]
    counts = np.array([len(place) for place in drawn])
    return _Drawn(
        places=np.concatenate(drawn),
        owner=np.repeat(np.arange(len(counts)), counts),
        starts=np.cumsum(counts) - counts,
        counts=counts,
    )


def _norms(parts: list[Array]) -> Array:
    # Row by row, which needs no copy of a parameter that does not lie in one piece.
    rows = (np.einsum("ij,ij->i", part, part) for part in map(np.atleast_2d, parts))
    return np.sqrt([row.sum(dtype=np.float64) for row in rows])


def _log_ratio(part: Array, whole: Array) -> Array:
    """log10 of their quotients; NaN where either is 0 or not finite."""
    with np.errstate(all="ignore"):
        ratio = np.log10(part / whole)
    return np.where(np.isfinite(ratio), ratio, np.nan)


def _clipped_share(gradient: Array, clip: float) -> float:
    if clip == 0.0:
        return 0.0
    beyond = np.count_nonzero(gradient > clip) + np.count_nonzero(gradient < -clip)
    return int(beyond) / gradient.size


def _activations(states: Array) -> Halves:
    """(VALUE_BINS,) the shares of the states (T, H), or of about SAMPLED of them, from -1 to 1."""
    states = states[:: -(-states.size // SAMPLED)].ravel()
    bins = _bounded((states + 1.0) * (VALUE_BINS / 2), VALUE_BINS)
    return np.asarray(np.bincount(bins, minlength=VALUE_BINS) / len(bins), np.float16)


def _shares(weights: Array, reach: Array, drawn: _Drawn) -> Halves:
    """(5, VALUE_BINS) the shares of the weights in equal bins from -reach to reach (5,)."""
    a_unit = (VALUE_BINS / (2.0 * np.maximum(reach, _TINY))).astype(weights.dtype)
    bins = weights.take(drawn.places) * a_unit.take(drawn.owner)
    return drawn.shares(bins + VALUE_BINS / 2, VALUE_BINS)


def _sizes(gradient: Array, drawn: _Drawn) -> Halves:
    """(5, SIZE_BINS) the shares of the gradient's elements by the logarithm of their size."""
    sizes = np.maximum(np.abs(gradient.take(drawn.places)), 10.0 ** (DECADES[0] - 1))
    decades = np.log(sizes) / math.log(10.0)  # several times as fast as log10
    return drawn.shares((decades - DECADES[0]) * BINS_A_DECADE + 1, SIZE_BINS)


def _bounded(bins: Array, count: int) -> NDArray[np.intp]:
    """Numbers of bins; what lies beyond an end counts in its last bin."""
    # fmax and fmin: a NaN, of a step that is about to be called off, must not become an index.
    return np.fmin(np.fmax(bins, 0), count - 1).astype(np.intp)


def _table(measures: Mapping[str, Any]) -> Floats:
    absent = np.full(len(PARAMETERS), np.nan)
    return np.array([measures.get(name, absent) for name in MEASURES], np.float32)
