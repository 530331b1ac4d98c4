"""The unit finder finds what was planted, and takes neither chance nor drift for meaning."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from rnn import Config
from rnn.analysis import Portrait
from rnn.analysis.features import FEATURES, observe
from rnn.analysis.units import (
    SHIFTS,
    Finding,
    _best_when_shifted,
    correlations,
    find,
    level,
    shuffled,
)
from rnn.vocabulary import Vocabulary

Array = NDArray[np.float64]
FEATURE = {feature.key: feature for feature in FEATURES}


def nobody(share: float) -> None:
    """Hears how far an analysis is, and does nothing."""


def portrait(text: str, **params: Array) -> Portrait:
    """A network with these weights, on a text of its own; what is not given is zero."""
    vocabulary = Vocabulary.from_text(text)
    units, characters = len(params["Wxh"]), len(vocabulary)
    shapes = {
        "Wxh": (units, characters),
        "Whh": (units, units),
        "Why": (characters, units),
        "bh": (units,),
        "by": (characters,),
    }
    weights = {name: params.get(name, np.zeros(shape)) for name, shape in shapes.items()}
    assert {name: array.shape for name, array in weights.items()} == shapes
    return Portrait(
        config=Config(hidden_size=units, dtype="float64"),
        text=text,
        held_out_start=len(text),
        vocabulary=vocabulary,
        params=weights,
        hidden=np.zeros(units),
        pointer=0,
        iteration=0,
    )


def prose(seed: int, characters: int = 2_000) -> str:
    """Words of random letters, some in brackets, in lines of random lengths."""
    rng = np.random.default_rng(seed)
    alphabet = list("aaeeiioubcdfghlmnrst")
    words: list[str] = []
    while sum(map(len, words)) < characters:
        word = "".join(rng.choice(alphabet, rng.integers(2, 8)))
        if rng.random() < 0.12:
            word = f"({word} {''.join(rng.choice(alphabet, rng.integers(2, 8)))})"
        words.append(word + ("\n" if rng.random() < 0.12 else " "))
    return "".join(words)[:characters]


TEXT = prose(1)
CHARS = Vocabulary.from_text(TEXT).chars


def inputs(weight_of: dict[str, float], others: float = 0.0) -> Array:
    return np.array([weight_of.get(char, others) for char in CHARS])


def random_weights(units: int, seed: int) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {
        "Wxh": rng.standard_normal((units, len(CHARS))),
        "Whh": rng.standard_normal((units, units)) / np.sqrt(units),
        "bh": 0.1 * rng.standard_normal(units),
    }


def planted(seed: int = 0) -> Portrait:
    """Unit 0 copies whether the last letter was a vowel; unit 1 is a latch that ( sets and ) resets;
    unit 2 has an identity for its recurrence, creeps up, and falls at a line break; others are random.
    """
    weights = random_weights(12, seed)
    for name in ("Wxh", "Whh"):
        weights[name][:3] = 0.0
    weights["bh"][:3] = [0.0, -0.1, 0.0]
    letters = {char: 4.0 if char in "aeiou" else -4.0 for char in CHARS if char.isalpha()}
    weights["Wxh"][0] = inputs(letters)
    weights["Whh"][1, 1] = 3.0
    weights["Wxh"][1] = inputs({"(": 8.0, ")": -8.0})
    weights["Whh"][2, 2] = 1.0
    weights["Wxh"][2] = inputs({"\n": -8.0}, others=0.02)
    return portrait(TEXT, **weights)


PLANTED = {(0, "vowel"), (1, "brackets"), (2, "line")}


def above(found: Sequence[Finding]) -> set[tuple[int, str]]:
    return {(one.unit, one.feature.key) for one in found if one.above_chance}


# What was planted


@pytest.mark.parametrize("seed", [0, 1])
def test_the_planted_units_are_found_and_nothing_else(seed: int) -> None:
    findings = find(planted(seed), len(TEXT), nobody)
    # Unit 2 falls at a line break and nowhere else, so it tells that too.
    assert above(findings.ranked()) == PLANTED | {(2, "newline")}
    keys = [feature.key for feature in findings.features]
    assert findings.correlations[keys.index("vowel"), 0] > 0.999
    assert findings.correlations[keys.index("brackets"), 1] > 0.999
    assert findings.correlations[keys.index("line"), 2] > 0.9
    assert {feature.key for feature in findings.too_rare} == {"capital", "quotes"}


def test_what_is_above_chance_stands_first_and_strongest_first() -> None:
    ranked = find(planted(), len(TEXT), nobody).ranked()
    assert {(one.unit, one.feature.key) for one in ranked[:3]} == PLANTED
    assert [one.above_chance for one in ranked] == [True] * 4 + [False] * (len(ranked) - 4)
    for part in (ranked[:4], ranked[4:]):
        sizes = [abs(one.correlation) for one in part]
        assert sizes == sorted(sizes, reverse=True)
    assert len(ranked) == 12 * 6


def test_a_unit_that_does_the_opposite_is_found_with_its_sign() -> None:
    weights = {name: array.copy() for name, array in planted().params.items()}
    weights["Wxh"][0] *= -1.0
    (found,) = [
        one for one in find(portrait(TEXT, **weights), 2_000, nobody).ranked() if one.unit == 0
    ][:1]
    assert found.feature.key == "vowel"
    assert found.correlation < -0.999
    assert found.above_chance


# What chance gives


RANDOM = range(12)


@pytest.fixture(scope="module")
def random_networks() -> list[Portrait]:
    return [portrait(TEXT, **random_weights(16, 100 + seed)) for seed in RANDOM]


def test_random_weights_have_no_meaning(random_networks: list[Portrait]) -> None:
    found = [bool(above(find(network, 1_500, nobody).ranked())) for network in random_networks]
    assert sum(found) <= 2  # 0.6 of them are to be expected


def test_without_shuffled_weights_most_random_networks_would_seem_to_have_one(
    random_networks: list[Portrait],
) -> None:
    text = TEXT[:1_500]
    observed, _ = observe(text)
    rng = np.random.default_rng(0)
    seeming = 0
    for network in random_networks:
        hidden = network.states(network.vocabulary.encode(text))
        by_shifts = level(_best_when_shifted(hidden, observed, rng, nobody))
        seeming += bool((np.abs(correlations(hidden, observed)).max(axis=1) > by_shifts).any())
    assert seeming > len(random_networks) / 2


def drifting(seed: int, places: int) -> Array:
    """(n, 8) states that wander slowly, whatever is read."""
    steps = np.random.default_rng(seed).standard_normal((places, 8))
    states = np.zeros_like(steps)
    for t in range(1, places):
        states[t] = 0.98 * states[t - 1] + 0.2 * steps[t]
    return np.tanh(states)


def test_shifting_the_text_does_not_take_drift_for_meaning_as_permuting_it_would() -> None:
    observed, _ = observe(TEXT)
    slow = [one for one in observed if one.feature.key in ("brackets", "line")]
    rng = np.random.default_rng(0)
    by_shifts = by_permutations = 0
    for seed in range(20):
        hidden = drifting(seed, len(TEXT))
        best = np.abs(correlations(hidden, slow)).max(axis=1)
        by_shifts += bool((best > level(_best_when_shifted(hidden, slow, rng, nobody))).any())
        permuted = [
            np.abs(correlations(rng.permutation(hidden), slow)).max(axis=1) for _ in range(40)
        ]
        by_permutations += bool((best > level(np.array(permuted))).any())
    assert by_shifts <= 3  # 1 of 20 is to be expected
    assert by_permutations >= 15


def test_the_level_is_what_one_draw_in_twenty_exceeds_in_any_feature() -> None:
    rng = np.random.default_rng(0)
    best = np.abs(rng.standard_normal((400, 5))) * [0.01, 0.02, 0.05, 0.1, 0.2]
    exceeding = (np.minimum(best, 1.0) > level(np.minimum(best, 1.0))).any(axis=1).mean()
    assert 0.03 < exceeding <= 0.05


def test_text_that_repeats_itself_proves_nothing() -> None:
    text = "hello " * 60
    found = find(portrait(text, Wxh=np.array([[0.0, 9.0, 9.0, 9.0, 9.0]])), 360, nobody)
    assert above(found.ranked()) == set()
    letter = [feature.key for feature in found.features].index("letter")
    assert found.correlations[letter, 0] == pytest.approx(1.0)
    assert found.chance[letter] == pytest.approx(1.0, abs=1e-6)


# The statistic


def test_correlations_are_those_of_numpy_where_a_feature_applies() -> None:
    observed, _ = observe(TEXT)
    hidden = np.tanh(np.random.default_rng(0).standard_normal((len(TEXT), 5)))
    found = correlations(hidden, observed)
    for row, one in zip(found, observed, strict=True):
        values = one.values
        if one.feature.graded:  # ranks, equals sharing the mean of theirs
            values = np.array([(values < v).sum() + (values == v).sum() / 2 for v in values])
        for unit in range(5):
            expected = np.corrcoef(hidden[one.places, unit], values)[0, 1]
            assert row[unit] == pytest.approx(expected, abs=1e-12)


def test_a_unit_that_stands_still_follows_nothing() -> None:
    observed, _ = observe(TEXT)
    noise = 1e-7 * np.random.default_rng(0).standard_normal((len(TEXT), 3))
    hidden = (np.array([0.0, 0.5, 1.0]) + noise).astype(np.float32)
    np.testing.assert_array_equal(correlations(hidden, observed), 0.0)
    assert np.all(_best_when_shifted(hidden, observed, np.random.default_rng(0), nobody) == 0.0)


def test_shuffling_deals_each_unit_s_weights_out_anew() -> None:
    network = planted()
    other = shuffled(network, np.random.default_rng(0))
    for name in ("Wxh", "Whh"):
        np.testing.assert_array_equal(
            np.sort(other.params[name], axis=1), np.sort(network.params[name], axis=1)
        )
        assert not np.array_equal(other.params[name], network.params[name])
    np.testing.assert_array_equal(other.params["bh"], network.params["bh"])


# As an analysis


def test_the_share_done_rises_to_one() -> None:
    shares: list[float] = []
    find(planted(), 600, shares.append)
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.1
    assert shares[-1] == pytest.approx(1.0)
    assert len(shares) > SHIFTS / 25 * 4


def test_it_ends_when_it_is_told_to() -> None:
    def enough(share: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        find(planted(), 600, enough)


def test_the_same_network_gives_the_same_findings() -> None:
    first, again = find(planted(), 800, nobody), find(planted(), 800, nobody)
    np.testing.assert_array_equal(first.chance, again.chance)
    assert first.ranked() == again.ranked()


def test_a_text_without_any_feature_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="none of the features"):
        find(portrait("0" * 100, Wxh=np.ones((3, 1))), 100, nobody)


def test_a_network_of_one_unit_can_be_looked_into() -> None:
    latch = portrait(TEXT, Wxh=planted().params["Wxh"][1:2], Whh=np.array([[3.0]]))
    assert above(find(latch, 2_000, nobody).ranked()) == {(0, "brackets")}
