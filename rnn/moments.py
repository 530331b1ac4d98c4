"""A moment of training: what one step did to gradients and weights, parameter by parameter, in numbers.

A step is measured in two places: before the clip, where gradients still have their own size, and
after the update. Measuring only reads; it takes about as long as five steps, and for that while about
twice the memory of the parameters. Of a large parameter, what has to be counted or sorted is SAMPLED
entries, drawn once and always the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
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
        gradients=np.array([_sizes(network.gradient[place]) for place in _places(unrolled)]),
        activations=_shares(_sampled_rows(unrolled.hidden[:, 0]).ravel(), 1.0),
    )


def after_update(
    unclipped: Unclipped, iteration: int, unrolled: Unrolled, optimiser: Optimiser, rate: float
) -> Moment:
    """The whole moment, once the step that was made at this learning rate is complete."""
    network, places = unrolled.network, _places(unrolled)
    recurrent = np.ascontiguousarray(network.params["Whh"])  # else each product would copy it
    weights = [network.params[name] for name in PARAMETERS]
    reach = np.array([max(part.max(), -part.min()) for part in weights], np.float32)
    updates = _norms(list(network.name(optimiser.last_change).values()))
    measures = {
        "raw_norm": unclipped.raw_norms,
        "norm": _norms(list(network.gradients.values())),
        "clipped_share": unclipped.clipped_shares,
        "update_ratio": _log_ratio(updates, _norms(weights)),
        "effective_rate": _medians(optimiser.effective_rate(rate, place) for place in places),
    }
    for slot, memory in optimiser.slots.items():
        means = [np.abs(memory[place]).mean(dtype=np.float64) for place in places]
        measures[f"{slot}_mean"] = np.array(means)
        measures[f"{slot}_median"] = _medians(np.abs(memory[place]) for place in places)
    return Moment(
        iteration=iteration,
        seq_length=unrolled.seq_length,
        radius=spectral_radius(recurrent),
        singular=largest_singular_value(recurrent),
        flow=unclipped.flow,
        measures=_table(measures),
        reach=reach,
        weights=np.array(
            [
                _shares(network.weights[place], float(limit))
                for place, limit in zip(places, reach, strict=True)
            ]
        ),
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


def _places(unrolled: Unrolled) -> tuple[Array, ...]:
    return _drawn_places(unrolled.network.hidden_size, unrolled.network.vocab_size)


@lru_cache(maxsize=4)
def _drawn_places(hidden_size: int, vocab_size: int) -> tuple[Array, ...]:
    """Where each parameter's entries, or SAMPLED of them, stand in the flat vector."""
    rng = np.random.default_rng(0)
    every = np.arange(parameter_count(hidden_size, vocab_size))
    parts = named_views(every, hidden_size, vocab_size)
    places = (parts[name].ravel() for name in PARAMETERS)
    return tuple(
        place if len(place) <= SAMPLED else np.sort(rng.choice(place, SAMPLED)) for place in places
    )


def _sampled_rows(states: Array) -> Array:
    """Evenly taken rows of (T, H), about SAMPLED values at most."""
    return states[:: -(-states.size // SAMPLED)]


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


def _medians(parts: Iterable[Array]) -> Array:
    """The median of each part; of two middle values, the larger."""
    return np.array([np.partition(part, len(part) // 2)[len(part) // 2] for part in parts])


def _shares(values: Array, limit: float) -> Halves:
    """(VALUE_BINS,) the shares of the values (n,) in equal bins from -limit to limit."""
    scaled = values * (VALUE_BINS / (2 * max(limit, _TINY))) + VALUE_BINS / 2
    return _counted(scaled, VALUE_BINS)


def _sizes(gradient: Array) -> Halves:
    """(SIZE_BINS,) the shares of the gradient's elements (n,) by the logarithm of their size."""
    sizes = np.maximum(np.abs(gradient), 10.0 ** (DECADES[0] - 1))
    decades = np.log(sizes) / math.log(10.0)  # several times as fast as log10
    return _counted((decades - DECADES[0]) * BINS_A_DECADE + 1, SIZE_BINS)


def _counted(places: Array, bins: int) -> Halves:
    """Shares by the whole part of the place; what lies beyond an end counts in its last bin."""
    # fmax and fmin: a NaN, of a step that is about to be called off, must not become an index.
    whole = np.fmin(np.fmax(places, 0), bins - 1).astype(np.intp)
    return np.asarray(np.bincount(whole, minlength=bins) / len(whole), np.float16)


def _table(measures: Mapping[str, Any]) -> Floats:
    absent = np.full(len(PARAMETERS), np.nan)
    return np.array([measures.get(name, absent) for name in MEASURES], np.float32)
