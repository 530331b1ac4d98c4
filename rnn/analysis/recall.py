"""How far back a network remembers: change one character, and see what becomes of its predictions.

At many places of the text one character is replaced by another, and everything after it is read as it
stands. The prediction k characters on, p from the text as it is and q from the changed one, differs
by KL(p‖q) = sum p log2(p / q) bits (Kullback and Leibler 1951, "On information and sufficiency").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from rnn.analysis.portrait import Portrait, Report
from rnn.network import Array
from rnn.vocabulary import IntArray

Floats = NDArray[np.float64]

PLACES = 1000
"""How many places the measure is averaged over, where the text has so many and the network is not large."""

FEWEST_PLACES = 100
"""How many places it is averaged over in the largest networks, which would take minutes for more."""

LEAST_REACH = 60
"""The predictions are followed for at least this many characters, where the text is long enough."""

WARM_UP = 100
"""Characters that are read before the one that is changed, from a state of zero."""

_WORK = 3e7  # multiplications in one time step of a block of places
_FEWEST = 8  # places of a block, whatever the work
_WHOLE_WORK = 5e10  # multiplications altogether, about
_PROBABILITY = 240  # multiplications that take as long as turning a logit into a probability
_STEPS = 8  # time steps at once
_ONE_IN_TWENTY = 1.6449  # standard deviations that a normal variable passes in one case of twenty
_SURE, _VERY_SURE = 2.0, 3.0  # standard errors


@dataclass(frozen=True)
class Recall:
    """What a changed character does to the predictions after it.

    Entry k - 1 of each array (n,) is about the prediction k characters on: at lag 1 the changed
    character is the last one read. All are in bits, means over `places` places:

    - `change`: KL(p‖q), never negative, and `change_error`, the standard error of the mean.
    - `cost`: by how much worse q foresees the character that really comes, log2 p(it) - log2 q(it),
      and `cost_error`. It is near `change` where what the network keeps serves it, and far lower, or
      negative, where the network is only disturbed.
    - `jog`: KL(p‖q) if not the character is changed but the last binary digit of every hidden unit:
      what rounding does; and `jog_error`.

    `unseen` is a constant of the text (see `chance`); `seq_length` is T, as far as gradients reach.
    """

    change: Floats
    change_error: Floats
    cost: Floats
    cost_error: Floats
    jog: Floats
    jog_error: Floats
    unseen: float
    places: int
    seq_length: int

    @property
    def lags(self) -> IntArray:
        """(n,) 1 to n, in characters."""
        return np.arange(1, len(self.change) + 1)

    @property
    def chance(self) -> Floats:
        """(n,) the bound of chance, in bits: `unseen`, or `jog` and two standard errors if that is more.

        `unseen` is the largest change that could not be noticed in this text. Were all its m
        characters drawn from p or all from q, a reader could tell which only by the sum of their
        log-likelihood ratios, which has mean ±m·KL and variance 2m·KL (in nats, for small changes).
        To be wrong no more than once in twenty takes KL >= 2·1.645²/m nats: for 1,700 characters
        0.005 bits. Training reads the same text, and cannot have made use of less either.

        `jog` matters in a chaotic network, where anything that happens, however small, changes every
        prediction some steps later. That is no memory of a character: a character must do more than
        rounding does.

        Other bounds were weighed. Zero: a network forgets by a factor a step, never wholly, so that
        all would be memory until the digits run out. The run's initial weights: they are so small
        that any trained network is above them. Its own weights shuffled: often they are chaotic, and
        then every memory lies below.
        """
        return np.maximum(self.unseen, self.jog + _SURE * self.jog_error)

    @property
    def remembered(self) -> int:
        """The furthest lag whose change is above chance by two standard errors; 0 if none is."""
        return _last(self._sure)

    @property
    def helped(self) -> int:
        """The furthest remembered lag whose cost is above zero, by three standard errors; 0 if none is.

        Three, because among so many lags some are off by two of them by chance alone.
        """
        return _last(self._sure & (self.cost > _VERY_SURE * self.cost_error))

    @property
    def _sure(self) -> NDArray[np.bool_]:
        return np.asarray(self.change - _SURE * self.change_error > self.chance)

    @property
    def endless(self) -> bool:
        """Whether even the furthest lag is remembered, so that the memory's end is not in sight."""
        return self.remembered == len(self.change)


def _last(holds: NDArray[np.bool_]) -> int:
    """The furthest lag at which it holds."""
    lags = np.flatnonzero(holds) + 1
    return int(lags[-1]) if len(lags) else 0


def unseen(characters: int) -> float:
    """The largest KL, in bits, that cannot be noticed in so many characters; see `Recall.chance`."""
    return 2 * _ONE_IN_TWENTY**2 / (characters * math.log(2))


def recall(
    portrait: Portrait,
    report: Report = lambda share: None,
    places: int | None = None,
    seed: int = 0,
) -> Recall:
    """Measure how far back the network remembers: for 2T characters, `LEAST_REACH` at least.

    By `seed`, the `places` (PLACES, or fewer in a large network) are drawn from the text, none twice,
    and the replacements from the frequencies of its characters, never the one that stands there. A
    text too short for this is followed for half its length, and read from fewer characters before.
    Raises ValueError for a text of a single distinct character: nothing can take its place.
    """
    ids = portrait.vocabulary.encode(portrait.text)
    counts = np.bincount(ids)
    if np.count_nonzero(counts) < 2:
        raise ValueError("This text repeats a single character, so none can be put in its place.")
    reach = min(max(LEAST_REACH, 2 * portrait.config.seq_length), len(ids) // 2)
    before = min(WARM_UP, (len(ids) - reach) // 2)
    rng = np.random.default_rng(seed)
    places = places or _affordable(portrait, reach)
    chosen = _drawn_places(rng, range(before, len(ids) - reach), places)
    others = drawn_others(rng, ids[chosen], counts)
    texts = ids[chosen + np.arange(-before, reach + 1)[:, None]]
    change, cost, jog = _measured(portrait, texts, others, before, report)
    return Recall(
        change=change.mean(1),
        change_error=_standard_error(change),
        cost=cost.mean(1),
        cost_error=_standard_error(cost),
        jog=jog.mean(1),
        jog_error=_standard_error(jog),
        unseen=unseen(len(ids)),
        places=len(chosen),
        seq_length=portrait.config.seq_length,
    )


def drawn_others(rng: np.random.Generator, ids: Array, counts: IntArray) -> IntArray:
    """For each character of `ids` another one, drawn by the `counts` (V,) of all the others."""
    ends = np.cumsum(counts)
    # The text's characters are numbered in the vocabulary's order; one's own numbers are left out.
    numbers = rng.integers(0, ends[-1] - counts[ids])
    numbers += np.where(numbers >= ends[ids] - counts[ids], counts[ids], 0)
    return np.asarray(np.searchsorted(ends, numbers, side="right"))


def _affordable(portrait: Portrait, reach: int) -> int:
    """How many places can be followed so far in about ten seconds, from FEWEST_PLACES to PLACES."""
    places = _WHOLE_WORK / (reach * _work(portrait))
    return int(min(PLACES, max(FEWEST_PLACES, places)))


def _work(portrait: Portrait) -> int:
    """How many multiplications one time step of one place takes, in its three versions."""
    H, V = portrait.params["Wxh"].shape
    return int(3 * (H * (H + V) + _PROBABILITY * V))


def _drawn_places(rng: np.random.Generator, places: range, most: int) -> IntArray:
    drawn = rng.choice(len(places), size=min(most, len(places)), replace=False)
    return np.sort(drawn) + places.start


def _standard_error(values: Floats) -> Floats:
    """(n,) of the means over the places of `values` (n, P); 0 for a single place."""
    places = values.shape[1]
    return np.asarray(values.std(1, ddof=min(1, places - 1)) / math.sqrt(places))


def _measured(
    portrait: Portrait, texts: Array, others: Array, before: int, report: Report
) -> Floats:
    """(3, n, P) change, cost and jog at n lags of P places, in bits; one block of places at a time.

    Row `before` of `texts` (before + 1 + n, P) holds the characters that `others` (P,) replace.
    """
    lags, places = len(texts) - before - 1, texts.shape[1]
    size = max(_FEWEST, int(_WORK / _work(portrait)))
    measured = np.empty((3, lags, places))
    for start in range(0, places, size):
        block = slice(start, start + size)
        read, coming = texts[before:-1, block], texts[before + 1 :, block]
        state = _warmed_up(portrait, texts[:before, block], partial(report, start / places))
        for k, three in enumerate(_futures(portrait, read, others[block], state)):
            measured[:, k, block] = _compared(portrait.logits(three), coming[k])
            report((start + (k + 1) / lags * read.shape[1]) / places)
    return measured


def _warmed_up(portrait: Portrait, texts: Array, give_way: Callable[[], None]) -> Array:
    """(P, H) the states after the texts (before, P), from zero."""
    state = np.zeros((texts.shape[1], portrait.config.hidden_size), portrait.hidden.dtype)
    for start in range(0, len(texts), _STEPS):
        state = portrait.states(texts[start : start + _STEPS], state)[-1]
        give_way()
    return state


def _futures(portrait: Portrait, texts: Array, others: Array, state: Array) -> Iterator[Array]:
    """(3, P, H) the states after each row of `texts` (n, P), read from `state` (P, H).

    As the text stands, with its first character replaced by the one of `others`, and with the state
    after the first character jogged.
    """
    first = np.stack([texts[0], others, texts[0]])
    now = portrait.states(first[None], state)[0]
    now[2] = _jogged(now[2])
    yield now
    for start in range(1, len(texts), _STEPS):
        alike = np.repeat(texts[start : start + _STEPS, None], 3, axis=1)
        ahead = portrait.states(alike, now)
        yield from ahead
        now = ahead[-1]


def _jogged(states: Array) -> Array:
    """The states with the last binary digit of each unit changed, up or down."""
    signs = np.random.default_rng(0).choice([-1, 1], states.shape)
    return np.asarray(states + (signs * np.spacing(states)).astype(states.dtype))


def _compared(logits: Array, coming: Array) -> Floats:
    """(3, P) change, cost and jog in bits, from the logits (3, P, V) of the three predictions.

    With p = e^y / z, log(p / q) is y_p - y_q - ln z_p + ln z_q.
    """
    y = np.asarray(logits, np.float64)
    y = y - y.max(-1, keepdims=True)
    exponentials = np.exp(y)
    z = exponentials.sum(-1)
    p, log_z = exponentials[0] / z[0][:, None], np.log(z)
    changed, jogged = (y[0] - other for other in y[1:])
    ratios = [
        np.einsum("pv,pv->p", p, changed) + log_z[1],
        changed[np.arange(len(coming)), coming] + log_z[1],
        np.einsum("pv,pv->p", p, jogged) + log_z[2],
    ]
    compared = (np.stack(ratios) - log_z[0]) / math.log(2)
    np.maximum(compared[::2], 0.0, out=compared[::2])  # rounding cannot make a divergence negative
    return np.asarray(compared)
