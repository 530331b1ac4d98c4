"""Stills: what a saved state shows when it is looked at with one and the same passage and numbers.

Laid side by side they compare runs, one after the other they are the film of a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from rnn.analysis import portrait_of
from rnn.analysis.passage import Passage, read
from rnn.network import Array
from rnn.sampler import Sample
from rnn.snapshot import HISTOGRAM_BINS, Histogram, axis_limit
from rnn.trainer import Trainer


@dataclass(frozen=True)
class Lens:
    """How a state is looked at: it reads the passage, and goes on writing from its end.

    The same `seed` draws the same random numbers wherever the vocabularies are of one size.
    """

    passage: Passage
    length: int = 200
    temperature: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Still:
    """A state seen through a lens; `loss` is the smooth loss in nats per character.

    Row i of `hidden` (n, H) and of `probabilities` (n, V) is the state after, and the expectation
    after, character i of the passage; `drawn` (m,) the probability of each character of the sample.
    `weights` and `initial`, the weights that the run's seed drew, are flat, by `GROUPS`.
    """

    iteration: int
    loss: float
    chars: tuple[str, ...]
    ids: Array
    hidden: Array
    probabilities: Array
    sample: Sample
    drawn: Array
    weights: Mapping[str, Array]
    initial: Mapping[str, Array]


GROUPS: dict[str, tuple[str, ...]] = {
    "Wxh": ("Wxh",),
    "Whh": ("Whh",),
    "Why": ("Why",),
    "biases": ("bh", "by"),
}
"""The parameters that are shown as one histogram."""


def look(trainer: Trainer, lens: Lens) -> Still:
    """The state of `trainer` through `lens`. Raises UnknownCharacter for a passage it cannot read."""
    reading = read(portrait_of(trainer), lens.passage)
    sample = trainer.sample(
        lens.length,
        temperature=lens.temperature,
        prime=lens.passage.before + lens.passage.text,
        seed=lens.seed,
        top_k=0,
    )
    return Still(
        iteration=trainer.iteration,
        loss=trainer.smooth_loss / trainer.config.seq_length,
        chars=trainer.vocabulary.chars,
        ids=reading.ids,
        hidden=reading.hidden,
        probabilities=reading.probabilities,
        sample=sample,
        drawn=sample.probabilities[np.arange(len(sample.ids)), sample.ids],
        weights=_grouped(trainer.params),
        initial=_grouped(trainer.initial_params),
    )


def _grouped(params: Mapping[str, Array]) -> dict[str, Array]:
    return {
        group: np.concatenate([params[name].ravel() for name in names])
        for group, names in GROUPS.items()
    }


Limits = Mapping[str, float]


def limits(*weights: Mapping[str, Array]) -> dict[str, float]:
    """By group, the round number within which all of these weights lie, for one scale for them all."""
    return {
        group: axis_limit(max(float(np.abs(each[group]).max()) for each in weights))
        for group in GROUPS
    }


def histograms(
    now: Mapping[str, Array], before: Mapping[str, Array], within: Limits
) -> dict[str, Histogram]:
    """How two sets of weights spread over bins from -limit to limit.

    What lies beyond the limit is counted in the outermost bins.
    """
    return {
        group: Histogram(
            edges=(edges := np.linspace(-limit, limit, HISTOGRAM_BINS + 1)),
            now=_shares(now[group], edges),
            initial=_shares(before[group], edges),
        )
        for group, limit in within.items()
    }


def _shares(values: Array, edges: Array) -> Array:
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return np.asarray(counts / values.size)


def shared_passage(text: str, vocabularies: Iterable[tuple[str, ...]]) -> str:
    """The text without the characters that are missing in any of the vocabularies."""
    known = [set(chars) for chars in vocabularies]
    return "".join(char for char in text if all(char in chars for chars in known))
