"""The unit finder: which hidden unit follows which feature of the text, beyond what chance gives.

The statistic is the correlation between a unit's activation and the feature: the point-biserial
one where the feature holds or not, and with the feature's rank where it is a count. 1 or -1 is a
unit that does nothing else, 0 one that does not care.

Among many units some will always fit a feature a little, so the best unit is measured against the
best unit of two kinds of chance:

- the feature shifted along the text against the states, around its end: both keep the slow ways in
  which they change, and only what belongs together is torn apart;
- networks whose weights are shuffled, reading the same text: any unit answers the characters
  somehow, and some of them will happen to answer as the feature does.

The level of chance is what the best unit of all exceeds in one of twenty draws, in any of the
features (Westfall and Young 1993: the maximum, after each feature has been put on the same scale),
by the kind of chance that gives more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rnn.analysis.features import Feature, Observed, observe
from rnn.analysis.passage import long_reading
from rnn.analysis.portrait import Portrait, Report
from rnn.network import Array
from rnn.threads import single_thread

Floats = NDArray[np.float64]

SHIFTS = 200
SHUFFLES = 60
RISK = 0.05
"""The share of draws of chance in which the best unit of any feature is above its level."""

STILL = 1e-5
"""What changes by less than this, beside the size it has, stands still but for rounding."""

_NEAREST = 20  # a shift moves a feature by this part of its places at least
_BLOCK = 25  # shifts that are compared in one product
_ALMOST_ONE = 1.0 - 1e-6  # above it, chance follows a feature as well as can be


@dataclass(frozen=True)
class Finding:
    """How a unit follows a feature: `correlation` -1..1, of which `chance` alone may give so much."""

    unit: int
    feature: Feature
    correlation: float
    chance: float

    @property
    def above_chance(self) -> bool:
        """Whether this is more than chance gives."""
        return abs(self.correlation) > self.chance


@dataclass(frozen=True, eq=False)
class Findings:
    """What was found in the first `characters` of the text.

    `correlations` (m, H) of each feature with each unit, `chance` (m,) the level that |correlation|
    has to exceed; `too_rare` holds the features that the text has too little of.
    """

    features: tuple[Feature, ...]
    correlations: Floats
    chance: Floats
    too_rare: tuple[Feature, ...]
    characters: int

    def ranked(self) -> list[Finding]:
        """Every unit with every feature: first what is above chance, each part by strength."""
        findings = [
            Finding(unit, feature, float(correlation), float(chance))
            for feature, row, chance in zip(
                self.features, self.correlations, self.chance, strict=True
            )
            for unit, correlation in enumerate(row)
        ]
        return sorted(findings, key=lambda found: (not found.above_chance, -_size(found)))


def _size(finding: Finding) -> float:
    return abs(finding.correlation)


def find(portrait: Portrait, characters: int, report: Report, seed: int = 0) -> Findings:
    """Look for units that follow features, in the text's first `characters`.

    Raises ValueError if none of the features is there often enough.
    """
    text = portrait.text[:characters]
    observed, too_rare = observe(text)
    if not observed:
        raise ValueError(
            "This text has none of the features often enough to look for; try more characters, "
            "or a text with words and lines."
        )
    rng = np.random.default_rng(seed)
    ids = portrait.vocabulary.encode(text)
    with single_thread():
        hidden = long_reading(portrait, ids, lambda share: report(0.1 * share))
        by_shift = _best_when_shifted(
            hidden, observed, rng, lambda share: report(0.1 + 0.3 * share)
        )
        by_shuffle = _best_when_shuffled(
            portrait, ids, observed, rng, lambda share: report(0.4 + 0.6 * share)
        )
    return Findings(
        features=tuple(one.feature for one in observed),
        correlations=correlations(hidden, observed),
        chance=np.maximum(level(by_shift), level(by_shuffle)),
        too_rare=too_rare,
        characters=len(text),
    )


def correlations(hidden: Array, observed: Sequence[Observed]) -> Floats:
    """(m, H) of each of m features with each unit over the states (n, H); 0 for what stands still."""
    masks = np.zeros((len(observed), len(hidden)), hidden.dtype)
    values = np.zeros_like(masks)
    for mask, row, one in zip(masks, values, observed, strict=True):
        mask[one.places] = 1.0 / len(one.places)
        row[one.places] = _standard(_levelled(one))
    # Around each unit's mean, so that little is lost in the difference of two squares.
    centred = hidden - hidden.mean(axis=0)
    mean, square = masks @ centred, masks @ np.square(centred)
    variance = square - np.square(mean)
    places = np.array([[len(one.places)] for one in observed])
    length = np.sqrt(np.maximum(variance, 0.0) * places)
    still = variance <= STILL * np.maximum(square, STILL)
    found = (values @ centred) / np.where(still, np.inf, length)
    return np.asarray(np.clip(found, -1.0, 1.0), np.float64)


def _levelled(observed: Observed) -> Floats:
    """A count becomes its rank, so that a single very long line does not outweigh all others."""
    values = observed.values
    if not observed.feature.graded:
        return values
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]


def _standard(values: Array) -> Array:
    """Columns of mean 0 and length 1, so that products of them are correlations."""
    centred = values - values.mean(axis=0)
    length = np.sqrt(np.square(centred).sum(axis=0))
    still = np.square(length) <= STILL**2 * len(values)
    return np.asarray(centred / np.where(still, np.inf, length))


def _best_when_shifted(
    hidden: Array, observed: Sequence[Observed], rng: np.random.Generator, report: Report
) -> Floats:
    """(SHIFTS, m) the largest |correlation| of any unit, for each shift of each feature."""
    best = np.zeros((SHIFTS, len(observed)))
    for j, one in enumerate(observed):
        states, values = _standard(hidden[one.places]), _standard(_levelled(one))
        values = values.astype(states.dtype)
        shifts = _shifts(len(values), rng)
        for begin in range(0, SHIFTS, _BLOCK):
            block = [np.roll(values, shift) for shift in shifts[begin : begin + _BLOCK]]
            best[begin : begin + _BLOCK, j] = np.abs(np.array(block) @ states).max(axis=1)
            report((j + (begin + _BLOCK) / SHIFTS) / len(observed))
    return best


def _shifts(places: int, rng: np.random.Generator) -> NDArray[np.intp]:
    nearest = max(1, places // _NEAREST)
    return rng.integers(nearest, places - nearest, size=SHIFTS, endpoint=True)


def _best_when_shuffled(
    portrait: Portrait,
    ids: Array,
    observed: Sequence[Observed],
    rng: np.random.Generator,
    report: Report,
) -> Floats:
    """(SHUFFLES, m) the largest |correlation| of any unit, for each network of shuffled weights."""
    best = np.zeros((SHUFFLES, len(observed)))
    for draw in range(SHUFFLES):

        def told(share: float, draw: int = draw) -> None:
            report((draw + share) / SHUFFLES)

        hidden = long_reading(shuffled(portrait, rng), ids, told)
        best[draw] = np.abs(correlations(hidden, observed)).max(axis=1)
    return best


def shuffled(portrait: Portrait, rng: np.random.Generator) -> Portrait:
    """The network with the weights into each unit dealt out anew among characters and among units."""
    params = dict(portrait.params)
    for name in ("Wxh", "Whh"):
        params[name] = rng.permuted(params[name], axis=1)
    return replace(portrait, params=params)


def level(best: Floats) -> Floats:
    """(m,) what the best of chance, (draws, m) of |correlations|, exceeds in a share `RISK` of draws.

    Each feature is put on the scale of its own mean and spread (after Fisher's transformation), so
    that one number serves for all of them at once.
    """
    z = np.arctanh(np.minimum(best, _ALMOST_ONE))
    mean, spread = z.mean(axis=0), z.std(axis=0) + 1e-9
    highest = ((z - mean) / spread).max(axis=1)
    levels = np.tanh(mean + np.quantile(highest, 1.0 - RISK, method="higher") * spread)
    return np.where(levels < _ALMOST_ONE, levels, 1.0)
