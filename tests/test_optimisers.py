"""Each optimiser against its published rule, written out entry by entry in plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rnn.optimisers import OPTIMISERS

GRADIENTS = [[0.5, -2.0, 0.0], [1.0, 3.0, 0.0], [-0.25, 0.0, 1e-4], [5.0, -5.0, 2.0]]
RATE = 0.1


def adagrad(gradients: list[float], rate: float) -> list[float]:
    w, m, path = 0.0, 0.0, []
    for g in gradients:
        m += g * g
        w -= rate * g / math.sqrt(m + 1e-8)
        path.append(w)
    return path


def sgd(gradients: list[float], rate: float) -> list[float]:
    w, v, path = 0.0, 0.0, []
    for g in gradients:
        v = 0.9 * v + g
        w -= rate * v
        path.append(w)
    return path


def rmsprop(gradients: list[float], rate: float) -> list[float]:
    w, m, path = 0.0, 0.0, []
    for g in gradients:
        m = 0.9 * m + 0.1 * g * g
        w -= rate * g / math.sqrt(m + 1e-8)
        path.append(w)
    return path


def adam(gradients: list[float], rate: float) -> list[float]:
    w, v, m, path = 0.0, 0.0, 0.0, []
    for t, g in enumerate(gradients, start=1):
        v = 0.9 * v + 0.1 * g
        m = 0.999 * m + 0.001 * g * g
        w -= rate * (v / (1 - 0.9**t)) / (math.sqrt(m / (1 - 0.999**t)) + 1e-8)
        path.append(w)
    return path


RULES = {"adagrad": adagrad, "sgd": sgd, "rmsprop": rmsprop, "adam": adam}


def test_every_optimiser_has_a_rule_here() -> None:
    assert RULES.keys() == OPTIMISERS.keys()


@pytest.mark.parametrize("name", RULES)
def test_follows_its_rule(name: str) -> None:
    optimiser = OPTIMISERS[name](3, np.dtype("float64"))
    weights = np.zeros(3)
    expected = [RULES[name](list(column), RATE) for column in zip(*GRADIENTS, strict=True)]
    for i, gradient in enumerate(GRADIENTS):
        optimiser.update(weights, np.array(gradient), RATE)
        np.testing.assert_allclose(weights, [path[i] for path in expected], rtol=0, atol=1e-12)
    assert optimiser.steps == len(GRADIENTS)


@pytest.mark.parametrize("name", RULES)
def test_says_what_the_last_update_was(name: str) -> None:
    optimiser = OPTIMISERS[name](3, np.dtype("float64"))
    weights = np.ones(3)
    for gradient in map(np.array, GRADIENTS):
        before = weights.copy()
        optimiser.update(weights, gradient, RATE)
        update = optimiser.last_update(gradient, RATE)
        np.testing.assert_allclose(update, weights - before, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", RULES)
def test_before_the_first_step_there_is_no_update(name: str) -> None:
    optimiser = OPTIMISERS[name](3, np.dtype("float32"))
    np.testing.assert_array_equal(optimiser.last_update(np.zeros(3), RATE), np.zeros(3))


def test_effective_rates() -> None:
    gradient, weights = np.array([3.0, 0.0]), np.zeros(2)
    rates = {}
    for name, kind in OPTIMISERS.items():
        optimiser = kind(2, np.dtype("float64"))
        optimiser.update(weights, gradient, RATE)
        rates[name] = optimiser.effective_rate(RATE)
    np.testing.assert_allclose(rates["adagrad"], [RATE / 3.0, RATE / 1e-4], rtol=1e-8)
    np.testing.assert_allclose(rates["sgd"], [RATE, RATE])
    np.testing.assert_allclose(rates["rmsprop"], [RATE / math.sqrt(0.9), RATE / 1e-4], rtol=1e-7)
    np.testing.assert_allclose(rates["adam"], [RATE / 3.0, RATE / 1e-8], rtol=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", RULES)
def test_keeps_the_dtype_and_leaves_the_gradient_alone(name: str, dtype: str) -> None:
    optimiser = OPTIMISERS[name](3, np.dtype(dtype))
    weights, gradient = np.ones(3, dtype), np.array([1.0, -2.0, 0.5], dtype)
    optimiser.update(weights, gradient, RATE)
    np.testing.assert_array_equal(gradient, np.array([1.0, -2.0, 0.5], dtype))
    assert weights.dtype == dtype
    assert {slot.dtype for slot in optimiser.slots.values()} == {np.dtype(dtype)}
    assert optimiser.effective_rate(RATE).dtype == dtype
    assert optimiser.last_update(gradient, RATE).dtype == dtype
