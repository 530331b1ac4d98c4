"""How far back a network remembers: planted memories of known length come out as such."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rnn import Config, Trainer
from rnn.analysis import Portrait, portrait_of
from rnn.analysis import recall as module
from rnn.analysis.recall import LEAST_REACH, Recall, drawn_others, recall, unseen
from rnn.vocabulary import Vocabulary

Array = NDArray[Any]

COINS = "".join(np.random.default_rng(5).choice(list("ab"), 3000))
EVERYWHERE = 10**6
SURE = 8.0  # tanh of it is 1 to seven digits


def planted(text: str, Wxh: Array, Whh: Array, Why: Array, **settings: Any) -> Portrait:
    """A network whose weights are known; its biases are zero."""
    hidden_size = len(Whh)
    arrays = {"Wxh": Wxh, "Whh": Whh, "Why": Why}
    params = {name: np.array(array, np.float64) for name, array in arrays.items()}
    params |= {"bh": np.zeros(hidden_size), "by": np.zeros(len(Why))}
    config = Config(hidden_size=hidden_size, dtype="float64", **settings)
    vocabulary = Vocabulary.from_text(text)
    return Portrait(config, text, len(text), vocabulary, params, np.zeros(hidden_size), 0, 0)


def register(length: int, readout: Array) -> Portrait:
    """Unit 0 is the sign of the last character read, and each further one what the one before was."""
    Wxh, Whh = np.zeros((length, 2)), np.zeros((length, length))
    Wxh[0] = -SURE, SURE
    Whh[np.arange(1, length), np.arange(length - 1)] = SURE
    return planted(COINS, Wxh, Whh, np.stack([-readout, readout]))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


# Networks whose memory is known


def test_a_network_without_recurrence_remembers_one_character() -> None:
    found = recall(planted(COINS, [[-1.0, 1.0]], [[0.0]], [[-0.7], [0.7]]))
    assert found.remembered == 1
    assert not found.endless
    np.testing.assert_array_equal(found.change[1:], 0.0)
    np.testing.assert_array_equal(found.cost[1:], 0.0)


def test_the_change_of_a_known_prediction_is_its_divergence_in_bits() -> None:
    found = recall(planted(COINS, [[-1.0, 1.0]], [[0.0]], [[-0.7], [0.7]]))
    p = sigmoid(1.4 * math.tanh(1.0))
    # The other character turns (p, 1 - p) into (1 - p, p), at every place.
    assert found.change[0] == pytest.approx((2 * p - 1) * math.log2(p / (1 - p)))
    assert found.change_error[0] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("length", [1, 3, 7, 20])
def test_a_shift_register_remembers_its_length(length: int) -> None:
    found = recall(register(length, np.full(length, 0.5)))
    assert found.remembered == length
    assert found.change[:length].min() > 0.1
    assert found.change[length:].max() < 1e-12


def test_a_delay_line_remembers_as_far_as_its_delay_though_it_ignores_what_came_since() -> None:
    found = recall(register(6, np.eye(6)[5]))
    assert found.remembered == 6
    assert found.change[:5].max() < 1e-12
    assert found.change[5] > 1.0


def test_an_integrator_remembers_for_ever() -> None:
    # So small a step that tanh is the identity: the state is the sum of all characters.
    found = recall(planted(COINS, [[-1e-5, 1e-5]], [[1.0]], [[-6e3], [6e3]], seq_length=45))
    assert len(found.lags) == 90
    assert found.endless
    assert found.remembered == 90
    assert found.change[-1] == pytest.approx(found.change[0], rel=0.2)


def test_a_memory_that_fades_by_a_known_factor_falls_by_its_square() -> None:
    # Small differences: KL is quadratic in the difference of the logits, which halves at each step.
    found = recall(planted(COINS, [[-1e-4, 1e-4]], [[0.5]], [[-100.0], [100.0]]))
    np.testing.assert_allclose(found.change[1:12] / found.change[:11], 0.25, rtol=0.01)


def test_a_network_that_has_learned_nothing_yet_remembers_nothing() -> None:
    trainer = Trainer("the cat sat on the mat. " * 60, Config(hidden_size=20))
    found = recall(portrait_of(trainer))
    assert found.remembered == 0
    assert found.helped == 0


def test_a_wild_network_is_not_sold_as_one_that_remembers_for_ever() -> None:
    trainer = Trainer(COINS, Config(hidden_size=60, init_scale=1.0))
    found = recall(portrait_of(trainer))
    # It never calms down; but before long the last digit of a unit matters as much as a character.
    assert found.change[-1] > 1.0
    assert found.jog[0] < 1e-6
    assert found.jog[-1] == pytest.approx(found.change[-1], rel=0.5)
    assert 3 < found.remembered < 50
    assert found.helped == 0


def test_what_serves_the_guess_is_told_from_what_disturbs_it() -> None:
    text = "aabb" * 500  # the character two steps back, turned round, is the one that comes
    Whh = [[0.0, 0.0], [SURE, 0.0]]
    useful = planted(text, [[-SURE, SURE], [0.0, 0.0]], Whh, [[0.0, 2.0], [0.0, -2.0]])
    found = recall(useful)
    assert (found.remembered, found.helped) == (2, 2)
    assert found.cost[1] > 1.0
    harmful = planted(text, [[-SURE, SURE], [0.0, 0.0]], Whh, [[0.0, -2.0], [0.0, 2.0]])
    found = recall(harmful)
    assert (found.remembered, found.helped) == (2, 0)
    assert found.cost[1] < -1.0


# The measure against the plainest way to it


def test_each_lag_is_what_reading_the_changed_text_gives() -> None:
    rng = np.random.default_rng(8)
    text, reach, before = COINS[:40], 20, 10
    network = planted(
        text,
        rng.standard_normal((5, 2)),
        rng.standard_normal((5, 5)) * 0.5,
        rng.standard_normal((2, 5)),
    )
    found = recall(network, places=EVERYWHERE)
    assert len(found.lags) == reach
    assert found.places == len(text) - reach - before
    ids = network.vocabulary.encode(text)
    change, cost = np.zeros((2, reach, found.places))
    for i, place in enumerate(range(before, len(text) - reach)):
        changed = ids.copy()
        changed[place] = 1 - changed[place]
        for k in range(1, reach + 1):
            p, q = (
                network.read(read[place - before : place + k]).probabilities[-1]
                for read in (ids, changed)
            )
            change[k - 1, i] = sum(p * np.log2(p / q))
            cost[k - 1, i] = math.log2(p[ids[place + k]] / q[ids[place + k]])
    root = math.sqrt(found.places)
    np.testing.assert_allclose(found.change, change.mean(1), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(
        found.change_error, change.std(1, ddof=1) / root, rtol=1e-6, atol=1e-12
    )
    np.testing.assert_allclose(found.cost, cost.mean(1), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(found.cost_error, cost.std(1, ddof=1) / root, rtol=1e-6, atol=1e-12)


@pytest.fixture(scope="module")
def learned() -> Portrait:
    trainer = Trainer(
        "one two three four five six seven eight nine ten. " * 20, Config(hidden_size=16)
    )
    trainer.advance(steps=300)
    return portrait_of(trainer)


def test_blocks_and_pieces_change_nothing(
    learned: Portrait, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = recall(learned, places=50)
    monkeypatch.setattr(module, "_WORK", 1.0)
    monkeypatch.setattr(module, "_FEWEST", 7)
    monkeypatch.setattr(module, "_STEPS", 3)
    parts = recall(learned, places=50)
    np.testing.assert_allclose(parts.change, whole.change, rtol=1e-3, atol=1e-9)
    np.testing.assert_allclose(parts.cost, whole.cost, rtol=1e-3, atol=1e-6)


def test_a_seed_gives_the_same_measure_and_another_one_nearly_the_same(learned: Portrait) -> None:
    first, again, other = (recall(learned, places=200, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.change, again.change)
    assert not np.array_equal(first.change, other.change)
    error = np.hypot(first.change_error, other.change_error)
    assert np.all(np.abs(first.change - other.change)[:10] < 5 * error[:10])


def test_it_goes_as_far_as_twice_the_sequence_length_or_the_least_reach() -> None:
    for seq_length, expected in ((5, LEAST_REACH), (40, 80)):
        network = planted(COINS, [[-1.0, 1.0]], [[0.0]], [[-0.7], [0.7]], seq_length=seq_length)
        found = recall(network, places=10)
        np.testing.assert_array_equal(found.lags, np.arange(1, expected + 1))
        assert found.seq_length == seq_length
        assert found.places == 10


@pytest.mark.parametrize("text", ["ab", "aab", "abab", "abcabc"])
def test_very_short_texts_are_measured_as_far_as_they_go(text: str) -> None:
    size = len(set(text))
    network = planted(text, np.ones((2, size)), np.eye(2), np.ones((size, 2)), seq_length=1)
    found = recall(network)
    assert len(found.lags) == len(text) // 2
    assert np.all(np.isfinite([found.change, found.change_error, found.cost, found.cost_error]))


def test_a_text_of_one_character_is_refused_in_words() -> None:
    network = planted("aaaa", [[1.0]], [[0.0]], [[1.0]])
    with pytest.raises(ValueError, match="repeats a single character"):
        recall(network)


# What it is made of


def test_the_bound_is_where_a_reader_of_the_text_errs_once_in_twenty() -> None:
    """Two coins are told apart by the sum of log-likelihood ratios, as `Recall.chance` says."""
    characters, p = 2000, 0.5
    # KL of two nearly even coins is 2 d² nats, or 2 d² / ln 2 bits.
    difference = math.sqrt(unseen(characters) * math.log(2) / 2)
    q = p + difference
    heads = np.random.default_rng(0).binomial(characters, p, 20_000)
    ratio = heads * math.log(p / q) + (characters - heads) * math.log((1 - p) / (1 - q))
    assert np.mean(ratio < 0) == pytest.approx(0.05, abs=0.01)


def test_the_bound_falls_as_the_text_grows() -> None:
    assert unseen(1700) == pytest.approx(0.0046, rel=0.01)
    assert unseen(17_000) == pytest.approx(unseen(1700) / 10)


def made(change: list[float], error: float = 0.0, cost: list[float] | None = None) -> Recall:
    changes, zeros = np.array(change), np.zeros(len(change))
    costs = changes if cost is None else np.array(cost)
    return Recall(changes, zeros + error, costs, zeros + error, zeros, zeros, 0.1, 100, 25)


def test_the_memory_ends_where_the_change_is_no_longer_surely_above_chance() -> None:
    assert made([1.0, 0.5, 0.2, 0.05, 0.0]).remembered == 3
    assert made([1.0, 0.5, 0.2, 0.05, 0.0], error=0.06).remembered == 2
    assert made([0.05, 0.0]).remembered == 0
    assert made([0.0, 0.0, 1.0, 0.0]).remembered == 3
    assert made([1.0, 0.5]).endless
    assert not made([1.0, 0.5, 0.0]).endless


def test_a_character_helps_where_it_is_remembered_and_its_loss_surely_costs() -> None:
    assert made([1.0, 0.5, 0.4, 0.05], 0.1, [1.0, 0.31, 0.29, 0.5]).helped == 2
    assert made([1.0, 0.5, 0.4, 0.05], 0.1, [-1.0, 0.0, 0.0, 0.0]).helped == 0


def test_rounding_that_does_as_much_is_chance() -> None:
    ones = np.ones(4)
    jog, error = np.array([0.0, 0.2, 0.5, 2.0]), np.array([0.0, 0.0, 0.3, 0.0])
    found = Recall(ones, 0 * ones, ones, 0 * ones, jog, error, 0.1, 100, 25)
    np.testing.assert_allclose(found.chance, [0.1, 0.2, 1.1, 2.0])
    assert found.remembered == 2


def test_others_are_drawn_by_their_frequency_and_never_the_same() -> None:
    counts = np.array([10, 0, 30, 60])
    ids = np.repeat([0, 2, 3], 20_000)
    others = drawn_others(np.random.default_rng(0), ids, counts)
    assert np.all(others != ids)
    for own in (0, 2, 3):
        shares = np.bincount(others[ids == own], minlength=4) / 20_000
        expected = np.where(np.arange(4) == own, 0, counts) / (100 - counts[own])
        np.testing.assert_allclose(shares, expected, atol=0.015)


# How it is told about, and ended


def test_it_tells_how_far_it_is_and_ends_when_it_is_told_to(learned: Portrait) -> None:
    shares: list[float] = []
    recall(learned, shares.append, places=60)
    assert shares == sorted(shares)
    assert shares[0] < 0.1
    assert shares[-1] == 1.0
    assert len(shares) > LEAST_REACH

    def stop(share: float) -> None:
        if share > 0.3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        recall(learned, stop, places=60)
