"""Which saved states of a run stay: spread evenly over the logarithm of the iterations, and bounded.

Every save is a state on disk; a snapshot is one that stays. The first and the newest two always do
(the last but one stands in if the newest is damaged). Of the others, the first at or after each
iteration of the series 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, ... stays, as long as number
and bytes allow; then those go that lie closest between their neighbours. This depends on what was
recorded alone, never on the clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

MOST = 40  # states of a run
MOST_BYTES = 128 << 20  # of a run, unless the first and the newest two are larger by themselves

_SERIES = (10, 15, 20, 30, 50, 70)  # tenths of a power of ten


@dataclass(frozen=True)
class Snapshot:
    """A saved state: after how many iterations, in which file of the run's folder, how large."""

    iteration: int
    file: str
    bytes: int


def next_due(iteration: int) -> int:
    """The first iteration after this one at which a snapshot is wanted; 1 at 0."""
    power = 10 ** (len(str(iteration)) - 1) if iteration > 0 else 1
    for scale in (power, 10 * power):
        for tenths in _SERIES:
            due = scale * tenths // 10
            if due > iteration:
                return due
    raise AssertionError("the series reaches beyond every number of its own length")


def surplus(recorded: Sequence[Snapshot]) -> list[Snapshot]:
    """Those of the recorded states, oldest first, that do not stay."""
    kept = _first_of_each_step(recorded)
    while _too_much(kept) and len(kept) > 3:
        del kept[_closest(kept)]
    stay = set(kept)
    return [state for state in recorded if state not in stay]


def _first_of_each_step(recorded: Sequence[Snapshot]) -> list[Snapshot]:
    kept: list[Snapshot] = []
    newest = recorded[-2:]
    for state in recorded:
        if not kept or state in newest or next_due(kept[-1].iteration) <= state.iteration:
            kept.append(state)
    return kept


def _too_much(kept: Sequence[Snapshot]) -> bool:
    return len(kept) > MOST or sum(state.bytes for state in kept) > MOST_BYTES


def _closest(kept: Sequence[Snapshot]) -> int:
    """The place, between the first and the newest two, whose neighbours are nearest to each other."""

    def distance(place: int) -> float:
        before, after = kept[place - 1].iteration, kept[place + 1].iteration
        return math.log((after + 1) / (before + 1))

    return min(range(1, len(kept) - 2), key=distance)
