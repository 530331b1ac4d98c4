"""Encodes what a live frame brings to the page as one compact binary message.

The layout, read by ``ui/client/frame.js``: the JSON header's length in bytes (4, little-endian),
the JSON header, padding to a multiple of 8, then the arrays one after the other, each padded to 8.
In the header an array stands as ``{"$": [dtype, offset, length, rows, scale, squared]}``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_ALIGNMENT = 8
_DTYPES = {
    np.dtype(np.float32): "f4",
    np.dtype(np.int32): "i4",
    np.dtype(np.uint32): "u4",
    np.dtype(np.int16): "i2",
    np.dtype(np.uint16): "u2",
    np.dtype(np.int8): "i1",
    np.dtype(np.uint8): "u1",
}
_NARROWED: dict[np.dtype[Any], type[np.generic]] = {
    np.dtype(np.float64): np.float32,
    np.dtype(np.int64): np.int32,
}


@dataclass(frozen=True)
class Quantised:
    """Whole numbers that stand for ``scale * q``, or its square, to save bytes on the way."""

    array: Array
    scale: float
    squared: bool = False


Value = Array | Quantised | str | float | int | bool | None | list[Any]
Arrays = dict[str, Value]


def quantise_signed(values: Array, limit: float) -> Quantised:
    """Values in ``[-limit, limit]`` as 16-bit numbers; the error is at most ``limit / 65534``."""
    whole = np.rint(np.clip(values / limit, -1.0, 1.0) * 32767).astype(np.int16)
    return Quantised(whole, limit / 32767)


def quantise_probabilities(values: Array) -> Quantised:
    """Probabilities as 8-bit numbers of their square root, so that small ones stay apart.

    The error is at most 0.004 near 1 and far smaller near 0.
    """
    whole = np.rint(np.sqrt(values) * 255).astype(np.uint8)
    return Quantised(whole, 1 / 255, squared=True)


class _Body:
    """Collects arrays, each once, and says for each how the header refers to it."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.offset = 0
        self.references: dict[int, list[object]] = {}

    def refer(self, value: object) -> object:
        if isinstance(value, Quantised):
            return {"$": [*self._append(value.array), value.scale, value.squared]}
        if isinstance(value, np.ndarray):
            return {"$": self._append(value)}
        if isinstance(value, np.generic):
            return value.item()
        raise TypeError(f"A frame cannot carry {type(value).__name__}.")

    def _append(self, array: Array) -> list[object]:
        # Curves share their iterations: what stands in the header twice goes on the way once.
        if id(array) not in self.references:
            self.references[id(array)] = self._write(array)
        return self.references[id(array)]

    def _write(self, array: Array) -> list[object]:
        if array.dtype in _NARROWED:
            array = array.astype(_NARROWED[array.dtype])
        if array.dtype not in _DTYPES:
            raise TypeError(f"A frame cannot carry an array of {array.dtype}.")
        data = np.ascontiguousarray(array).tobytes()
        rows = array.shape[0] if array.ndim == 2 else 0
        reference: list[object] = [_DTYPES[array.dtype], self.offset, array.size, rows]
        padding = -len(data) % _ALIGNMENT
        self.parts += [data, b"\0" * padding]
        self.offset += len(data) + padding
        return reference


def encode(header: Mapping[str, Any]) -> bytes:
    """The message for ``header``, in which arrays and `Quantised` values may stand anywhere.

    Raises ``TypeError`` for a value that is neither JSON nor an array.
    """
    body = _Body()
    head = json.dumps(
        header, default=body.refer, separators=(",", ":"), allow_nan=False, ensure_ascii=False
    ).encode("utf-8", "backslashreplace")  # a lone surrogate becomes its JSON escape
    padding = -(4 + len(head)) % _ALIGNMENT
    return b"".join([len(head).to_bytes(4, "little"), head, b"\0" * padding, *body.parts])
