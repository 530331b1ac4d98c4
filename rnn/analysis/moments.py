"""Similar moments: the places of the text at which the network is in nearly the same state.

Two states are compared by the root mean square of their difference, unit by unit: 0 is the same state
and 2 the furthest that two can be apart. It is the Euclidean distance over sqrt(H), so that networks
of all sizes are read on one scale. Euclidean and not cosine, because what the network does next, Why·h
and Whh·h, can differ by no more than the matrix's norm times that distance; two states that only
point the same way, one of them near zero, foretell quite different things.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnn.analysis.passage import WARM_UP
from rnn.analysis.portrait import Portrait, Report
from rnn.network import Array
from rnn.vocabulary import IntArray

Floats = NDArray[np.float32]

COUNT = 10
"""How many moments are looked for."""

APART = 10
"""Characters that moments are at least apart, from one another and from the place that is looked at."""

LONGEST_SHARED = 60
"""The characters that two places share are counted up to here."""

STREAMS = 64
"""Parts of a long text that are read side by side, at most."""

_WORK = 4e7  # multiplications between two reports
_MOST_STEPS = 64


@dataclass(frozen=True)
class Moment:
    """A place of the text (of the last character read) and how far its state is from the chosen one.

    `shared` is the number of characters that read the same up to both places, at most LONGEST_SHARED.
    """

    place: int
    distance: float
    shared: int


@dataclass(frozen=True)
class Similar:
    """The moments that are most like the one at `place`, nearest first.

    `typical` is the median distance from it, over all the `compared` places of the text.
    """

    place: int
    moments: tuple[Moment, ...]
    typical: float
    compared: int


def similar(
    portrait: Portrait,
    place: int,
    report: Report = lambda share: None,
    unlike: int = 0,
    count: int = COUNT,
) -> Similar:
    """The `count` places with the states nearest to the one after the character at `place`.

    Places whose last `unlike` characters are all the same as there are passed over, none if it is 0:
    what remains looks alike to the network alone. Raises ValueError if `place` is not in the text.
    """
    ids = portrait.vocabulary.encode(portrait.text)
    if not 0 <= place < len(ids):
        raise ValueError(f"There is no character {place + 1:,}: the text has {len(ids):,}.")
    distances = _distances(portrait, ids, place, report)
    distances[max(0, place - APART + 1) : place + APART] = np.inf
    if unlike:
        distances[_alike(ids, place, unlike)] = np.inf
    compared = distances[np.isfinite(distances)]
    return Similar(
        place=place,
        moments=tuple(
            Moment(near, float(distances[near]), _shared(ids, place, near))
            for near in nearest(distances, count)
        ),
        typical=float(np.median(compared)) if len(compared) else 0.0,
        compared=len(compared),
    )


def nearest(distances: Floats, count: int) -> list[int]:
    """The places of the smallest `distances` (n,), no two nearer than APART; infinite ones never."""
    few = min(len(distances), count * 2 * APART)  # one place keeps at most 2·APART - 2 others out
    candidates = np.argpartition(distances, few - 1)[:few]
    chosen: list[int] = []
    for place in candidates[np.argsort(distances[candidates], kind="stable")].tolist():
        if len(chosen) == count or not np.isfinite(distances[place]):
            break
        if all(abs(place - other) >= APART for other in chosen):
            chosen.append(place)
    return chosen


def _alike(ids: Array, place: int, length: int) -> NDArray[np.bool_]:
    """(n,) whether the last `length` characters, or as many as `place` has, are the same as there."""
    length = min(length, place + 1)
    alike = np.zeros(len(ids), bool)
    alike[length - 1 :] = True
    for back in range(length):
        alike[length - 1 :] &= ids[length - 1 - back : len(ids) - back] == ids[place - back]
    return alike


def _shared(ids: Array, one: int, other: int) -> int:
    length = min(one, other, LONGEST_SHARED - 1) + 1
    differ = ids[one - length + 1 : one + 1] != ids[other - length + 1 : other + 1]
    return int(np.argmax(differ[::-1])) if differ.any() else length


# Reading the whole text


def _distances(portrait: Portrait, ids: IntArray, place: int, report: Report) -> Floats:
    """(n,) the distance of each place's state from that of `place`; no more than a block of states is kept.

    The text is cut into consecutive parts that are read side by side, each from zero and from WARM_UP
    characters before it, the first one from the beginning.
    """
    length = max(WARM_UP, -(-max(0, len(ids) - WARM_UP) // STREAMS))
    starts = np.arange(0, max(1, len(ids) - WARM_UP), length)
    target = _state_at(portrait, ids, place, length, report)
    distances = np.empty((WARM_UP + length, len(starts)), np.float32)
    padded = np.concatenate([ids, np.zeros(WARM_UP + length, ids.dtype)])
    for rows, states in _states(portrait, padded, starts, WARM_UP + length):
        differences = states - target
        distances[rows] = np.sqrt(np.square(differences, out=differences).mean(-1))
        report(rows.stop / len(distances))
    first, later = distances[:WARM_UP, 0], distances[WARM_UP:].T.ravel()
    return np.concatenate([first, later])[: len(ids)]


def _state_at(portrait: Portrait, ids: IntArray, place: int, length: int, report: Report) -> Array:
    """(H,) the state after the character at `place`, read from where its part of the text is read."""
    start = max(0, (place - WARM_UP) // length * length)
    state = portrait.zero
    for _, states in _states(portrait, ids, np.array([start]), place + 1 - start):
        state = states[-1, 0]
        report(0.0)
    return state


def _states(
    portrait: Portrait, ids: IntArray, starts: IntArray, steps: int
) -> Iterator[tuple[slice, Array]]:
    """Blocks of the states (rows, B, H) while reading `steps` characters from each of the B starts."""
    size = portrait.config.hidden_size
    block = int(min(_MOST_STEPS, max(1, _WORK / (len(starts) * size**2))))
    state = np.zeros((len(starts), size), portrait.hidden.dtype)
    for first in range(0, steps, block):
        rows = slice(first, min(first + block, steps))
        states = portrait.states(ids[np.arange(rows.start, rows.stop)[:, None] + starts], state)
        state = states[-1]
        yield rows, states
