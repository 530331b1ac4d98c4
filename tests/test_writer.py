"""A writer writes what the trainer's sample does, however it is cut, and shows every choice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn import Config, SettingError, Trainer, UnknownCharacter, shape_distribution
from rnn.analysis import Portrait, portrait_of
from rnn.analysis.writer import Writer, entropy

TEXT = "the cat sat on the mat, and the rat sat too.\n" * 5


def trained(dtype: str = "float32", seed: int = 0) -> Trainer:
    trainer = Trainer(TEXT, Config(hidden_size=12, seed=seed, dtype=dtype))
    trainer.advance(steps=60)
    return trainer


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    return trained()


@pytest.fixture(scope="module")
def portrait(trainer: Trainer) -> Portrait:
    return portrait_of(trainer)


def planted(probabilities: list[float]) -> Portrait:
    """A network that expects the same whatever it has read."""
    trainer = Trainer("abcd" * 20, Config(hidden_size=2, init_scale=0.0, dtype="float64"))
    trainer.params["by"][...] = np.log(probabilities)
    return portrait_of(trainer)


# -- the same as the trainer -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("prime", ["", "the c", "\n"])
@pytest.mark.parametrize(("temperature", "top_k"), [(1.0, 0), (0.0, 0), (0.4, 3), (2.5, 0), (1, 1)])
def test_a_seed_writes_what_the_trainer_samples(
    dtype: str, prime: str, temperature: float, top_k: int
) -> None:
    trainer = trained(dtype)
    sample = trainer.sample(150, temperature=temperature, prime=prime, seed=7, top_k=top_k)
    writer = Writer(portrait_of(trainer), prime, seed=7)
    assert writer.write(150, temperature, top_k) == sample.text
    np.testing.assert_array_equal(writer.ids, sample.ids)
    for index in (0, 1, 149):
        choice = writer.choice(index)
        np.testing.assert_array_equal(choice.hidden, sample.hidden[index])
        np.testing.assert_allclose(choice.before, sample.probabilities[index], rtol=1e-5)
    drawn = sample.probabilities[np.arange(150), sample.ids]
    np.testing.assert_allclose(writer.probabilities, drawn, rtol=1e-5)


def test_writing_does_not_touch_training() -> None:
    quiet, watched = trained(), trained()
    Writer(portrait_of(watched), "the", seed=1).write(50)
    quiet.step()
    watched.step()
    np.testing.assert_array_equal(quiet.network.weights, watched.network.weights)
    assert quiet.sample(50).text == watched.sample(50).text


@given(cuts=st.lists(st.integers(0, 70), max_size=5), seed=st.integers(0, 2**32 - 1))
def test_the_text_is_the_same_however_it_is_cut(
    portrait: Portrait, cuts: list[int], seed: int
) -> None:
    whole, pieces = Writer(portrait, seed=seed), Writer(portrait, seed=seed)
    for cut in cuts:
        pieces.write(cut, 0.8, 5)
    for _ in range(3):
        pieces.step(0.8, 5)
    assert whole.write(sum(cuts) + 3, 0.8, 5) == pieces.text
    np.testing.assert_array_equal(whole.probabilities, pieces.probabilities)


# -- what a step shows ------------------------------------------------------------------------------


def test_a_step_shows_the_distribution_before_and_after() -> None:
    writer = Writer(planted([0.5, 0.25, 0.125, 0.125]), seed=3)
    plain = writer.step()
    np.testing.assert_allclose(plain.before, [0.5, 0.25, 0.125, 0.125], rtol=1e-12)
    np.testing.assert_allclose(plain.after, plain.before, rtol=1e-12)
    assert plain.entropy_before == pytest.approx(1.75)
    assert plain.entropy_after == pytest.approx(1.75)
    pair = writer.step(top_k=2)
    np.testing.assert_allclose(pair.after, [2 / 3, 1 / 3, 0, 0], rtol=1e-12)
    assert pair.entropy_before == pytest.approx(1.75)
    assert pair.entropy_after == pytest.approx(np.log2(3) - 2 / 3)
    greedy = writer.step(temperature=0.0)
    assert greedy.entropy_after == 0.0
    assert greedy.character == 0
    hot = writer.step(temperature=2.0)
    np.testing.assert_allclose(hot.after, shape_distribution(hot.before, 2.0, 0), rtol=1e-12)
    assert hot.entropy_after > hot.entropy_before
    assert writer.text[2] == "a"
    assert [writer.choice(i).top_k for i in range(4)] == [0, 2, 0, 0]


def test_a_step_shows_what_was_drawn_and_from_which_state(portrait: Portrait) -> None:
    writer = Writer(portrait, "the c", seed=5)
    choices = [writer.step(1.3) for _ in range(20)]
    assert portrait.vocabulary.decode([choice.character for choice in choices]) == writer.text
    read = portrait.read(portrait.vocabulary.encode("the c" + writer.text))
    np.testing.assert_allclose(
        np.stack([choice.hidden for choice in choices]), read.hidden[4:24], atol=1e-5
    )
    for index, choice in enumerate(choices):
        assert writer.probabilities[index] == pytest.approx(choice.before[choice.character])
        again = writer.choice(index)
        np.testing.assert_array_equal(again.before, choice.before)
        assert again.temperature == 1.3


def test_the_temperature_may_change_on_the_way(portrait: Portrait) -> None:
    changing, steady = Writer(portrait, "the", seed=2), Writer(portrait, "the", seed=2)
    steady.write(30, 1.0)
    changing.write(10, 1.0)
    changing.write(20, 0.0)
    assert changing.text[:10] == steady.text[:10]
    for index in range(10, 30):
        choice = changing.choice(index)
        assert choice.character == choice.before.argmax()


def test_entropy_worked_cases() -> None:
    np.testing.assert_allclose(
        entropy(np.array([[0.5, 0.5, 0, 0], [0.25, 0.25, 0.25, 0.25], [1, 0, 0, 0]])), [1, 2, 0]
    )


def test_the_work_is_reported_and_can_be_ended() -> None:
    trainer = Trainer(TEXT, Config(hidden_size=400))
    shares: list[float] = []

    def stop_half_way(share: float) -> None:
        shares.append(share)
        if share >= 0.5:
            raise InterruptedError

    writer = Writer(portrait_of(trainer))
    with pytest.raises(InterruptedError):
        writer.write(100, report=stop_half_way)
    assert 50 <= len(writer) < 70
    assert shares == sorted(shares)
    assert len(shares) > 3


# -- what cannot be written ------------------------------------------------------------------------


def test_an_unknown_prime_is_one_sentence_that_names_the_characters(portrait: Portrait) -> None:
    with pytest.raises(UnknownCharacter, match="Z, 🙂"):
        Writer(portrait, "the Z🙂")


def test_settings_out_of_range_are_refused_and_nothing_is_written(portrait: Portrait) -> None:
    writer = Writer(portrait)
    for settings in ({"temperature": -1.0}, {"temperature": float("nan")}, {"top_k": -1}):
        with pytest.raises(SettingError):
            writer.step(**settings)
        with pytest.raises(SettingError):
            writer.write(5, **settings)
    assert len(writer) == 0
    assert writer.text == ""
    assert writer.probabilities.shape == (0,)


def test_a_single_character_vocabulary_can_only_repeat_itself() -> None:
    writer = Writer(portrait_of(Trainer("a" * 30, Config(hidden_size=1, seq_length=1))))
    choice = writer.step(2.0, 5)
    assert choice.entropy_before == choice.entropy_after == 0.0
    assert writer.write(4) == "aaaa"
