"""Surprise: planted networks whose surprisal is known, n-gram models worked by hand, strange texts."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rnn import Config, Trainer
from rnn.analysis import Portrait, portrait_of
from rnn.analysis.interpolated import ORDERS, surprisals
from rnn.analysis.surprise import GUESSES, MOST_CHARACTERS, Surprise, surprise

TEXT = "the cat sat on the mat, and the rat sat too.\n" * 5


def quiet(share: float) -> None:
    assert 0.0 <= share <= 1.0


def read(portrait: Portrait, text: str) -> Surprise:
    return surprise(portrait, text, quiet)


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    trainer = Trainer(TEXT, Config(hidden_size=12, dtype="float64"))
    trainer.advance(steps=200)
    return trainer


@pytest.fixture(scope="module")
def portrait(trainer: Trainer) -> Portrait:
    return portrait_of(trainer)


def copier(strength: float = 20.0) -> Portrait:
    """A network that expects the character it has just read, with near certainty."""
    trainer = Trainer("abcd" * 20, Config(hidden_size=4, init_scale=0.0, dtype="float64"))
    trainer.params["Wxh"][...] = 5.0 * np.eye(4)
    trainer.params["Why"][...] = strength * np.eye(4)
    return portrait_of(trainer)


# -- the network -----------------------------------------------------------------------------------


def test_a_network_that_expects_repeats_is_surprised_by_changes() -> None:
    found = read(copier(), "aaabbb")
    assert np.isnan(found.bits[0])
    np.testing.assert_allclose(found.bits[[1, 2, 4, 5]], 0.0, atol=1e-6)
    # a change: -log2 of about e^-20
    assert found.bits[3] == pytest.approx(20 * math.tanh(5) / math.log(2), rel=1e-3)
    assert found.scored == 5
    assert found.total == pytest.approx(np.nansum(found.bits))
    assert found.mean == pytest.approx(found.total / 5)
    assert found.guesses[3, 0] == 0  # it expected a
    assert found.shares[3, 0] == pytest.approx(1.0)


def test_an_even_guesser_pays_log2_of_the_vocabulary() -> None:
    trainer = Trainer("abcd" * 20, Config(hidden_size=3, init_scale=0.0))
    found = read(portrait_of(trainer), "abcddcba")
    np.testing.assert_allclose(found.bits[1:], 2.0)
    assert found.mean == pytest.approx(2.0)
    np.testing.assert_allclose(found.shares[1:], 0.25)


def test_surprisals_are_those_of_the_distributions_read(portrait: Portrait) -> None:
    text = TEXT[7:90]
    found = read(portrait, text)
    ids = portrait.vocabulary.encode(text)
    p = portrait.read(ids).probabilities
    np.testing.assert_allclose(
        found.bits[1:], -np.log2(p[np.arange(len(ids) - 1), ids[1:]]), rtol=1e-9
    )
    np.testing.assert_array_equal(found.guesses[1:, 0], p[:-1].argmax(1))
    np.testing.assert_allclose(found.shares[1:], -np.sort(-p, 1)[:-1, :GUESSES], rtol=1e-9)


def test_long_texts_are_read_in_one_go_however_they_are_cut(portrait: Portrait) -> None:
    text = (TEXT * 10)[:1300]  # longer than one chunk
    found = read(portrait, text)
    ids = portrait.vocabulary.encode(text)
    p = portrait.read(ids).probabilities
    bits = -np.log2(p[np.arange(len(ids) - 1), ids[1:]])
    np.testing.assert_allclose(found.bits[1:], bits, rtol=1e-9)


def test_what_is_nearly_impossible_is_still_finite() -> None:
    found = read(copier(strength=5000.0), "ab")
    assert math.isfinite(found.total)
    assert found.total == pytest.approx(5000 * math.tanh(5) / math.log(2), rel=1e-6)


def test_a_trained_network_knows_its_text_from_a_shuffled_one(portrait: Portrait) -> None:
    shuffled = "".join(np.random.default_rng(0).permutation(list(TEXT[:90])))
    ordered, mixed = read(portrait, TEXT[:90]).mean, read(portrait, shuffled).mean
    assert ordered is not None
    assert mixed is not None
    assert ordered + 2.0 < mixed


# -- unknown characters ----------------------------------------------------------------------------


def test_unknown_characters_are_passed_over_as_if_they_were_not_there(portrait: Portrait) -> None:
    plain, strange = read(portrait, "the cat"), read(portrait, "Ωth🙂e c<at\ud800")
    assert strange.unknown == ("<", "Ω", "\ud800", "🙂")
    known = [1, 2, 4, 5, 6, 8, 9]
    np.testing.assert_array_equal(strange.bits[known], plain.bits)
    np.testing.assert_array_equal(strange.guesses[known], plain.guesses)
    np.testing.assert_array_equal(strange.models[:, known], plain.models)
    assert np.isnan(strange.bits[[0, 3, 7, 10]]).all()
    assert strange.scored == plain.scored == 6
    # The unknown ones take places in the sum, so that it may be added up in another order.
    assert strange.total == pytest.approx(plain.total, rel=1e-14)


@pytest.mark.parametrize("text", ["", "t", "🙂", "t🙂", "🙂🙂🙂"])
def test_a_text_with_nothing_to_predict_has_no_mean(portrait: Portrait, text: str) -> None:
    found = read(portrait, text)
    assert (found.scored, found.total, found.mean, found.model_means) == (0, 0.0, None, None)
    assert found.bits.shape == (len(text),)
    assert found.models.shape == (len(ORDERS), len(text))


def test_a_hundred_thousand_characters_are_read_up_to_the_limit(portrait: Portrait) -> None:
    found = read(portrait, TEXT * 450)
    assert len(found.text) == len(found.bits) == MOST_CHARACTERS


def test_small_vocabularies_have_fewer_guesses() -> None:
    found = read(portrait_of(Trainer("ab" * 30, Config(hidden_size=1, seq_length=1))), "abab")
    assert found.guesses.shape == (4, 2)
    np.testing.assert_allclose(found.shares[1:].sum(1), 1.0)


# -- the models ------------------------------------------------------------------------------------


def models(text: str, other: str, held_out: float = 0.0) -> np.ndarray:
    config = Config(hidden_size=1, seq_length=1, held_out=held_out)
    portrait = portrait_of(Trainer(text, config))
    return 2.0 ** -surprisals(portrait, portrait.vocabulary.encode(other), quiet)


def test_models_worked_by_hand() -> None:
    # "abac": a twice, b and c once. N = 4, D = 3, V = 3.
    p = models("abac", "ab")
    one_a, one_b = (2 + 3 / 3) / (4 + 3), (1 + 3 / 3) / (4 + 3)
    np.testing.assert_allclose(p[0], [1 / 3, 1 / 3])
    np.testing.assert_allclose(p[1], [one_a, one_b])
    # After a come b and c, once each: (1 + 2 P1(b)) / (2 + 2). The first character has nothing before.
    two_b = (1 + 2 * one_b) / 4
    np.testing.assert_allclose(p[2], [one_a, two_b])
    np.testing.assert_allclose(p[3], [one_a, two_b])
    # "ba" is followed by c, once; b always by a.
    p = models("abac", "bac")
    two_c = (1 + 2 * one_b) / 4
    np.testing.assert_allclose(p[2, 2], two_c)
    np.testing.assert_allclose(p[3, 2], (1 + 1 * two_c) / 2)
    # c is followed by nothing: the model with the shorter context answers.
    np.testing.assert_allclose(models("abac", "ca")[2, 1], one_a)


def test_models_are_distributions() -> None:
    text = "abracadabra alakazam "
    chars = sorted(set(text))
    for context in ("", "a", "ab", "zz", "ra"):
        p = np.stack([models(text, context + char)[:, -1] for char in chars])
        np.testing.assert_allclose(p.sum(0), 1.0, rtol=1e-12)
        assert (p > 0).all()


def test_models_do_not_count_the_held_out_part() -> None:
    text = "ab" * 40 + "cd" * 10
    p = models(text, "cd", held_out=0.2)
    np.testing.assert_allclose(p[1, 0], (0 + 2 / 4) / (80 + 2))
    np.testing.assert_allclose(p[2, 1], p[1, 1])


def test_models_count_across_the_borders_of_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    other = "the rat sat, the mat"
    whole = models(TEXT, other)
    monkeypatch.setattr("rnn.analysis.interpolated._CHUNK", 7)
    np.testing.assert_allclose(models(TEXT, other), whole, rtol=1e-12)


def test_longer_contexts_pay_less_on_their_own_text_and_the_network_is_compared_fairly(
    portrait: Portrait,
) -> None:
    found = read(portrait, TEXT[:120])
    means = found.model_means
    assert means is not None
    assert means[0] == pytest.approx(math.log2(len(portrait.vocabulary)))
    assert means[0] > means[1] > means[2] > means[3]
    scored = ~np.isnan(found.bits)
    np.testing.assert_array_equal(~np.isnan(found.models), np.broadcast_to(scored, (4, 120)))


def test_the_work_is_reported_and_can_be_ended(portrait: Portrait) -> None:
    shares: list[float] = []

    def stop(share: float) -> None:
        shares.append(share)
        if share > 0.6:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        surprise(portrait, TEXT, stop)
    assert shares == sorted(shares)
    surprise(portrait, TEXT, shares.append)
    assert shares[-1] == 1.0
