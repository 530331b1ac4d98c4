"""Sampling: what is drawn, from which distribution, and what it leaves untouched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn import Config, SettingError, Trainer, UnknownCharacter, shape_distribution
from rnn.network import Network
from rnn.sampler import draw, softmax

TEXT = "the cat sat on the mat and the dog ran after the cat. " * 4


def trained(**settings: object) -> Trainer:
    trainer = Trainer(
        TEXT, Config(hidden_size=8, seq_length=6, dtype="float64").replace(**settings)
    )
    trainer.advance(steps=30)
    return trainer


def constant_network(probabilities: list[float]) -> Network:
    """A network that gives the same distribution whatever it has read."""
    network = Network(2, len(probabilities), "float64")
    network.params["by"][...] = np.log(probabilities)
    return network


# -- the distribution ----------------------------------------------------------------------------


def test_shape_distribution_leaves_the_plain_case_alone() -> None:
    p = np.array([0.5, 0.3, 0.2])
    np.testing.assert_allclose(shape_distribution(p, 1.0, 0), p, rtol=1e-15)
    np.testing.assert_allclose(shape_distribution(p, 1.0, 3), p, rtol=1e-15)
    np.testing.assert_allclose(shape_distribution(p, 1.0, 99), p, rtol=1e-15)


def test_shape_distribution_worked_cases() -> None:
    p = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]])
    halves = p**2 / (p**2).sum(-1, keepdims=True)
    np.testing.assert_allclose(shape_distribution(p, 0.5, 0), halves, rtol=1e-12)
    np.testing.assert_allclose(
        shape_distribution(p, 1.0, 2), [[0.625, 0.375, 0.0], [0.25, 0.0, 0.75]], rtol=1e-12
    )  # of the two that tie for the second place the earlier one stays
    np.testing.assert_array_equal(shape_distribution(p, 0.0, 0), [[1, 0, 0], [0, 0, 1]])


def test_shape_distribution_greedy_takes_the_first_of_a_tie() -> None:
    np.testing.assert_array_equal(shape_distribution(np.array([0.2, 0.4, 0.4]), 0.0, 0), [0, 1, 0])


@given(
    weights=st.lists(st.floats(0, 1), min_size=1, max_size=8).filter(lambda w: sum(w) > 0.1),
    temperature=st.sampled_from([0.0, 1e-300, 1e-3, 0.7, 1.0, 5.0]),
    top_k=st.integers(0, 9),
)
def test_shape_distribution_is_a_distribution(
    weights: list[float], temperature: float, top_k: int
) -> None:
    p = np.array(weights) / sum(weights)
    shaped = shape_distribution(p, temperature, top_k)
    assert shaped.sum() == pytest.approx(1.0)
    assert (shaped >= 0).all()
    assert shaped[p.argmax()] == shaped.max()
    if top_k:
        assert np.count_nonzero(shaped) <= top_k
    if temperature == 0:
        assert shaped.max() == 1.0


def test_softmax_of_huge_logits() -> None:
    np.testing.assert_array_equal(softmax(np.array([1e4, -1e4, 1e4])), [0.5, 0.0, 0.5])


@pytest.mark.parametrize(
    ("temperature", "top_k"), [(1.0, 0), (0.5, 0), (3.0, 0), (1.0, 2), (2.0, 3)]
)
def test_characters_are_drawn_from_the_shaped_distribution(temperature: float, top_k: int) -> None:
    p = [0.45, 0.25, 0.2, 0.1]
    n = 20_000
    rng = np.random.default_rng(5)
    network = constant_network(p)
    ids = draw(network, np.zeros(2), np.array([0]), n, temperature, top_k, rng)
    expected = shape_distribution(np.array(p), temperature, top_k)
    # Five standard deviations of a frequency: wrong by chance once in a million.
    deviation = 5 * np.sqrt(expected * (1 - expected) / n)
    assert (np.abs(np.bincount(ids, minlength=4) / n - expected) <= deviation).all()


# -- the trainer's samples -----------------------------------------------------------------------


def test_a_sample_holds_what_it_passed_through() -> None:
    trainer = trained()
    sample = trainer.sample(12, seed=1)
    params, vocabulary = trainer.params, trainer.vocabulary
    assert sample.text == vocabulary.decode(sample.ids)
    assert len(sample.text) == 12
    hidden, character = trainer.hidden, vocabulary.encode(TEXT[trainer.pointer]).item()
    for i in range(12):
        drive = params["Wxh"][:, character] + params["bh"]
        hidden = np.tanh(drive + params["Whh"] @ hidden)
        np.testing.assert_allclose(sample.hidden[i], hidden, rtol=0, atol=1e-12)
        logits = params["Why"] @ hidden + params["by"]
        p = np.exp(logits) / np.exp(logits).sum()
        np.testing.assert_allclose(sample.probabilities[i], p, rtol=0, atol=1e-12)
        character = sample.ids[i]


def test_a_prime_is_read_from_a_zero_hidden_state() -> None:
    trainer = trained()
    sample = trainer.sample(5, prime="the c", seed=3)
    hidden = np.zeros(8)
    for character in trainer.vocabulary.encode("the c"):
        drive = trainer.params["Wxh"][:, character] + trainer.params["bh"]
        hidden = np.tanh(drive + trainer.params["Whh"] @ hidden)
    np.testing.assert_allclose(sample.hidden[0], hidden, rtol=0, atol=1e-12)
    trainer.advance(steps=1)  # another place in the text
    other = Trainer(TEXT, trainer.config)
    other.network.weights[...] = trainer.network.weights
    assert (
        other.sample(5, prime="the c", seed=3).text == trainer.sample(5, prime="the c", seed=3).text
    )


def test_greedy_takes_the_likeliest_every_time() -> None:
    sample = trained().sample(40, temperature=0.0)
    np.testing.assert_array_equal(sample.ids, sample.probabilities.argmax(-1))


def test_top_k_keeps_to_the_likeliest() -> None:
    sample = trained().sample(200, temperature=5.0, top_k=3, seed=1)
    rank = (sample.probabilities > sample.probabilities[np.arange(200), sample.ids, None]).sum(-1)
    assert set(rank) == {0, 1, 2}


def test_top_k_one_is_greedy() -> None:
    trainer = trained()
    assert trainer.sample(30, top_k=1).text == trainer.sample(30, temperature=0.0).text


def test_the_config_gives_temperature_and_top_k() -> None:
    trainer = trained()
    trainer.apply(temperature=0.0)
    assert trainer.sample(30, seed=1).text == trainer.sample(30, temperature=0.0, seed=2).text
    trainer.apply(temperature=1.0, top_k=1)
    assert trainer.sample(30, seed=1).text == trainer.sample(30, temperature=0.0, seed=2).text


def test_a_seed_repeats_itself_and_the_own_stream_goes_on() -> None:
    trainer = trained()
    first, second = trainer.sample(50).text, trainer.sample(50).text
    assert first != second
    assert trainer.sample(50, seed=9).text == trainer.sample(50, seed=9).text
    twin = trained()
    twin.sample(50, seed=9)  # a sample with a seed leaves the stream alone
    assert [twin.sample(50).text, twin.sample(50).text] == [first, second]


def test_an_empty_sample() -> None:
    sample = trained().sample(0)
    assert sample.text == ""
    assert sample.ids.shape == (0,)
    assert sample.probabilities.shape == (0, len(set(TEXT)))
    assert sample.hidden.shape == (0, 8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kinds_of_the_arrays(dtype: str) -> None:
    sample = trained(dtype=dtype).sample(7)
    assert sample.hidden.dtype == dtype
    assert sample.probabilities.dtype == np.float64
    np.testing.assert_allclose(sample.probabilities.sum(-1), 1.0, rtol=1e-12)


def test_what_cannot_be_sampled_is_refused() -> None:
    trainer = trained()
    with pytest.raises(UnknownCharacter, match="Z"):
        trainer.sample(3, prime="the Z")
    with pytest.raises(SettingError):
        trainer.sample(3, temperature=-1.0)
    with pytest.raises(SettingError):
        trainer.sample(3, top_k=-1)
    with pytest.raises(ValueError, match="fewer than 0"):
        trainer.sample(-1)


def test_sampling_of_every_kind_changes_nothing_in_training() -> None:
    quiet, watched = trained(streams=2), trained(streams=2)
    for _ in range(20):
        quiet.step()
        watched.sample(5)
        watched.sample(5, temperature=0.0, prime="cat", seed=1, top_k=2)
        watched.periodic_sample()
        watched.step()
    np.testing.assert_array_equal(quiet.network.weights, watched.network.weights)
    np.testing.assert_array_equal(quiet.hidden_streams, watched.hidden_streams)
    assert quiet.smooth_loss == watched.smooth_loss
    assert quiet.history.diary == watched.history.diary
