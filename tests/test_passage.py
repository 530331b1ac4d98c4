"""Passages: where they come from, and how they are read."""

from __future__ import annotations

import numpy as np
import pytest

from rnn import Config, Trainer
from rnn.analysis import Portrait, portrait_of
from rnn.analysis.passage import (
    WARM_UP,
    Passage,
    from_text,
    likeliest,
    long_reading,
    read,
    typed,
)
from rnn.vocabulary import UnknownCharacter
from tests.test_units import nobody

TEXT = "the cat sat on the mat, and the rat sat too.\n" * 40


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    trainer = Trainer(TEXT, Config(hidden_size=12, dtype="float64"))
    trainer.advance(steps=300)
    return trainer


@pytest.fixture(scope="module")
def network(trainer: Trainer) -> Portrait:
    return portrait_of(trainer)


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [(0, 5, 0), (7, 5, 7), (-3, 5, 0), (10**9, 5, len(TEXT) - 5), (3, 10**9, 0)],
)
def test_a_passage_of_the_text_lies_within_it(start: int, length: int, expected: int) -> None:
    passage = from_text(TEXT, start, length)
    assert passage.start == expected
    assert passage.text == TEXT[expected : expected + length]
    assert passage.before == TEXT[max(0, expected - WARM_UP) : expected]


def test_a_passage_is_read_as_it_stands_in_the_text(network: Portrait) -> None:
    whole = network.read(network.vocabulary.encode(TEXT[:300]))
    part = read(network, from_text(TEXT, 250, 50))
    np.testing.assert_allclose(part.hidden, whole.hidden[250:], atol=1e-6)
    np.testing.assert_allclose(part.probabilities, whole.probabilities[250:], atol=1e-6)
    np.testing.assert_array_equal(part.ids, whole.ids[250:])


def test_a_sample_is_read_with_the_states_that_wrote_it(
    trainer: Trainer, network: Portrait
) -> None:
    sample = trainer.periodic_sample()
    reading = read(network, Passage(sample.text, continues=True))
    # Row i of a sample is the state that gave character i: the one before it was read.
    np.testing.assert_allclose(reading.before, sample.hidden[0], atol=1e-12)
    np.testing.assert_allclose(reading.hidden[:-1], sample.hidden[1:], atol=1e-9)


def test_characters_that_the_network_does_not_know_are_named_and_left_out(
    network: Portrait,
) -> None:
    passage = typed("the Qat\tsat", network.vocabulary, 100)
    assert passage.text == "the atsat"
    assert passage.left_out is not None
    assert "Q" in passage.left_out
    assert "tab" in passage.left_out
    assert passage.left_out.startswith("Left out: the network does not know the characters")
    assert passage.left_out.count(".") == 1
    assert read(network, passage).hidden.shape == (9, 12)


def test_a_typed_text_is_read_from_nothing(network: Portrait) -> None:
    passage = typed("the mat", network.vocabulary, 4)
    assert passage == Passage("the ")
    ids = network.vocabulary.encode("the ")
    np.testing.assert_array_equal(read(network, passage).hidden, network.states(ids))


@pytest.mark.parametrize("text", ["", "QQQ"])
def test_nothing_to_read_is_an_empty_reading(network: Portrait, text: str) -> None:
    reading = read(network, typed(text, network.vocabulary, 10))
    assert reading.hidden.shape == (0, 12)
    assert reading.probabilities.shape == (0, len(network.vocabulary))


def test_a_passage_with_unknown_characters_is_refused(network: Portrait) -> None:
    with pytest.raises(UnknownCharacter):
        read(network, Passage("Q"))


@pytest.mark.parametrize("count", [3, 99])
def test_the_likeliest_come_first(count: int) -> None:
    probabilities = np.random.default_rng(0).dirichlet(np.ones(6), 40)
    top, values = likeliest(probabilities, count)
    assert top.shape == values.shape == (40, min(count, 6))
    for row, order, shares in zip(probabilities, top, values, strict=True):
        np.testing.assert_array_equal(order, np.argsort(-row)[:count])
        np.testing.assert_array_equal(shares, row[order])


@pytest.mark.parametrize("length", [1, 50, WARM_UP, WARM_UP + 1, 2 * WARM_UP + 7, 1799])
def test_a_long_text_is_read_in_streams_as_in_one_go(network: Portrait, length: int) -> None:
    ids = network.vocabulary.encode(TEXT[:length])
    np.testing.assert_allclose(long_reading(network, ids, nobody), network.states(ids), atol=1e-5)


def test_a_long_reading_says_how_far_it_is(network: Portrait) -> None:
    shares: list[float] = []
    long_reading(network, network.vocabulary.encode(TEXT), shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) > 3
