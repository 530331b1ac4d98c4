"""In which order to show hidden units: by their numbers, by activity, or with like beside like."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rnn.network import Array

Floats = NDArray[np.float64]
Order = NDArray[np.intp]


def activity(hidden: Array) -> Floats:
    """(H,) each unit's standard deviation over the states (n, H); 0 where nothing has been read."""
    if len(hidden) == 0:
        return np.zeros(hidden.shape[1])
    return np.asarray(hidden.std(axis=0, dtype=np.float64))


def by_activity(hidden: Array) -> Order:
    """(H,) the units by falling activity over the states (n, H); equals stay in their order."""
    return np.argsort(-activity(hidden), kind="stable")


def by_similarity(hidden: Array) -> Order:
    """(H,) the units, those that do nearly the same, or the opposite, next to each other.

    Average linkage on 1 - |correlation| over the states (n, H), found by nearest-neighbour chains
    (Murtagh 1983), so that H units take about H² steps of work; where two clusters join, the two
    ends that are most alike meet (Gruvaeus and Wainer 1972).
    """
    between = _distances(hidden)
    return _leaves(_joins(between.copy()), between)


def rows(hidden: Array, how: str, most: int, kept: int) -> Order:
    """(at most `most`,) the most active units and the unit `kept`, in one of the `ORDERS`.

    With no more units than `most` these are all of them. Raises KeyError for another order.
    """
    chosen = by_activity(hidden)[:most]
    if kept not in chosen:
        chosen[-1] = kept
    return ORDERS[how](hidden, chosen)


ORDERS: dict[str, Callable[[Array, Order], Order]] = {
    "number": lambda hidden, units: np.sort(units),
    "activity": lambda hidden, units: units,
    "similarity": lambda hidden, units: units[by_similarity(hidden[:, units])],
}
"""How to put units (k,), given by falling activity, in order."""


def _distances(hidden: Array) -> Floats:
    """(H, H) 1 - |correlation|; a unit that never changes is at distance 1 from all others."""
    centred = hidden - hidden.mean(axis=0, dtype=np.float64) if len(hidden) else hidden
    length = np.sqrt(np.square(centred).sum(axis=0, dtype=np.float64))
    standard = centred / np.where(length > 0, length, 1.0)
    distances = 1.0 - np.abs(standard.T @ standard)
    return np.asarray(np.clip(distances, 0.0, 1.0), np.float64)


def _joins(distances: Floats) -> list[tuple[int, int]]:
    """H - 1 pairs of clusters that join, each named by a member; the first name stays.

    Average linkage never makes a cluster nearer to a third one than both its parts were, so two
    that are each other's nearest may join at once, whatever else is still to come.
    """
    size = np.ones(len(distances))
    np.fill_diagonal(distances, np.inf)
    joins: list[tuple[int, int]] = []
    chain: list[int] = []
    while len(joins) < len(distances) - 1:
        if not chain:
            chain.append(int(np.argmax(size > 0)))
        top = chain[-1]
        nearest = int(distances[top].argmin())
        before = chain[-2] if len(chain) > 1 else -1
        if before < 0 or distances[top, nearest] < distances[top, before]:
            chain.append(nearest)
            continue
        del chain[-2:]
        _join(distances, size, before, top)
        joins.append((before, top))
    return joins


def _join(distances: Floats, size: Floats, kept: int, gone: int) -> None:
    total = size[kept] + size[gone]
    mean = (size[kept] * distances[kept] + size[gone] * distances[gone]) / total
    mean[[kept, gone]] = np.inf
    distances[kept] = distances[:, kept] = mean
    distances[gone] = distances[:, gone] = np.inf
    size[kept], size[gone] = total, 0.0


def _leaves(joins: list[tuple[int, int]], between: Floats) -> Order:
    rows = {unit: [unit] for unit in range(len(between))}
    for kept, gone in joins:
        rows[kept] = _side_by_side(rows[kept], rows.pop(gone), between)
    (order,) = rows.values()
    return np.array(order, np.intp)


def _side_by_side(left: list[int], right: list[int], between: Floats) -> list[int]:
    """The two rows as one, each turned so that the most alike of their ends meet."""
    ways = [
        (between[a[-1], b[0]], turn, a + b)
        for turn, (a, b) in enumerate(
            [(left, right), (left, right[::-1]), (left[::-1], right), (left[::-1], right[::-1])]
        )
    ]
    return min(ways)[2]
