"""What Whh does to a state when it is applied over and over: its eigenvalues."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnn.analysis.portrait import Portrait, Report
from rnn.network import Array
from rnn.threads import single_thread


@dataclass(frozen=True)
class Spectrum:
    """The eigenvalues of Whh (H,), complex, the longest first, and its largest singular value.

    Along the direction of an eigenvalue λ, one step multiplies by λ: it grows or fades by |λ| and
    turns by the angle of λ. `singular` is the most that one step can stretch any state.
    """

    eigenvalues: Array
    singular: float

    @property
    def radius(self) -> float:
        """The spectral radius, the largest |λ|: what many steps in a row grow or fade by, each."""
        return float(np.abs(self.eigenvalues[0]))

    @property
    def outside(self) -> int:
        """How many eigenvalues lie outside the unit circle."""
        return int(np.count_nonzero(np.abs(self.eigenvalues) > 1.0))


def spectrum(matrix: Array) -> Spectrum:
    """The spectrum of a square matrix (H, H) of finite numbers, in float64.

    The time grows with H³: some milliseconds at H = 100, seconds at H = 1024.
    """
    matrix = np.asarray(matrix, np.float64)
    with single_thread():
        eigenvalues = np.linalg.eigvals(matrix).astype(np.complex128)
        singular = float(np.linalg.norm(matrix, 2))
    return Spectrum(eigenvalues[np.argsort(-np.abs(eigenvalues), kind="stable")], singular)


def spectrum_of(portrait: Portrait, report: Report) -> Spectrum:
    """The spectrum of the portrait's Whh; between its start and its end it cannot report."""
    report(0.0)
    found = spectrum(portrait.params["Whh"])
    report(1.0)
    return found
