"""A snapshot holds the trainer's own figures, and nothing that is done to it reaches the trainer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rnn import Config, Trainer
from rnn.snapshot import (
    HISTOGRAM_BINS,
    SATURATION,
    Histogram,
    Snapshot,
    axis_limit,
    draw_live_sample,
    spectral_radius,
    take,
)

Array = NDArray[Any]
TEXT = "It was the best of times, it was the worst of times.\n" * 8
SMALL = Config(hidden_size=7, seq_length=9, sample_length=25, held_out=0.2)


def trained(steps: int, config: Config = SMALL) -> Trainer:
    trainer = Trainer(TEXT, config)
    if steps:
        trainer.advance(steps=steps)
    return trainer


def snapshot_of(trainer: Trainer) -> Snapshot:
    live = draw_live_sample(trainer, 12)
    radius = spectral_radius(trainer.params["Whh"])
    return take(trainer, trainer.initial_params, live, radius)


def arrays_in(value: object) -> Iterator[Array]:
    """Every array that can be reached from `value`."""
    if isinstance(value, np.ndarray):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from arrays_in(getattr(value, field.name))
    elif isinstance(value, Mapping):
        yield from arrays_in(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from arrays_in(item)


def bits(trainer: Trainer) -> dict[str, bytes]:
    """Everything that training changes."""
    state = trainer.state()
    written = {name: array.tobytes() for name, array in state.arrays.items()}
    for name, array in state.history.to_arrays().items():
        written[f"history/{name}"] = array.tobytes()
    written["rest"] = repr(
        (state.iteration, state.pointer, state.smooth_loss, state.generators)
    ).encode()
    return written


# Copies


@pytest.mark.parametrize("steps", [0, 1, 30])
def test_whatever_is_done_to_a_snapshot_the_trainer_goes_on_as_if_nobody_looked(steps: int) -> None:
    watched, alone = trained(steps), trained(steps)
    arrays = list(arrays_in(snapshot_of(watched)))
    assert len(arrays) > 20
    for array in arrays:
        if array.flags.writeable:  # moments are shared, and sealed instead
            array.fill(1)
    assert bits(watched) == bits(alone)
    watched.advance(steps=10)
    alone.advance(steps=10)
    assert bits(watched) == bits(alone)
    for mine, other in zip(
        arrays_in(snapshot_of(watched)), arrays_in(snapshot_of(alone)), strict=True
    ):
        np.testing.assert_array_equal(mine, other)


def test_the_trainer_going_on_leaves_a_snapshot_as_it_was() -> None:
    trainer = trained(20)
    snapshot = snapshot_of(trainer)
    before = [array.copy() for array in arrays_in(snapshot)]
    trainer.advance(steps=50)
    for array, copy in zip(arrays_in(snapshot), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_no_array_of_a_snapshot_lies_in_the_trainer_s_memory() -> None:
    trainer = trained(20)
    snapshot = snapshot_of(trainer)
    own = [*trainer.params.values(), *trainer.gradients.values()]
    own += [array for slot in trainer.optimiser_memory.values() for array in slot.values()]
    for array in arrays_in(snapshot):
        assert not any(np.shares_memory(array, other) for other in own)


# What it says


def test_a_fresh_run_has_no_window_no_loss_and_no_sample() -> None:
    trainer = trained(0)
    snapshot = take(trainer, trainer.initial_params, None, None)
    assert (snapshot.iteration, snapshot.epoch, snapshot.characters_seen) == (0, 0, 0)
    assert snapshot.loss is None
    assert snapshot.window is None
    assert snapshot.live_sample is None
    assert len(snapshot.curve) == 0
    assert snapshot.smooth_loss == pytest.approx(math.log(len(set(TEXT))))
    assert snapshot.gauges.gradient_norm is None
    assert snapshot.gauges.update_ratio is None
    assert snapshot.gauges.spectral_radius is None
    assert snapshot.gauges.effective_rate is None
    assert snapshot.moments == ()


def test_the_figures_of_the_run_are_per_character() -> None:
    trainer = Trainer(TEXT, SMALL)
    losses = [trainer.step().loss for _ in range(60)]
    snapshot = snapshot_of(trainer)
    assert snapshot.iteration == 60
    assert snapshot.characters_seen == 60 * 9
    assert snapshot.epoch == trainer.epoch > 0
    assert snapshot.loss == pytest.approx(losses[-1] / 9)
    assert snapshot.smooth_loss == pytest.approx(trainer.smooth_loss / 9)
    assert snapshot.chars == tuple(sorted(set(TEXT)))
    np.testing.assert_allclose(snapshot.curve.loss_mean, np.array(losses) / 9)


def test_the_window_is_the_last_one() -> None:
    trainer = trained(2)
    window = snapshot_of(trainer).window
    assert window is not None
    assert trainer.vocabulary.decode(window.inputs) == TEXT[9:18]
    np.testing.assert_array_equal(window.hidden[-1], trainer.hidden)


def test_the_live_sample_is_the_diary_s_of_this_moment_and_moves_no_random_numbers() -> None:
    trainer = trained(40)
    before = bits(trainer)
    live = draw_live_sample(trainer, 12)
    assert bits(trainer) == before
    assert live.iteration == 40
    assert live.sample.text == trainer.periodic_sample().text
    assert live.greedy.tolist() == trainer.sample(12, temperature=0.0).ids.tolist()


# Histograms


def shares_by_hand(values: Array, edges: Array) -> Array:
    return np.histogram(values.astype(np.float64), edges)[0] / values.size


@pytest.mark.parametrize("steps", [0, 25])
def test_a_histogram_counts_the_weights_between_its_edges(steps: int) -> None:
    trainer = trained(steps, SMALL.replace(dtype="float64"))
    initial = trainer.initial_params
    histograms = snapshot_of(trainer).histograms
    assert set(histograms) == {"Wxh", "Whh", "Why", "biases"}
    for name in ("Wxh", "Whh", "Why"):
        spread = histograms[name]
        np.testing.assert_allclose(spread.now, shares_by_hand(trainer.params[name], spread.edges))
        np.testing.assert_allclose(spread.initial, shares_by_hand(initial[name], spread.edges))
    biases = np.concatenate([trainer.params["bh"], trainer.params["by"]])
    edges = histograms["biases"].edges
    np.testing.assert_allclose(histograms["biases"].now, shares_by_hand(biases, edges))


def assert_whole(histogram: Histogram, *arrays: Array) -> None:
    assert histogram.edges.shape == (HISTOGRAM_BINS + 1,)
    np.testing.assert_allclose(histogram.edges, -histogram.edges[::-1])
    assert np.all(np.diff(histogram.edges) > 0)
    for shares in (histogram.now, histogram.initial):
        assert shares.shape == (HISTOGRAM_BINS,)
        assert shares.sum() == pytest.approx(1.0)
        assert shares.min() >= 0
    largest = max(np.abs(array).max() for array in arrays)
    assert histogram.edges[-1] >= largest * (1 - 1e-5)


@pytest.mark.parametrize("steps", [0, 1, 200])
def test_every_weight_is_in_a_histogram(steps: int) -> None:
    trainer = trained(steps)
    histograms, initial = snapshot_of(trainer).histograms, trainer.initial_params
    for name in ("Wxh", "Whh", "Why"):
        assert_whole(histograms[name], trainer.params[name], initial[name])


def test_weights_at_the_ends_of_the_axis_are_in_the_outermost_bins() -> None:
    trainer = trained(0)
    weights = trainer.params["Whh"]
    weights.fill(1.0)
    weights[0] = -1.0
    histogram = snapshot_of(trainer).histograms["Whh"]
    assert_whole(histogram, weights)
    assert histogram.edges[-1] == 1.0
    assert histogram.now[0] == pytest.approx(1 / 7)
    assert histogram.now[-1] == pytest.approx(6 / 7)


def test_weights_that_are_all_zero_stand_in_the_middle_bin() -> None:
    trainer = Trainer(TEXT, SMALL.replace(init_scale=0.0))
    histogram = snapshot_of(trainer).histograms["Whh"]
    assert_whole(histogram, trainer.params["Whh"])
    assert histogram.now[HISTOGRAM_BINS // 2] == 1.0


@pytest.mark.parametrize(
    ("largest", "limit"),
    [
        (0.0, 0.01),
        (1.0, 1.0),
        (1.0001, 1.5),
        (1.5, 1.5),
        (1.6, 2.0),
        (2.5, 3.0),
        (3.5, 5.0),
        (5.5, 7.0),
        (7.5, 10.0),
        (10.0, 10.0),
        (0.034, 0.05),
        (0.1, 0.1),
        (123.0, 150.0),
        (1000.0, 1000.0),
    ],
)
def test_an_axis_ends_at_the_next_round_number(largest: float, limit: float) -> None:
    assert axis_limit(largest) == pytest.approx(limit)


def test_an_axis_holds_its_data_moves_in_few_steps_and_wastes_no_more_than_half() -> None:
    values = np.geomspace(1e-6, 1e6, 5000)
    limits = np.array([axis_limit(float(value)) for value in values])
    assert np.all(limits >= values * (1 - 2e-6))
    assert np.all(limits <= values * 1.7)
    assert np.all(np.diff(limits) >= 0)
    assert len(np.unique(np.round(np.log10(limits), 6))) <= 12 * 6 + 1


# Gauges


def test_the_spectral_radius_of_known_matrices() -> None:
    angle = 0.7
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    assert spectral_radius(np.eye(5)) == pytest.approx(1.0)
    # A rotation has complex eigenvalues, cos ± i sin, of absolute value one.
    assert spectral_radius(0.5 * turn) == pytest.approx(0.5)
    assert spectral_radius(np.diag([0.25, -3.0, 1.0])) == pytest.approx(3.0)
    assert spectral_radius(np.zeros((3, 3))) == 0.0
    # Nothing comes back through a chain without a loop, however strong its links are.
    assert spectral_radius(np.diag([9.0, 9.0], k=1)) == pytest.approx(0.0, abs=1e-6)
    assert spectral_radius(np.array([[-2.0]], dtype=np.float32)) == 2.0


def flat(arrays: Mapping[str, Array]) -> Array:
    return np.concatenate([array.ravel() for array in arrays.values()]).astype(np.float64)


@pytest.mark.parametrize("optimiser", ["adagrad", "sgd", "rmsprop", "adam"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_update_ratio_compares_the_last_change_with_the_weights(
    optimiser: str, dtype: str
) -> None:
    trainer = trained(20, SMALL.replace(optimiser=optimiser, learning_rate=0.01, dtype=dtype))
    before = flat(trainer.params)
    trainer.step()
    after = flat(trainer.params)
    expected = math.log10(np.linalg.norm(after - before) / np.linalg.norm(after))
    assert snapshot_of(trainer).gauges.update_ratio == pytest.approx(expected, abs=1e-3)


def test_the_gradient_s_norm_and_the_share_that_was_clipped() -> None:
    trainer = trained(5, SMALL.replace(clip=0.05))
    gauges = snapshot_of(trainer).gauges
    gradient = flat(trainer.gradients)
    limit = np.abs(gradient).max()
    assert limit == pytest.approx(0.05)
    assert gauges.gradient_norm == pytest.approx(np.linalg.norm(gradient), rel=1e-5)
    assert gauges.gradient_norm == pytest.approx(
        trainer.history.curve().gradient_norm_max[-1], rel=1e-5
    )
    clipped = np.mean(np.abs(gradient) == limit)
    assert 0 < clipped < 1
    assert gauges.clipped_share == pytest.approx(clipped)


def test_without_a_clip_nothing_is_clipped() -> None:
    assert snapshot_of(trained(5, SMALL.replace(clip=0.0))).gauges.clipped_share == 0.0


def test_the_share_of_saturated_units() -> None:
    trainer = trained(3, SMALL.replace(init_scale=2.0))
    window = trainer.last_window
    assert window is not None
    share = np.mean((window.hidden > SATURATION) | (window.hidden < -SATURATION))
    assert 0 < share < 1
    assert snapshot_of(trainer).gauges.saturated_share == pytest.approx(share)


def test_the_effective_rate_is_the_median_over_all_weights() -> None:
    trainer = trained(30, SMALL.replace(dtype="float64"))
    squares = flat(trainer.optimiser_memory["squares"])
    expected = np.median(trainer.config.learning_rate / np.sqrt(squares + 1e-8))
    assert snapshot_of(trainer).gauges.effective_rate == pytest.approx(expected)
    plain = trained(30, SMALL.replace(optimiser="sgd", learning_rate=0.03))
    assert snapshot_of(plain).gauges.effective_rate == pytest.approx(0.03)


def test_weights_that_ran_far_away_still_have_figures() -> None:
    """Their squares are more than single precision holds; one step without a clip gets there."""
    trainer = trained(5)
    for array in trainer.params.values():
        array.fill(1e25)
    ratio = snapshot_of(trainer).gauges.update_ratio
    assert ratio is not None
    expected = math.log10(
        np.linalg.norm(flat(trainer.last_update())) / np.linalg.norm(flat(trainer.params))
    )
    assert ratio == pytest.approx(expected, abs=1e-3)
