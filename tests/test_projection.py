"""The projection finds the plane that was planted, with its shares, and turns it always the same way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rnn import Config, Trainer
from rnn.analysis import Portrait, portrait_of
from rnn.analysis.projection import KINDS, SHARES, kind, project, project_text

Array = NDArray[Any]


def plane(n: int = 500, units: int = 7, spread: tuple[float, float] = (3.0, 1.0)) -> Array:
    """Points of two independent coordinates, with the root mean squares of `spread`, on a plane."""
    rng = np.random.default_rng(4)
    flat = rng.standard_normal((n, 2))
    flat -= flat.mean(0)
    flat, _ = np.linalg.qr(flat)
    flat *= np.sqrt(n) * np.array(spread)
    basis, _ = np.linalg.qr(rng.standard_normal((units, 2)))
    return np.asarray(flat @ basis.T + rng.standard_normal(units))


def distances(points: Array) -> Array:
    return np.asarray(np.linalg.norm(points[:, None] - points[None], axis=-1))


def test_states_on_a_plane_give_back_that_plane_and_the_shares_of_its_axes() -> None:
    states = plane()
    found = project(states)
    np.testing.assert_allclose(distances(found.points), distances(states), atol=1e-9)
    np.testing.assert_allclose(found.points.mean(0), 0.0, atol=1e-12)
    np.testing.assert_allclose(found.points.std(0), [3.0, 1.0])
    np.testing.assert_allclose(found.shares[:2], [0.9, 0.1])
    np.testing.assert_allclose(found.shares[2:], 0.0, atol=1e-12)
    mean = states.mean(0)
    np.testing.assert_allclose(mean + found.points @ found.directions, states, atol=1e-9)


def test_it_agrees_with_the_singular_value_decomposition() -> None:
    states = np.random.default_rng(0).standard_normal((60, 9)) * np.arange(1, 10)
    found = project(states.astype(np.float32))
    _, singular, rows = np.linalg.svd(states - states.mean(0), full_matrices=False)
    np.testing.assert_allclose(np.abs(found.directions), np.abs(rows[:2]), atol=1e-4)
    np.testing.assert_allclose(found.shares, (singular**2 / sum(singular**2))[:SHARES], rtol=1e-5)


def test_the_largest_entry_of_a_direction_is_positive_whichever_way_the_states_point() -> None:
    states = plane()
    one, other = project(states), project(-states)
    largest = np.abs(one.directions).argmax(1)
    assert np.all(one.directions[[0, 1], largest] > 0)
    np.testing.assert_allclose(other.directions, one.directions, atol=1e-9)
    np.testing.assert_allclose(other.points, -one.points, atol=1e-9)


def test_one_unit_has_one_component() -> None:
    found = project(np.array([[1.0], [-1.0], [0.0]]))
    np.testing.assert_allclose(found.points, [[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
    np.testing.assert_allclose(found.shares, [1.0, 0, 0, 0, 0, 0])


@pytest.mark.parametrize("states", [np.ones((5, 4)), np.ones((1, 4)), np.zeros((3, 1))])
def test_equal_states_have_no_variance_to_share(states: Array) -> None:
    found = project(states)
    np.testing.assert_array_equal(found.points, 0.0)
    np.testing.assert_array_equal(found.shares, 0.0)


def test_fewer_states_than_units() -> None:
    states = np.random.default_rng(1).standard_normal((3, 20))
    found = project(states)
    np.testing.assert_allclose(distances(found.points), distances(states), atol=1e-9)
    assert found.shares[:2].sum() == pytest.approx(1.0)


TEXT = "the cat sat on the mat, and the rat sat too.\n" * 20


@pytest.fixture(scope="module")
def network() -> Portrait:
    trainer = Trainer(TEXT, Config(hidden_size=10, dtype="float64"))
    trainer.advance(steps=150)
    return portrait_of(trainer)


@pytest.mark.parametrize(("start", "length"), [(0, 300), (40, 120), (400, 100), (880, 20)])
def test_a_stretch_of_the_text_is_projected_as_it_is_read(
    network: Portrait, start: int, length: int
) -> None:
    states = network.states(network.vocabulary.encode(TEXT))[start : start + length]
    expected, found = project(states), project_text(network, start, length)
    assert len(found.points) == length
    np.testing.assert_allclose(found.points, expected.points, atol=1e-4)
    np.testing.assert_allclose(found.shares, expected.shares, atol=1e-5)


def test_it_tells_how_far_it_is(network: Portrait) -> None:
    shares: list[float] = []
    project_text(network, 0, 500, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_every_character_has_a_kind() -> None:
    expected = {
        "vowel": "aEiéüая",
        "consonant": "bZçñжλ",
        "space": " \t\u00a0",
        "line break": "\n\r",
        "punctuation": ".,!?'()_+=<“—$",
        "digit": "07٣",
        "other": "漢\x00\u0301",
    }
    assert set(expected) == set(KINDS)
    for name, chars in expected.items():
        assert {KINDS[kind(char)] for char in chars} == {name}, name
