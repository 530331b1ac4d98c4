"""The trainer: exact steps, windows, live changes, divergence, states, and how little it costs."""

from __future__ import annotations

import gc
import math
import os
import subprocess
import sys
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from rnn import Config, Divergence, SettingError, TextError, Trainer
from rnn.network import PARAMETERS, Unrolled
from rnn.optimisers import OPTIMISERS
from rnn.threads import single_thread
from tests.reference import PlainLoop, column, loss_and_gradients

VERSE = "one two three four five, once I caught a fish alive. " * 20
SMALL = Config(hidden_size=8, seq_length=6, dtype="float64")


def plain_loop(trainer: Trainer) -> PlainLoop:
    """The plain loop in the trainer's present state."""
    loop = PlainLoop(
        trainer.vocabulary.encode(trainer.text), trainer.params, trainer.config.seq_length
    )
    loop.squares = {
        name: column(squares) for name, squares in trainer.optimiser_memory["squares"].items()
    }
    loop.hidden, loop.pointer = column(trainer.hidden), trainer.pointer
    loop.smooth_loss = trainer.smooth_loss
    return loop


def assert_same_run(one: Trainer, other: Trainer) -> None:
    """Equal bit for bit in everything that training changes."""
    a, b = one.state(), other.state()
    assert a.arrays.keys() == b.arrays.keys()
    for name, array in a.arrays.items():
        np.testing.assert_array_equal(array, b.arrays[name], err_msg=name)
    for name in ("config", "optimiser_steps", "last_rate", "iteration", "epoch", "generators"):
        assert getattr(a, name) == getattr(b, name), name
    assert one.pointer == other.pointer
    assert (one.smooth_loss, one.characters_seen) == (other.smooth_loss, other.characters_seen)
    mine, others = a.history.to_arrays(), b.history.to_arrays()
    for name, array in mine.items():
        np.testing.assert_array_equal(array, others[name], err_msg=name)


# -- exactness -----------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    hidden_size=st.integers(1, 12),
    seq_length=st.integers(1, 9),
    text=st.text(min_size=10, max_size=60),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_step_equals_the_plain_loop(
    hidden_size: int, seq_length: int, text: str, seed: int
) -> None:
    config = Config(
        hidden_size=hidden_size, seq_length=seq_length, seed=seed, init_scale=0.3, dtype="float64"
    )
    trainer = Trainer(text, config)
    for _ in range(14):  # beyond the end of most of the texts
        loop = plain_loop(trainer)
        record, loss = trainer.step(), loop.step()
        assert record.loss == pytest.approx(loss, rel=0, abs=1e-9)
        assert trainer.smooth_loss == pytest.approx(loop.smooth_loss, rel=0, abs=1e-9)
        for name in PARAMETERS:
            for mine, plain in (
                (trainer.params, loop.params),
                (trainer.gradients, loop.gradients),
                (trainer.optimiser_memory["squares"], loop.squares),
            ):
                np.testing.assert_allclose(
                    mine[name], plain[name].reshape(mine[name].shape), rtol=0, atol=1e-9
                )
        if loop.pointer + seq_length + 1 >= len(text):
            assert trainer.pointer == 0
            assert not trainer.hidden.any()
        else:
            assert trainer.pointer == loop.pointer
            np.testing.assert_allclose(trainer.hidden, loop.hidden.ravel(), rtol=0, atol=1e-9)


def test_streams_are_the_mean_of_independent_windows() -> None:
    streams = 3
    trainer = Trainer(VERSE, SMALL.replace(streams=streams, init_scale=0.3, clip=0.05))
    part = len(VERSE) // streams
    ids = trainer.vocabulary.encode(VERSE)
    for _ in range(part // 6 + 3):  # over the wrap
        params = {name: column(value) for name, value in trainer.params.items()}
        starts = [b * part + trainer.pointer for b in range(streams)]
        alone = [
            loss_and_gradients(
                params,
                ids[start : start + 6].tolist(),
                ids[start + 1 : start + 7].tolist(),
                column(hidden),
            )
            for start, hidden in zip(starts, trainer.hidden_streams, strict=True)
        ]
        record = trainer.step()
        assert record.loss == pytest.approx(np.mean([one[0] for one in alone]), abs=1e-9)
        for name, gradient in trainer.gradients.items():
            mean = np.mean([one[1][name] for one in alone], axis=0).reshape(gradient.shape)
            np.testing.assert_allclose(gradient, mean.clip(-0.05, 0.05), rtol=0, atol=1e-9)
        if trainer.pointer:
            after = [one[2].ravel() for one in alone]
            np.testing.assert_allclose(trainer.hidden_streams, after, rtol=0, atol=1e-9)
    assert trainer.epoch == 1
    assert trainer.hidden.shape == (8,)


def test_float32_follows_float64_for_a_step() -> None:
    single, double = Trainer(VERSE, SMALL.replace(dtype="float32")), Trainer(VERSE, SMALL)
    assert single.step().loss == pytest.approx(double.step().loss, rel=1e-6)
    assert single.params["Wxh"].dtype == np.float32
    for name in PARAMETERS:
        np.testing.assert_allclose(single.gradients[name], double.gradients[name], atol=1e-5)


def test_records_and_the_smooth_loss() -> None:
    trainer = Trainer(VERSE, SMALL)
    smooth = -math.log(1 / len(set(VERSE))) * 6
    assert trainer.smooth_loss == pytest.approx(smooth, rel=1e-15)
    for iteration in range(5):
        record = trainer.step()
        smooth = 0.999 * smooth + 0.001 * record.loss
        assert (record.iteration, trainer.iteration) == (iteration, iteration + 1)
        assert record.smooth_loss == trainer.smooth_loss == pytest.approx(smooth, rel=1e-14)
    assert trainer.characters_seen == 30
    assert trainer.history.curve().loss_last[-1] == record.loss / 6


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_learns(optimiser: str, dtype: str) -> None:
    rate = {"adagrad": 0.1, "sgd": 0.01, "rmsprop": 0.01, "adam": 0.01}[optimiser]
    config = Config(
        hidden_size=16, seq_length=10, learning_rate=rate, optimiser=optimiser, dtype=dtype
    )
    trainer = Trainer("012" * 40, config)
    assert trainer.advance(steps=400).loss < 1.0  # an even guess loses 11 nats
    following = trainer.text[trainer.pointer + 1 :][:6]
    assert trainer.sample(6, temperature=0.0).text == following


# -- windows of the text -------------------------------------------------------------------------


def test_windows_go_left_to_right_and_start_over() -> None:
    text = "abcdefghijklmnop"  # 16 characters: windows at 0, 5; then 10 + 5 + 1 >= 16
    trainer = Trainer(text, SMALL.replace(seq_length=5))
    pointers, windows, epochs = [], [], []
    for _ in range(5):
        pointers.append(trainer.pointer)
        assert trainer.hidden.any() == (trainer.pointer > 0)
        trainer.step()
        window = trainer.last_window
        assert window is not None
        windows.append(trainer.vocabulary.decode(window.inputs))
        assert text.index(trainer.vocabulary.decode(window.targets)) == pointers[-1] + 1
        epochs.append(trainer.epoch)
    assert pointers == [0, 5, 0, 5, 0]
    assert windows == ["abcde", "fghij", "abcde", "fghij", "abcde"]
    assert epochs == [0, 0, 1, 1, 2]


def test_the_shortest_text_there_can_be() -> None:
    trainer = Trainer("ab", SMALL.replace(seq_length=1))
    assert [trainer.step().iteration for _ in range(3)] == [0, 1, 2]
    assert (trainer.pointer, trainer.epoch) == (0, 2)


@pytest.mark.parametrize(
    ("text", "settings_"),
    [
        ("", {}),
        ("abcdef", {}),
        ("abcdefg" * 2, {"streams": 3}),
        ("abcdefghij", {"held_out": 0.5}),
        ("abcdefghij", {"seq_length": 10}),
    ],
)
def test_a_text_too_short_is_refused(text: str, settings_: dict[str, object]) -> None:
    with pytest.raises(TextError, match="needs at least") as caught:
        Trainer(text, SMALL.replace(**settings_))
    assert str(caught.value).count(".") == 1


def test_any_text_will_do() -> None:
    odd = "naïve \ud800 𝔘𝔫𝔦 \x00\r\n" * 5  # a lone surrogate, beyond the 16-bit plane, controls
    trainer = Trainer(odd, SMALL)
    trainer.advance(steps=20)
    assert set(trainer.sample(30).text) <= set(odd)
    assert math.isfinite(trainer.smooth_loss)


def test_a_single_character() -> None:
    trainer = Trainer("aaaaaaaaaa", SMALL)
    record = trainer.advance(steps=5)
    assert (record.loss, record.smooth_loss) == (0.0, 0.0)
    assert trainer.sample(3).text == "aaa"


def test_settings_beyond_the_memory_are_refused() -> None:
    big = {"seq_length": 500, "streams": 256, "hidden_size": 1024}
    with pytest.raises(SettingError, match="GB of memory"):
        Trainer(VERSE * 200, Config(**big))
    trainer = Trainer(VERSE * 200, Config(**(big | {"seq_length": 1})))
    with pytest.raises(SettingError, match="GB of memory"):
        trainer.apply(seq_length=500)
    assert trainer.config.seq_length == 1


# -- however the calls are cut -------------------------------------------------------------------


@pytest.mark.parametrize("streams", [1, 2])
def test_however_the_steps_are_cut_the_run_is_the_same(streams: int) -> None:
    config = SMALL.replace(dtype="float32", streams=streams, held_out=0.2, sample_interval=7)
    steps = 530
    at_once, singly, by_time, mixed = (Trainer(VERSE, config) for _ in range(4))
    at_once.advance(steps=steps)
    for _ in range(steps):
        singly.step()
    while by_time.iteration < steps:
        by_time.advance(seconds=0.003, should_stop=lambda: by_time.iteration >= steps)
    mixed.advance(steps=200)
    mixed.advance(seconds=60, steps=steps - 201)
    mixed.step()
    assert len(at_once.history.diary) > 3
    assert len(at_once.history.held_out()[0]) == 2
    for other in (singly, by_time, mixed):
        assert_same_run(at_once, other)


def test_advance_by_time_takes_what_fits() -> None:
    trainer = Trainer(VERSE, SMALL)
    assert trainer.advance(seconds=0.0).iteration == 0
    assert trainer.advance(seconds=-1.0).iteration == 1
    assert trainer.advance(seconds=0.05).iteration > 5


def test_advance_asks_after_every_step() -> None:
    trainer = Trainer(VERSE, SMALL)
    asked: list[int] = []

    def should_stop() -> bool:
        asked.append(trainer.iteration)
        return trainer.iteration == 4

    assert trainer.advance(steps=100, should_stop=should_stop).iteration == 3
    assert asked == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "arguments", [{}, {"steps": 0}, {"steps": -3, "seconds": 1.0}, {"seconds": math.nan}]
)
def test_advance_refuses_what_means_nothing(arguments: dict[str, float]) -> None:
    trainer = Trainer(VERSE, SMALL)
    with pytest.raises(ValueError, match="advance needs"):
        trainer.advance(**arguments)
    assert trainer.iteration == 0


# -- live settings -------------------------------------------------------------------------------


def test_a_live_change_acts_on_the_next_iteration_and_leaves_an_event() -> None:
    trainer = Trainer(VERSE, SMALL)
    trainer.advance(steps=3)
    trainer.apply(learning_rate=0.02, clip=5.0)  # the clip is what it was
    (event,) = trainer.history.events
    assert (event.iteration, event.kind, event.name) == (3, "setting", "learning_rate")
    assert (event.old, event.new) == ("0.1", "0.02")
    before = trainer.network.weights.copy()
    trainer.step()
    squares = np.concatenate([m.ravel() for m in trainer.optimiser_memory["squares"].values()])
    gradient = np.concatenate([g.ravel() for g in trainer.gradients.values()])
    change = np.sort(np.abs(trainer.network.weights - before))
    np.testing.assert_allclose(
        change, np.sort(np.abs(0.02 * gradient / np.sqrt(squares + 1e-8))), rtol=1e-6, atol=1e-15
    )


def test_the_clip_bounds_every_element_and_zero_is_off() -> None:
    clipped = Trainer(VERSE, SMALL.replace(clip=0.01))
    clipped.step()
    assert np.abs(clipped.network.gradient).max() == 0.01
    free = Trainer(VERSE, SMALL.replace(clip=0.0))
    free.step()
    assert np.abs(free.network.gradient).max() > 0.1
    np.testing.assert_array_equal(free.network.gradient.clip(-0.01, 0.01), clipped.network.gradient)


def test_the_sequence_length_changes_live() -> None:
    trainer = Trainer(VERSE, SMALL)
    trainer.advance(steps=4)
    hidden, pointer, smooth = trainer.hidden, trainer.pointer, trainer.smooth_loss
    trainer.apply(seq_length=10)
    np.testing.assert_array_equal(trainer.hidden, hidden)
    assert trainer.pointer == pointer == 24
    assert trainer.smooth_loss == pytest.approx(smooth * 10 / 6)
    assert trainer.last_window is not None
    assert len(trainer.last_window.inputs) == 6  # still the last step's
    loop = plain_loop(trainer)
    assert trainer.step().loss == pytest.approx(loop.step(), abs=1e-9)
    assert trainer.pointer == 34
    assert len(trainer.last_window.inputs) == 10
    assert trainer.characters_seen == 34


def test_the_sequence_length_decides_at_the_step_whether_to_start_over() -> None:
    trainer = Trainer("abcdefghijklmnop", SMALL.replace(seq_length=5))
    trainer.advance(steps=2)
    assert trainer.pointer == 0
    trainer.apply(seq_length=2)  # now a window fits before the end
    assert trainer.pointer == 10
    assert trainer.hidden.any()
    trainer.step()
    assert (trainer.pointer, trainer.epoch) == (12, 0)


def test_what_cannot_change_live_is_refused_and_changes_nothing() -> None:
    trainer = Trainer(VERSE, SMALL)
    config = trainer.config
    with pytest.raises(SettingError, match="reset"):
        trainer.apply(hidden_size=9)
    with pytest.raises(SettingError):
        trainer.apply(learning_rate=0.2, clip=-1)
    with pytest.raises(SettingError):
        trainer.apply(colour="red")
    short = Trainer("abcdefghij", config)
    with pytest.raises(TextError):
        short.apply(learning_rate=0.2, seq_length=10)
    for one in (trainer, short):
        assert one.config == config
        assert one.history.events == ()


# -- what the page asks --------------------------------------------------------------------------


def test_params_are_live_and_writable() -> None:
    trainer = Trainer(VERSE, SMALL)
    trainer.params["bh"][...] = 3.0
    trainer.params["Wxh"][2, 1] = -7.0
    loop = plain_loop(trainer)
    assert trainer.step().loss == pytest.approx(loop.step(), abs=1e-9)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_last_update_is_what_the_step_added(optimiser: str) -> None:
    trainer = Trainer(VERSE, SMALL.replace(optimiser=optimiser, learning_rate=0.01))
    assert not any(update.any() for update in trainer.last_update().values())
    for _ in range(3):
        before = {name: value.copy() for name, value in trainer.params.items()}
        trainer.step()
        trainer.apply(learning_rate=trainer.config.learning_rate / 2)  # for the next one
        for name, update in trainer.last_update().items():
            np.testing.assert_allclose(
                update, trainer.params[name] - before[name], rtol=0, atol=1e-12
            )


def test_effective_rate_of_adagrad() -> None:
    trainer = Trainer(VERSE, SMALL)
    trainer.advance(steps=3)
    for name, rate in trainer.effective_rate().items():
        expected = 0.1 / np.sqrt(trainer.optimiser_memory["squares"][name] + 1e-8)
        np.testing.assert_allclose(rate, expected, rtol=1e-12)


def test_initial_params_stay_what_the_seed_drew() -> None:
    trainer = Trainer(VERSE, SMALL)
    first = {name: value.copy() for name, value in trainer.params.items()}
    trainer.advance(steps=5)
    for name, value in trainer.initial_params.items():
        np.testing.assert_array_equal(value, first[name])
        assert not np.array_equal(value, trainer.params[name])


def test_the_last_window_belongs_to_the_last_step() -> None:
    trainer = Trainer(VERSE, SMALL.replace(streams=2))
    assert trainer.last_window is None
    trainer.advance(steps=2)
    before = {name: column(value) for name, value in trainer.params.items()}
    hidden = column(trainer.hidden)
    trainer.step()
    window = trainer.last_window
    assert window is not None
    assert trainer.vocabulary.decode(window.inputs) == VERSE[12:18]
    assert trainer.vocabulary.decode(window.targets) == VERSE[13:19]
    assert (window.hidden.shape, window.probabilities.shape) == ((6, 8), (6, len(set(VERSE))))
    np.testing.assert_array_equal(window.hidden[-1], trainer.hidden)
    _, _, after = loss_and_gradients(before, window.inputs, window.targets, hidden)
    np.testing.assert_allclose(window.hidden[-1], after.ravel(), atol=1e-9)
    np.testing.assert_allclose(window.probabilities.sum(-1), 1.0)
    kept = window.hidden.copy()
    trainer.step()
    np.testing.assert_array_equal(window.hidden, kept)  # a copy, not a view


def plain_held_out_loss(trainer: Trainer, text: str) -> float:
    params = {name: column(value) for name, value in trainer.params.items()}
    ids = trainer.vocabulary.encode(text).tolist()
    present = column(trainer.hidden)
    return loss_and_gradients(params, ids[:-1], ids[1:], present)[0] / (len(ids) - 1)


def test_held_out_loss() -> None:
    trainer = Trainer(VERSE, SMALL.replace(held_out=0.1))
    assert trainer.held_out_start == 954
    trainer.advance(steps=50)
    assert trainer.held_out_loss() == pytest.approx(plain_held_out_loss(trainer, VERSE[954:]))
    assert trainer.history.held_out()[0].tolist() == [0]
    window = trainer.last_window
    assert window is not None
    trainer.held_out_loss()
    np.testing.assert_array_equal(window.hidden, trainer.last_window.hidden)


def test_a_long_held_out_part_is_read_in_chunks() -> None:
    trainer = Trainer(VERSE * 5, SMALL.replace(held_out=0.5))
    text = trainer.text[trainer.held_out_start :]
    chunks = [text[start : start + 251] for start in range(0, 2000, 250)]
    expected = np.mean([plain_held_out_loss(trainer, chunk) for chunk in chunks])
    assert trainer.held_out_loss() == pytest.approx(expected)


def test_training_never_reads_the_held_out_part() -> None:
    ending = VERSE[:-200] + VERSE[:200][::-1]
    one, other = (Trainer(text, SMALL.replace(held_out=0.2)) for text in (VERSE, ending))
    one.advance(steps=300)
    other.advance(steps=300)
    np.testing.assert_array_equal(one.network.weights, other.network.weights)
    assert one.held_out_loss() != other.held_out_loss()


@pytest.mark.parametrize("held_out", [0.0, 1e-3])
def test_no_held_out_loss_without_a_held_out_part(held_out: float) -> None:
    trainer = Trainer(VERSE, SMALL.replace(held_out=held_out))
    trainer.advance(steps=2)
    assert trainer.held_out_loss() is None
    assert trainer.history.held_out()[0].size == 0


def test_the_diary_is_drawn_with_the_same_numbers_each_time() -> None:
    trainer = Trainer(VERSE, SMALL.replace(sample_interval=10, sample_length=30))
    trainer.step()
    (first,) = trainer.history.diary
    assert (first.iteration, len(first.text)) == (0, 30)
    assert first.text == trainer.periodic_sample().text
    assert first.nats_per_char == trainer.smooth_loss / 6
    trainer.advance(steps=20)
    assert [entry.iteration for entry in trainer.history.diary] == [0, 10, 20]
    assert trainer.history.diary[-1].text == trainer.periodic_sample().text


# -- divergence ----------------------------------------------------------------------------------


@pytest.mark.parametrize("streams", [1, 2])
@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_run_that_runs_away_goes_back(optimiser: str, dtype: str, streams: int) -> None:
    rate = 0.1 if optimiser == "adagrad" else 1e-3
    config = Config(
        hidden_size=20,
        seq_length=15,
        learning_rate=rate,
        clip=0.0,
        optimiser=optimiser,
        dtype=dtype,
        streams=streams,
    )
    trainer, calm = Trainer(VERSE, config), Trainer(VERSE, config)
    trainer.advance(steps=250)
    calm.advance(steps=200)
    trainer.apply(learning_rate=100.0)
    with pytest.raises(Divergence) as caught:
        trainer.advance(steps=500)
    divergence = caught.value
    assert 250 <= divergence.iteration < 750
    assert (divergence.restored, trainer.iteration) == (200, 200)
    assert divergence.reason in str(divergence)

    np.testing.assert_array_equal(trainer.network.weights, calm.network.weights)
    np.testing.assert_array_equal(trainer.hidden_streams, calm.hidden_streams)
    assert trainer.smooth_loss == calm.smooth_loss
    assert [event.kind for event in trainer.history.events] == ["diverged", "setting"]
    assert trainer.config.learning_rate == 100.0  # the person's settings stay as they are
    assert trainer.last_window is not None
    assert np.isfinite(trainer.last_window.probabilities).all()

    trainer.apply(learning_rate=rate)
    trainer.advance(steps=100)
    calm.advance(steps=100)
    np.testing.assert_array_equal(trainer.network.weights, calm.network.weights)


def test_a_second_divergence_keeps_the_memory_of_the_first() -> None:
    trainer = Trainer(VERSE, SMALL.replace(learning_rate=100.0, clip=0.0, optimiser="sgd"))
    for _ in range(2):
        with pytest.raises(Divergence):
            trainer.advance(steps=300)
        assert trainer.iteration == 0
    assert [event.kind for event in trainer.history.events] == ["diverged", "diverged"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, math.nan) for name in PARAMETERS),
        *((name, value) for name in ("Why", "by") for value in (math.inf, 1e30)),
    ],
)
def test_broken_weights_are_caught(name: str, value: float) -> None:
    trainer = Trainer(VERSE, SMALL.replace(dtype="float32", clip=0.0))
    trainer.advance(steps=2)
    trainer.params[name][...] = -value
    trainer.params[name][:1] = value
    with pytest.raises(Divergence):
        trainer.advance(steps=200)
    assert np.isfinite(trainer.network.weights).all()
    trainer.advance(steps=5)
    assert math.isfinite(trainer.smooth_loss)


def test_a_state_that_is_running_away_is_not_kept() -> None:
    trainer = Trainer(VERSE, SMALL)
    trainer.advance(steps=199)
    trainer.params["by"][...] = 0.0
    trainer.params["by"][0] = 80.0  # 25 times an even guess, yet below the limit
    trainer.step()
    trainer.params["bh"][...] = math.nan
    with pytest.raises(Divergence) as caught:
        trainer.step()
    assert caught.value.restored == 0


# -- states --------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_a_restored_state_goes_on_as_if_nothing_had_happened(optimiser: str) -> None:
    config = SMALL.replace(optimiser=optimiser, learning_rate=0.01, sample_interval=5)
    trainer = Trainer(VERSE, config)
    trainer.advance(steps=30)
    trainer.sample(3)
    state = trainer.state()
    trainer.apply(seq_length=9)
    trainer.advance(steps=40)
    trainer.apply(learning_rate=0.05)
    trainer.sample(3)
    trainer.advance(steps=40)
    away = trainer.state()

    trainer.restore(state)
    fork = Trainer(VERSE, config)
    fork.restore(state)
    straight = Trainer(VERSE, config)
    straight.advance(steps=30)
    straight.sample(3)
    for one in (trainer, fork, straight):
        one.advance(steps=25)
    assert_same_run(trainer, straight)
    assert_same_run(fork, straight)
    assert state.iteration == 30
    trainer.restore(away)
    assert (trainer.iteration, trainer.config.seq_length) == (110, 9)


def test_after_a_restore_a_divergence_goes_back_to_it() -> None:
    trainer = Trainer(VERSE, SMALL)
    trainer.advance(steps=50)
    state = trainer.state()
    trainer.advance(steps=200)
    trainer.restore(state)
    trainer.params["bh"][...] = math.nan
    with pytest.raises(Divergence) as caught:
        trainer.step()
    assert caught.value.restored == 50


def test_a_state_of_another_network_is_refused() -> None:
    state = Trainer(VERSE, SMALL).state()
    with pytest.raises(ValueError, match="built differently"):
        Trainer(VERSE, SMALL.replace(hidden_size=9)).restore(state)
    with pytest.raises(ValueError, match="built differently"):
        Trainer(VERSE + "Z", SMALL).restore(state)


# -- costs ---------------------------------------------------------------------------------------


def test_a_step_allocates_nothing_of_the_models_size() -> None:
    trainer = Trainer(VERSE, Config(hidden_size=256, seq_length=10, held_out=0.1))
    tracemalloc.start()
    try:
        # Past the first state that is kept, some of the diary, and a step that is measured in detail.
        trainer.advance(steps=520)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        trainer.advance(steps=400)
        gc.collect()
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < trainer.network.weights.nbytes
    assert after - before < 20_000  # a few diary entries


def test_threads_are_limited_inside_and_given_back() -> None:
    def threads() -> list[int]:
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    before = threads()
    seen: list[list[int]] = []
    trainer = Trainer(VERSE, SMALL)
    with single_thread():
        trainer.advance(steps=1, should_stop=lambda: bool(seen.append(threads())))
        assert set(threads()) == {1}  # the inner one has left, the outer one still holds
    assert set(seen[0]) == {1}
    assert threads() == before


SINGLE = """
import numpy as np
from threadpoolctl import threadpool_info
{first}
from rnn.threads import single_thread
with single_thread():
    pass
np.ones((300, 300)) @ np.ones((300, 300))
print([pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"])
"""


@pytest.mark.parametrize(
    "first",
    ["from rnn.threads import stay_single; stay_single()", "import ui.loop"],
    ids=["asked for", "in the dashboard"],
)
def test_a_program_may_stay_with_one_thread(first: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SINGLE.format(first=first)],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.strip() == "[1]"


def test_the_unrolled_rows_share_one_buffer() -> None:
    trainer = Trainer(VERSE, SMALL)
    unrolled = Unrolled(trainer.network, 4, 1)
    rows = [row for _, _, row in unrolled._forward_rows]
    for earlier, later in pairwise(rows):
        assert later.ctypes.data - earlier.ctypes.data == (8 + 1) * 8
