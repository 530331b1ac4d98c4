"""Orders of units: by activity, and with like beside like."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from rnn.analysis.ordering import _distances, _joins, activity, by_activity, by_similarity, rows

Array = NDArray[np.float64]


def families(seed: int, of: int = 4, members: int = 5, length: int = 200) -> tuple[Array, Array]:
    """States (n, H) of units that repeat `of` patterns, each with some noise and either sign; shuffled.

    Also (H,) the pattern of each unit.
    """
    rng = np.random.default_rng(seed)
    family = rng.permutation(np.repeat(np.arange(of), members))
    patterns = rng.standard_normal((length, of))
    signs = rng.choice([-1.0, 1.0], len(family))
    noise = 0.2 * rng.standard_normal((length, len(family)))
    return np.tanh(patterns[:, family] * signs + noise), family


def test_activity_is_the_standard_deviation() -> None:
    hidden = np.array([[0.0, 1.0, -0.5], [0.0, -1.0, 0.5], [0.0, 1.0, -0.5], [0.0, -1.0, 0.5]])
    np.testing.assert_allclose(activity(hidden), [0.0, 1.0, 0.5])
    np.testing.assert_array_equal(by_activity(hidden), [1, 2, 0])


def test_units_as_active_as_each_other_stay_in_their_order() -> None:
    np.testing.assert_array_equal(by_activity(np.zeros((5, 4))), [0, 1, 2, 3])


@pytest.mark.parametrize("seed", range(5))
def test_units_of_one_family_stand_together_whatever_their_sign(seed: int) -> None:
    hidden, family = families(seed)
    order = by_similarity(hidden)
    assert sorted(order) == list(range(len(family)))
    changes = np.count_nonzero(np.diff(family[order]))
    assert changes == 3


def naive_clusters(distances: Array) -> set[frozenset[int]]:
    """The clusters of average linkage, found by looking at every pair each time."""
    clusters = [frozenset([unit]) for unit in range(len(distances))]
    found = set()
    while len(clusters) > 1:
        one, other = min(
            combinations(clusters, 2),
            key=lambda pair: distances[np.ix_(sorted(pair[0]), sorted(pair[1]))].mean(),
        )
        clusters = [cluster for cluster in clusters if cluster not in (one, other)] + [one | other]
        found.add(one | other)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_the_clusters_are_those_of_average_linkage(seed: int) -> None:
    distances = _distances(np.random.default_rng(seed).standard_normal((9, 14)))
    members = {unit: frozenset([unit]) for unit in range(14)}
    found = set()
    for kept, gone in _joins(distances.copy()):
        members[kept] |= members.pop(gone)
        found.add(members[kept])
    assert found == naive_clusters(distances)


def test_the_ends_that_are_most_alike_meet() -> None:
    # A chain: each unit is like the next, and the ends have nothing in common.
    waves = np.linspace(0, np.pi / 2, 9)
    hidden = np.concatenate([np.cos(waves)[None], np.sin(waves)[None]])
    hidden = np.concatenate([hidden, -hidden])
    shuffle = np.random.default_rng(3).permutation(9)
    order = shuffle[by_similarity(hidden[:, shuffle])]
    between = _distances(hidden)
    along = between[order[1:], order[:-1]].sum()
    assert along < 0.3 * between.mean() * 8


@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (5, 1), (1, 1), (4, 2)])
def test_few_characters_or_units_are_no_trouble(shape: tuple[int, int]) -> None:
    hidden = np.random.default_rng(0).standard_normal(shape)
    for order in (by_activity(hidden), by_similarity(hidden)):
        assert sorted(order) == list(range(shape[1]))


def test_units_that_stand_still_do_not_disturb_the_others() -> None:
    hidden, family = families(0)
    hidden = np.concatenate([np.full((len(hidden), 3), 0.7), hidden], axis=1).astype(np.float32)
    order = by_similarity(hidden)
    moving = [int(unit) - 3 for unit in order if unit > 2]
    assert np.count_nonzero(np.diff(family[moving])) == 3


@pytest.mark.parametrize("how", ["number", "activity", "similarity"])
def test_of_many_units_the_most_active_are_shown_and_the_one_that_is_looked_at(how: str) -> None:
    hidden = np.random.default_rng(0).standard_normal((50, 30)) * 1.5 ** np.arange(30)
    shown = rows(hidden, how, most=10, kept=3)
    assert sorted(shown) == [3, *range(21, 30)]
    assert sorted(rows(hidden, how, most=10, kept=25)) == list(range(20, 30))
    assert sorted(rows(hidden, how, most=30, kept=3)) == list(range(30))


def test_each_order_is_what_it_says() -> None:
    hidden, family = families(2)
    hidden *= np.linspace(0.1, 1.0, len(family))
    np.testing.assert_array_equal(rows(hidden, "number", 99, 0), np.arange(len(family)))
    np.testing.assert_array_equal(rows(hidden, "activity", 99, 0), by_activity(hidden))
    assert np.count_nonzero(np.diff(family[rows(hidden, "similarity", 99, 0)])) == 3
    with pytest.raises(KeyError):
        rows(hidden, "beauty", 99, 0)
