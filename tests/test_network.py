"""The network against the plain computation, finite differences and a step worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn.network import LARGEST_IDENTITY, PARAMETERS, Network, Unrolled, parameter_count
from tests.reference import column, loss_and_gradients


def random_network(
    hidden_size: int, vocab_size: int, dtype: str = "float64", scale: float = 0.5, seed: int = 0
) -> Network:
    """A network whose biases are not zero either."""
    network = Network(hidden_size, vocab_size, dtype)
    network.weights[...] = np.random.default_rng(seed).standard_normal(len(network.weights)) * scale
    return network


def run(network: Network, ids: np.ndarray, before: np.ndarray) -> tuple[float, Unrolled]:
    """Forward and backward over ids (T + 1, B) from the states before (B, H)."""
    unrolled = Unrolled(network, len(ids) - 1, ids.shape[1])
    unrolled.ids[...] = ids
    unrolled.before[...] = before
    loss = unrolled.forward()
    unrolled.backward()
    return loss, unrolled


def reference(
    network: Network, ids: np.ndarray, before: np.ndarray
) -> tuple[float, dict[str, np.ndarray], np.ndarray]:
    """The plain computation for one stream: ids (T + 1,), before (H,)."""
    params = {name: column(value) for name, value in network.params.items()}
    loss, gradients, after = loss_and_gradients(
        params, ids[:-1].tolist(), ids[1:].tolist(), column(before)
    )
    flat = {name: gradients[name].reshape(network.params[name].shape) for name in PARAMETERS}
    return loss, flat, after.ravel()


@settings(max_examples=60, deadline=None)
@given(
    hidden_size=st.integers(1, 12),
    vocab_size=st.integers(1, 9),
    seq_length=st.integers(1, 10),
    streams=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
)
def test_equals_the_plain_computation(
    hidden_size: int, vocab_size: int, seq_length: int, streams: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    network = random_network(hidden_size, vocab_size, seed=seed)
    ids = rng.integers(0, vocab_size, (seq_length + 1, streams))
    before = rng.uniform(-1, 1, (streams, hidden_size))
    loss, unrolled = run(network, ids, before)

    alone = [reference(network, ids[:, b], before[b]) for b in range(streams)]
    assert loss == pytest.approx(np.mean([one[0] for one in alone]), abs=1e-9)
    np.testing.assert_allclose(unrolled.after, [one[2] for one in alone], rtol=0, atol=1e-9)
    for name in PARAMETERS:
        expected = np.mean([one[1][name] for one in alone], axis=0)
        np.testing.assert_allclose(
            network.gradients[name], expected, rtol=0, atol=1e-9, err_msg=name
        )


def test_a_vocabulary_too_large_for_the_kept_identity() -> None:
    vocab_size = LARGEST_IDENTITY + 1
    network = random_network(3, vocab_size)
    ids = np.array([[0], [vocab_size - 1], [5], [0]])
    before = np.array([[0.1, -0.2, 0.3]])
    loss, _ = run(network, ids, before)
    expected_loss, expected, _ = reference(network, ids[:, 0], before[0])
    assert loss == pytest.approx(expected_loss, abs=1e-9)
    for name in PARAMETERS:
        np.testing.assert_allclose(network.gradients[name], expected[name], rtol=0, atol=1e-9)


def test_running_again_over_used_buffers_changes_nothing() -> None:
    network = random_network(4, 5)
    rng = np.random.default_rng(1)
    ids, before = rng.integers(0, 5, (4, 2)), rng.uniform(-1, 1, (2, 4))
    loss, unrolled = run(network, ids, before)
    gradient = network.gradient.copy()
    unrolled.ids[...] = 0
    unrolled.before[...] = np.nan
    unrolled.forward()
    unrolled.backward()
    assert np.isnan(network.gradient).any()

    unrolled.ids[...], unrolled.before[...] = ids, before
    assert unrolled.forward() == loss
    unrolled.backward()
    np.testing.assert_array_equal(network.gradient, gradient)


def test_gradients_against_finite_differences() -> None:
    network = random_network(6, 5, seed=3)
    rng = np.random.default_rng(4)
    ids, before = rng.integers(0, 5, (8, 1)), rng.uniform(-1, 1, (1, 6))
    _, unrolled = run(network, ids, before)
    analytic = {name: gradient.copy() for name, gradient in network.gradients.items()}
    step = 1e-5
    for name, values in network.params.items():
        for entry in np.ndindex(values.shape):
            kept = values[entry]
            values[entry] = kept + step
            above = unrolled.forward()
            values[entry] = kept - step
            below = unrolled.forward()
            values[entry] = kept
            numeric, exact = (above - below) / (2 * step), float(analytic[name][entry])
            error = abs(numeric - exact) / max(abs(numeric) + abs(exact), 1e-3)
            assert error < 1e-6, f"{name}{entry}: numeric {numeric}, backward {exact}"


def test_a_step_worked_by_hand() -> None:
    network = Network(hidden_size=1, vocab_size=2, dtype="float64")
    network.params["Wxh"][...] = [[0.5, -0.3]]
    network.params["Whh"][...] = 0.2
    network.params["Why"][...] = [[0.4], [-0.1]]
    network.params["bh"][...] = 0.1
    network.params["by"][...] = [0.0, 0.2]
    loss, unrolled = run(network, np.array([[0], [1]]), np.array([[0.5]]))

    # z = 0.5 + 0.2·0.5 + 0.1 = 0.7;  h = tanh 0.7;  y = (0.4·h, 0.2 - 0.1·h)
    h = 0.6043677771171636
    # y = (0.24174711, 0.13956322);  e^y = (1.27347210, 1.14977149);  p = e^y / 2.42324360
    p0, p1 = 0.5255237670, 0.4744762330
    assert unrolled.after.item() == pytest.approx(h, abs=1e-12)
    np.testing.assert_allclose(unrolled.probabilities.ravel(), [p0, p1], atol=1e-9)
    assert loss == pytest.approx(0.7455437, abs=1e-7)  # -ln p1
    # dy = (p0, p1 - 1) = (p0, -p0);  dh = 0.4·p0 + 0.1·p0;  dz = dh·(1 - h²)
    dz = 0.5 * p0 * (1 - h * h)
    assert dz == pytest.approx(0.1667854, abs=1e-7)
    gradients = network.gradients
    np.testing.assert_allclose(gradients["by"], [p0, -p0], atol=1e-9)
    np.testing.assert_allclose(gradients["Why"], [[p0 * h], [-p0 * h]], atol=1e-9)
    np.testing.assert_allclose(gradients["bh"], [dz], atol=1e-9)
    np.testing.assert_allclose(gradients["Wxh"], [[dz, 0.0]], atol=1e-9)
    np.testing.assert_allclose(gradients["Whh"], [[dz * 0.5]], atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_softmax_and_loss_stay_finite_for_huge_logits(dtype: str, size: float) -> None:
    network = Network(2, 3, dtype)
    network.params["by"][...] = [size, 0.0, -size]
    with np.errstate(all="raise", under="ignore"):
        loss, unrolled = run(network, np.array([[0], [1], [2]]), np.zeros((1, 2)))
    # The targets are characters 1 and 2: 1e4 and 2e4 below the likeliest, or the likeliest itself.
    expected = 3e4 if size > 0 else 1e4
    assert loss == pytest.approx(expected, rel=1e-6)
    assert np.isfinite(unrolled.probabilities).all()
    np.testing.assert_allclose(unrolled.probabilities.sum(-1), 1.0, rtol=1e-6)
    assert np.isfinite(network.gradient).all()


def test_the_first_weights_come_from_the_seed_in_the_order_of_the_design() -> None:
    network = Network(3, 4, "float64")
    network.params["bh"][...] = 1.0
    network.draw(np.random.default_rng(7), 0.01)
    rng = np.random.default_rng(7)
    np.testing.assert_array_equal(network.params["Wxh"], rng.standard_normal((3, 4)) * 0.01)
    np.testing.assert_array_equal(network.params["Whh"], rng.standard_normal((3, 3)) * 0.01)
    np.testing.assert_array_equal(network.params["Why"], rng.standard_normal((4, 3)) * 0.01)
    assert not network.params["bh"].any()
    assert not network.params["by"].any()


def test_a_seed_means_the_same_network_in_both_dtypes() -> None:
    single, double = Network(5, 6, "float32"), Network(5, 6, "float64")
    single.draw(np.random.default_rng(1), 0.01)
    double.draw(np.random.default_rng(1), 0.01)
    np.testing.assert_array_equal(single.weights, double.weights.astype(np.float32))


@pytest.mark.parametrize(("hidden_size", "vocab_size"), [(1, 1), (3, 5), (7, 2)])
def test_the_names_cover_the_flat_vector_once(hidden_size: int, vocab_size: int) -> None:
    network = Network(hidden_size, vocab_size)
    h, v = hidden_size, vocab_size
    shapes = {"Wxh": (h, v), "Whh": (h, h), "Why": (v, h), "bh": (h,), "by": (v,)}
    assert {name: view.shape for name, view in network.params.items()} == shapes
    assert list(network.params) == list(PARAMETERS)
    for view in network.params.values():
        view += 1.0
    np.testing.assert_array_equal(network.weights, np.ones(parameter_count(h, v)))


def test_one_character_has_nothing_to_learn() -> None:
    network = random_network(2, 1)
    loss, _ = run(network, np.zeros((4, 1), int), np.zeros((1, 2)))
    assert loss == pytest.approx(0.0, abs=1e-15)
    assert not network.gradient.any()


def test_saturated_units_pass_no_gradient() -> None:
    network = random_network(3, 4)
    network.params["bh"][...] = 100.0  # tanh rounds to one
    _, unrolled = run(network, np.array([[0], [1], [2]]), np.zeros((1, 3)))
    assert math.isclose(unrolled.after.min(), 1.0)
    for name in ("Wxh", "Whh", "bh"):
        assert not network.gradients[name].any()
    assert network.gradients["Why"].any()
