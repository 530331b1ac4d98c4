"""What is remembered of gradients and weights over a run: moments, ever further apart.

Moments are kept of the iterations 1, 2, 4, 8, … and of the multiples of a stride, which doubles
whenever there are more than MULTIPLES of them. So what is kept follows from how many iterations were
made, and from nothing else: not from who looks, nor from where a run was stopped and resumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnn.dynamics import LAGS
from rnn.moments import MEASURES, SIZE_BINS, VALUE_BINS, Moment
from rnn.network import PARAMETERS

FIRST_STRIDE = 512  # iterations
MULTIPLES = 64
MOST = MULTIPLES + 64  # the powers of two below any iteration that a file can hold are 63

_PREFIX = "trace_"
_COLUMNS: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
    "iteration": (np.int64, ()),
    "seq_length": (np.int64, ()),
    "radius": (np.float64, ()),
    "singular": (np.float64, ()),
    "flow": (np.float16, (LAGS,)),
    "measures": (np.float32, (len(MEASURES), len(PARAMETERS))),
    "reach": (np.float32, (len(PARAMETERS),)),
    "weights": (np.float16, (len(PARAMETERS), VALUE_BINS)),
    "gradients": (np.float16, (len(PARAMETERS), SIZE_BINS)),
    "activations": (np.float16, (VALUE_BINS,)),
}
"""The fields of a Moment: the type and the shape of each."""


class Traces:
    """The moments kept of one run, oldest first."""

    def __init__(self) -> None:
        """Start empty."""
        self._stride = FIRST_STRIDE
        self._moments: list[Moment] = []

    def due(self, iteration: int) -> bool:
        """Whether the step that completes this many iterations is to be noted."""
        return iteration % self._stride == 0 or iteration & (iteration - 1) == 0

    def add(self, moment: Moment) -> None:
        """Note a moment that is due; those that the stride has outgrown go."""
        while moment.iteration > MULTIPLES * self._stride:
            self._stride *= 2
        self._moments.append(moment)
        self._moments = [kept for kept in self._moments if self.due(kept.iteration)]

    @property
    def moments(self) -> tuple[Moment, ...]:
        """The moments kept, oldest first."""
        return tuple(self._moments)

    def copy(self) -> Traces:
        """An independent copy; it shares the moments, which never change."""
        twin = Traces()
        twin._stride, twin._moments = self._stride, self._moments.copy()
        return twin

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything, as arrays that an `.npz` holds without pickle, for `from_arrays`."""
        return {
            _PREFIX + name: np.array(
                [getattr(moment, name) for moment in self._moments], dtype=kind
            ).reshape(-1, *shape)
            for name, (kind, shape) in _COLUMNS.items()
        }

    @classmethod
    def from_arrays(cls, mapping: Mapping[str, NDArray[Any]]) -> Traces:
        """The traces that `to_arrays` wrote; empty where the arrays are of a time without traces.

        Raises ValueError for arrays that cannot have come from there, KeyError for missing ones.
        """
        traces = cls()
        if not any(name.startswith(_PREFIX) for name in mapping):
            return traces
        columns = {name: mapping[_PREFIX + name] for name in _COLUMNS}
        _check(columns)
        for row in range(len(columns["iteration"])):
            values = {
                name: columns[name][row].copy() if shape else columns[name][row].item()
                for name, (_, shape) in _COLUMNS.items()
            }
            traces.add(Moment(**values))
        return traces


def _check(columns: Mapping[str, NDArray[Any]]) -> None:
    count = columns["iteration"].size
    for name, (kind, shape) in _COLUMNS.items():
        if columns[name].dtype != kind or columns[name].shape != (count, *shape):
            raise ValueError(f"the traces' {name} has the wrong type or shape")
    if count > MOST or np.any(np.diff(columns["iteration"], prepend=0) <= 0):
        raise ValueError("odd iterations of the traces")
