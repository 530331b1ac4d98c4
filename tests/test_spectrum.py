"""The eigenvalues of Whh, where they are known."""

from __future__ import annotations

import numpy as np
import pytest

from rnn import Config, Trainer
from rnn.analysis import portrait_of
from rnn.analysis.spectrum import spectrum, spectrum_of


def test_a_rotation_turns_and_neither_grows_nor_fades() -> None:
    angle = 0.3
    c, s = np.cos(angle), np.sin(angle)
    found = spectrum(0.9 * np.array([[c, -s], [s, c]]))
    assert found.radius == pytest.approx(0.9)
    assert found.singular == pytest.approx(0.9)
    np.testing.assert_allclose(sorted(np.angle(found.eigenvalues)), [-angle, angle])
    assert found.outside == 0


def test_a_shear_stretches_more_than_its_eigenvalues_say() -> None:
    found = spectrum(np.array([[0.5, 10.0], [0.0, 0.5]]))
    assert found.radius == pytest.approx(0.5)
    assert found.singular > 10.0


def test_the_longest_eigenvalue_comes_first() -> None:
    found = spectrum(np.diag([0.1, -3.0, 2.0, 0.5]))
    np.testing.assert_allclose(found.eigenvalues, [-3.0, 2.0, 0.5, 0.1])
    assert found.radius == 3.0
    assert found.outside == 2


def test_the_spectrum_of_a_portrait_is_that_of_its_recurrent_weights() -> None:
    trainer = Trainer("hello world, " * 9, Config(hidden_size=20))
    trainer.advance(steps=20)
    told: list[float] = []
    found = spectrum_of(portrait_of(trainer), told.append)
    exact = np.abs(np.linalg.eigvals(trainer.params["Whh"].astype(np.float64)))
    np.testing.assert_allclose(np.sort(np.abs(found.eigenvalues)), np.sort(exact))
    assert told == [0.0, 1.0]
    alone = spectrum(np.array([[-0.25]]))
    assert alone.eigenvalues.tolist() == [-0.25 + 0j]
    assert (alone.radius, alone.singular) == (0.25, 0.25)
