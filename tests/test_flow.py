"""Gradients on their way back: against finite differences, and where their course is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rnn import Config, Trainer
from rnn.analysis import Portrait, portrait_of
from rnn.analysis.flow import flow
from rnn.analysis.window import next_window
from rnn.dynamics import (
    LAGS,
    LARGEST,
    SMALLEST,
    followed_steps,
    gradient_flow,
    largest_singular_value,
    spectral_radius,
    typical_flow,
)
from rnn.network import Array

TEXT = "the cat sat on the mat, and the rat sat too. " * 5
H, T = 7, 12


def portrait(steps: int = 30, **settings: object) -> Portrait:
    config = Config(hidden_size=H, seq_length=T, dtype="float64").replace(**settings)
    trainer = Trainer(TEXT, config)
    if steps:
        trainer.advance(steps=steps)
    return portrait_of(trainer)


def planted(portrait: Portrait, recurrent: Array, scale: float = 1e-6) -> Portrait:
    """The same, with another Whh, and inputs so small that tanh is the identity."""
    params = {name: array.copy() for name, array in portrait.params.items()}
    params["Whh"], params["Wxh"] = recurrent, params["Wxh"] * scale
    params["bh"] = np.zeros(H)
    return replace(portrait, params=params, hidden=np.zeros(H))


def last_loss(portrait: Portrait, ids: Array, state: Array, lag: int) -> float:
    """The loss at the window's last character, of a state put in place of the one `lag` before it."""
    inputs = ids[:-1]
    if lag:
        state = portrait.states(inputs[len(inputs) - lag :], state)[-1]
    y = portrait.params["Why"] @ state + portrait.params["by"]
    return float(np.log(np.exp(y).sum()) - y[ids[-1]])


def test_the_flow_is_the_derivative_of_the_last_loss() -> None:
    run = portrait()
    ids, found = next_window(run), flow(run)
    hidden = run.read(ids[:-1], run.hidden).hidden
    assert found.last.shape == (T,)
    for lag in range(T):
        state, gradient = hidden[T - 1 - lag], np.zeros(H)
        for unit in range(H):
            step = 1e-6 * np.eye(H)[unit]
            there = last_loss(run, ids, state + step, lag)
            gradient[unit] = (there - last_loss(run, ids, state - step, lag)) / 2e-6
        assert found.last[lag] == pytest.approx(np.log10(np.linalg.norm(gradient)), abs=1e-5)


def test_every_followed_loss_has_its_own_way_back() -> None:
    run = portrait()
    ids = next_window(run)
    reading = run.read(ids[:-1], run.hidden)
    steps = followed_steps(T)
    errors = reading.probabilities[steps]
    errors[np.arange(len(steps)), ids[steps + 1]] -= 1.0
    flows = gradient_flow(run.params, reading.hidden, errors, steps)
    assert flows.shape == (len(steps), T)
    for row, step in enumerate(steps):
        # The same loss as the last one of a shorter window.
        alone = gradient_flow(
            run.params, reading.hidden[: step + 1], errors[row : row + 1], np.array([step])
        )
        np.testing.assert_allclose(flows[row, : step + 1], alone[0], rtol=1e-10)
        assert np.isnan(flows[row, step + 1 :]).all()


@pytest.mark.parametrize(("factor", "step"), [(1.0, 0.0), (0.5, -np.log10(2)), (2.0, np.log10(2))])
def test_a_multiple_of_the_identity_multiplies_the_gradient_at_each_step(
    factor: float, step: float
) -> None:
    found = flow(planted(portrait(), factor * np.eye(H)))
    np.testing.assert_allclose(np.diff(found.last), step, atol=1e-6)
    np.testing.assert_allclose(np.diff(found.typical), step, atol=1e-6)
    assert found.factor == pytest.approx(factor, rel=1e-5)


def test_a_rotation_keeps_the_length() -> None:
    rotation, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((H, H)))
    assert flow(planted(portrait(), rotation)).factor == pytest.approx(1.0, rel=1e-5)


def test_saturated_units_let_nothing_through() -> None:
    run = planted(portrait(), np.eye(H))
    params = {**run.params, "bh": np.full(H, 40.0)}  # tanh(40) is 1 to the last digit
    found = flow(replace(run, params=params))
    assert found.last[0] > -3
    assert (found.last[1:] == SMALLEST).all()


def test_what_outgrows_the_numbers_stands_at_their_end() -> None:
    run = planted(portrait(dtype="float32"), 1e30 * np.eye(H), scale=0.0)
    found = flow(run)
    assert found.last[-1] == LARGEST
    assert not np.isnan(found.typical).any()


def test_a_fresh_network_forgets_at_once() -> None:
    found = flow(portrait(steps=0))
    assert found.factor is not None
    assert found.factor < 0.1  # Whh is drawn with a standard deviation of 0.01


@pytest.mark.parametrize("length", [1, 2, 3, 8, 25, 130])
def test_steps_that_are_followed(length: int) -> None:
    steps = followed_steps(length)
    assert steps[0] == length - 1
    assert len(steps) == min(8, (length + 1) // 2)
    assert (np.diff(steps) < 0).all()
    assert steps[-1] >= length // 2 or length == 1


def test_float32_follows_the_same_course_down_to_the_smallest_numbers() -> None:
    double = planted(portrait(seq_length=29), 0.1 * np.eye(H))
    single = replace(
        double,
        params={name: array.astype(np.float32) for name, array in double.params.items()},
        hidden=double.hidden.astype(np.float32),
    )
    assert flow(single).last[-1] < -27
    np.testing.assert_allclose(flow(single).last, flow(double).last, atol=1e-3)


def test_windows_of_one_character_and_of_many() -> None:
    alone = flow(portrait(seq_length=1))
    assert alone.last.shape == alone.typical.shape == (1,)
    assert alone.factor is None
    assert flow(portrait(steps=3, seq_length=130)).typical.shape == (LAGS,)


def test_the_typical_course_goes_on_without_a_jump_where_fewer_losses_reach() -> None:
    # One loss is a thousand times the other, both halve at each step; only the small one goes far.
    small = -3.0 - np.arange(6) * np.log10(2)
    large = np.where(np.arange(6) < 3, small + 3.0, np.nan)
    course = typical_flow(np.stack([small, large]))
    assert course[0] == pytest.approx(-1.5)
    np.testing.assert_allclose(np.diff(course), -np.log10(2))


def test_losses_without_a_gradient_are_left_out_while_there_are_others() -> None:
    flat, nothing = np.full(4, -1.0), np.full(4, SMALLEST)
    np.testing.assert_allclose(typical_flow(np.stack([nothing, flat])), flat)
    np.testing.assert_allclose(typical_flow(nothing[None]), nothing)


# The extremes of Whh


def known(rng: np.random.Generator, size: int) -> tuple[Array, float, float]:
    """A random matrix with its exact spectral radius and largest singular value."""
    matrix = rng.standard_normal((size, size)) / np.sqrt(size)
    matrix[:, 0] += 2.0 * rng.standard_normal(size)
    matrix[0, 0] += 5.0  # one eigenvalue away from the others, as training makes it
    radius = float(np.abs(np.linalg.eigvals(matrix)).max())
    return matrix, radius, float(np.linalg.norm(matrix, 2))


@pytest.mark.parametrize("size", [1, 2, 9, 14, 15, 60, 200])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_estimates_are_right_where_one_eigenvalue_leads(size: int, dtype: str) -> None:
    matrix, radius, singular = known(np.random.default_rng(size), size)
    assert spectral_radius(matrix.astype(dtype)) == pytest.approx(radius, rel=1e-3)
    assert largest_singular_value(matrix.astype(dtype)) == pytest.approx(singular, rel=2e-3)


def test_the_estimates_are_near_where_no_eigenvalue_leads() -> None:
    matrix = np.random.default_rng(0).standard_normal((100, 100)) * 0.01
    exact = np.abs(np.linalg.eigvals(matrix)).max()
    assert spectral_radius(matrix) == pytest.approx(exact, rel=0.1)
    assert largest_singular_value(matrix) == pytest.approx(np.linalg.norm(matrix, 2), rel=0.05)


@pytest.mark.parametrize("size", [3, 40])
def test_planted_matrices(size: int) -> None:
    rotation, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((size, size)))
    for matrix in (np.eye(size), rotation, np.diag(np.arange(size) / (size - 1))):
        assert spectral_radius(0.5 * matrix) == pytest.approx(0.5, rel=3e-2)
        assert largest_singular_value(0.5 * matrix) == pytest.approx(0.5, rel=3e-2)
    # A shift stretches by 1, and yet forgets everything: its eigenvalues are all 0.
    shift = np.eye(size, k=1)
    assert largest_singular_value(shift) == pytest.approx(1.0, rel=2e-2)
    assert spectral_radius(np.zeros((size, size))) == 0.0
    assert largest_singular_value(np.zeros((size, size))) == 0.0


def test_a_matrix_that_is_not_finite_has_no_extremes() -> None:
    for size in (4, 40):
        matrix = np.full((size, size), np.inf)
        assert np.isnan(spectral_radius(matrix))
        with np.errstate(invalid="ignore"):
            assert np.isnan(largest_singular_value(matrix))
