"""A portrait reads as the trainer does, stands still while training goes on, and silences units."""

from __future__ import annotations

import numpy as np
import pytest

from rnn import Config, Trainer
from rnn.analysis import Portrait, portrait_of
from rnn.network import Unrolled

TEXT = "the cat sat on the mat, and the rat sat too. " * 5


@pytest.fixture
def trainer() -> Trainer:
    trainer = Trainer(TEXT, Config(hidden_size=12, dtype="float64"))
    trainer.advance(steps=40)
    return trainer


@pytest.fixture
def portrait(trainer: Trainer) -> Portrait:
    return portrait_of(trainer)


def test_reading_gives_what_training_computes(trainer: Trainer, portrait: Portrait) -> None:
    ids = trainer.vocabulary.encode(TEXT[:31])
    unrolled = Unrolled(trainer.network, 30)
    unrolled.ids[:, 0] = ids
    unrolled.before[...] = trainer.hidden
    unrolled.forward()
    reading = portrait.read(ids[:-1], trainer.hidden)
    np.testing.assert_allclose(reading.hidden, unrolled.hidden[:, 0], rtol=1e-12)
    np.testing.assert_allclose(reading.probabilities, unrolled.probabilities[:, 0], rtol=1e-10)


def test_many_texts_side_by_side_read_as_each_alone(portrait: Portrait) -> None:
    ids = portrait.vocabulary.encode(TEXT[:60]).reshape(3, 20).T
    starts = np.random.default_rng(0).standard_normal((3, 12))
    together = portrait.states(ids, starts)
    assert together.shape == (20, 3, 12)
    for b in range(3):
        np.testing.assert_allclose(
            together[:, b], portrait.states(ids[:, b], starts[b]), rtol=1e-12
        )


def test_training_on_does_not_move_a_portrait(trainer: Trainer, portrait: Portrait) -> None:
    before = {name: array.copy() for name, array in portrait.params.items()}
    trainer.advance(steps=20)
    assert portrait.iteration == 40
    for name, array in before.items():
        np.testing.assert_array_equal(portrait.params[name], array)
        assert not np.array_equal(trainer.params[name], array)
    with pytest.raises(ValueError, match="read-only"):
        portrait.params["Whh"][0, 0] = 1.0


def test_a_silenced_unit_is_zero_and_reaches_nothing(portrait: Portrait) -> None:
    ids = portrait.vocabulary.encode(TEXT[:40])
    quiet = portrait.silenced([3, 7])
    states = quiet.states(ids, quiet.hidden)
    assert np.all(states[:, [3, 7]] == 0.0)
    cut = {name: array.copy() for name, array in portrait.params.items()}
    kept = [unit for unit in range(12) if unit not in (3, 7)]
    smaller = np.zeros(10)
    for t, character in enumerate(ids):
        smaller = np.tanh(
            cut["Wxh"][kept, character]
            + cut["Whh"][np.ix_(kept, kept)] @ (smaller if t else quiet.hidden[kept])
            + cut["bh"][kept]
        )
        np.testing.assert_allclose(states[t, kept], smaller, rtol=1e-10)
    assert np.any(portrait.states(ids)[:, 3] != 0.0)


def test_float32_networks_are_read_in_float32() -> None:
    trainer = Trainer(TEXT, Config(hidden_size=8))
    reading = portrait_of(trainer).read(trainer.vocabulary.encode("the cat"))
    assert reading.hidden.dtype == np.float32
    assert reading.probabilities.dtype == np.float64
    np.testing.assert_allclose(reading.probabilities.sum(1), 1.0)
