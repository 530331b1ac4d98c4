"""Ablation hurts exactly where the planted units serve, by as much as can be worked out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rnn.analysis import Portrait
from rnn.analysis.ablation import (
    CHARACTERS,
    ablate,
    cost_by_character,
    loss,
    rank,
    stretch,
    surprisal,
)
from rnn.analysis.passage import Passage, from_text
from tests.test_units import TEXT as PROSE
from tests.test_units import nobody, portrait, random_weights

TEXT = "(a)a" * 60
K = 20.0  # nats: by so much the right character is likelier than the next one


def remembering() -> Portrait:
    """Unit 0 is a latch that remembers whether a bracket is open, unit 1 says whether an a was read;
    unit 2 answers every character, and nothing listens to it.

    After a bracket comes an a; after an a the other bracket than the last one.
    """
    characters = {"(": 0, ")": 1, "a": 2}
    inputs, recurrent, output = np.zeros((3, 3)), np.zeros((3, 3)), np.zeros((3, 3))
    inputs[0, characters["("]], inputs[0, characters[")"]] = 10.0, -10.0
    recurrent[0, 0] = 3.0
    inputs[1] = [-10.0, -10.0, 10.0]
    inputs[2] = [-1.0, 0.5, 2.0]
    output[characters["a"], 1] = -2 * K
    output[characters[")"], 0], output[characters["("], 0] = K, -K
    return portrait(TEXT, Wxh=inputs, Whh=recurrent, Why=output)


def test_the_whole_network_foresees_the_text() -> None:
    assert loss(remembering(), stretch(remembering(), 200), nobody) < 1e-6


def test_without_the_latch_every_second_character_is_one_bit() -> None:
    found = ablate(remembering(), [0], 40, nobody)
    assert found.units == (0,)
    assert found.characters == len(TEXT) - 1
    assert found.loss < 1e-6
    # The first characters and the last are brackets and a's in turn: 119 of 239 follow an a.
    assert found.cost == pytest.approx(119 / 239, abs=1e-4)
    assert found.silenced_loss == pytest.approx(found.loss + found.cost)


def test_the_cost_falls_on_the_characters_that_the_unit_foretold() -> None:
    cost = cost_by_character(remembering(), from_text(TEXT, 120, 24), [0])
    brackets = np.array([char in "()" for char in TEXT[120:144]])
    np.testing.assert_allclose(cost[brackets], 1.0, atol=1e-6)
    np.testing.assert_allclose(cost[~brackets], 0.0, atol=1e-6)


def test_a_unit_that_nothing_listens_to_costs_nothing_and_changes_no_sample() -> None:
    found = ablate(remembering(), [2], 40, nobody)
    assert found.cost == 0.0
    assert found.without == found.whole
    np.testing.assert_array_equal(
        cost_by_character(remembering(), from_text(TEXT, 8, 40), [2]), 0.0
    )


def test_both_samples_come_from_the_same_random_numbers() -> None:
    found = ablate(remembering(), [0], 40, nobody)
    assert found.whole == TEXT[1:41]
    assert len(found.without) == 40
    # It still writes an a after each bracket, but has forgotten which bracket it was.
    assert set(found.without[1::2]) == {"(", ")"}
    assert set(found.without[::2]) == {"a"}
    assert found.without != found.whole
    assert ablate(remembering(), [0], 40, nobody).without == found.without


def test_silencing_several_units_leaves_what_the_others_know() -> None:
    everything = ablate(remembering(), [2, 0, 1, 0], 10, nobody)
    assert everything.units == (0, 1, 2)
    # Nothing is left but an even guess among three characters.
    assert everything.silenced_loss == pytest.approx(math.log2(3))


def test_the_ranking_names_who_is_missed_most() -> None:
    ranking = rank(remembering(), nobody)
    np.testing.assert_array_equal(ranking.order, [1, 0, 2])
    assert ranking.costs[1] == pytest.approx(120 / 239 * K / math.log(2), rel=1e-2)
    assert ranking.costs[0] == pytest.approx(119 / 239, abs=1e-4)
    assert ranking.costs[2] == pytest.approx(0.0, abs=1e-12)


def test_units_ranked_side_by_side_cost_what_each_costs_alone() -> None:
    rng = np.random.default_rng(1)
    weights = random_weights(9, seed=4)
    weights["Why"] = rng.standard_normal((weights["Wxh"].shape[1], 9))
    network = portrait(PROSE, **weights)
    ranking = rank(network, nobody)
    assert ranking.characters == min(CHARACTERS, len(PROSE) - 1)
    for unit in range(9):
        alone = ablate(network, [unit], 1, nobody)
        assert ranking.costs[unit] == pytest.approx(alone.cost, abs=2e-3)
    assert ranking.loss == pytest.approx(ablate(network, [0], 1, nobody).loss)


def test_a_large_vocabulary_s_loss_is_the_same_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    network = remembering()
    ids = stretch(network, 200)
    whole = loss(network.silenced([0]), ids, nobody)
    monkeypatch.setattr("rnn.analysis.ablation._BYTES", 1000)
    assert loss(network.silenced([0]), ids, nobody) == pytest.approx(whole)


def test_surprisal_is_finite_however_sure_the_network_was() -> None:
    logits = np.array([[0.0, 0.0], [4000.0, -4000.0], [4000.0, -4000.0]])
    np.testing.assert_allclose(
        surprisal(logits, np.array([0, 0, 1])), [1.0, 0.0, 8000.0 / math.log(2)]
    )


@pytest.mark.parametrize("before", ["", "(a)"])
def test_the_first_character_was_expected_only_if_something_stands_before_it(before: str) -> None:
    cost = cost_by_character(remembering(), Passage("a(a)", before), [1])
    assert cost.shape == (4,)
    assert (cost[0] > 1) == bool(before)


@pytest.mark.parametrize("text", ["", "a"])
def test_hardly_any_passage_is_no_trouble(text: str) -> None:
    assert cost_by_character(remembering(), Passage(text), [0]).tolist() == [0.0] * len(text)


@pytest.mark.parametrize(
    ("units", "sentence"),
    [([], "No unit is chosen"), ([3], "numbered from 0 to 2"), ([-1, 0], "numbered from 0 to 2")],
)
def test_what_cannot_be_silenced_is_told(units: list[int], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        ablate(remembering(), units, 10, nobody)


def test_both_analyses_say_how_far_they_are() -> None:
    for work in (
        lambda report: rank(remembering(), report),
        lambda report: ablate(remembering(), [0], 5, report),
    ):
        shares: list[float] = []
        work(shares.append)
        assert shares == sorted(shares)
        assert shares[-1] == pytest.approx(1.0, abs=0.25)
