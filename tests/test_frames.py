"""A frame says in few bytes exactly what was put in, to whoever follows the documented layout."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hypothesis_numpy
from numpy.typing import NDArray

from ui.frames import Quantised, encode, quantise_probabilities, quantise_signed

Array = NDArray[Any]

DTYPES = {"f4": "<f4", "i4": "<i4", "u4": "<u4", "i2": "<i2", "u2": "<u2", "i1": "<i1", "u1": "<u1"}


class Decoder:
    """Reads a message by the words of the layout alone, as the browser does."""

    def __init__(self, message: bytes) -> None:
        length = int.from_bytes(message[:4], "little")
        self.message = message
        self.header = json.loads(message[4 : 4 + length].decode())
        self.base = padded(4 + length)
        self.offsets: list[int] = []
        self.end = self.base
        self.content = self.resolved(self.header)

    def resolved(self, value: object) -> Any:
        if isinstance(value, list):
            return [self.resolved(item) for item in value]
        if not isinstance(value, dict):
            return value
        if set(value) == {"$"}:
            return self.array(*value["$"])
        return {key: self.resolved(item) for key, item in value.items()}

    def array(
        self,
        dtype: str,
        offset: int,
        length: int,
        rows: int = 0,
        scale: float = 0.0,
        squared: bool = False,
    ) -> Array:
        self.offsets.append(offset)
        flat = np.frombuffer(self.message, DTYPES[dtype], length, self.base + offset)
        self.end = max(self.end, self.base + offset + padded(flat.nbytes))
        if scale:
            flat = (flat * scale) ** 2 if squared else flat * scale
        return flat.reshape(rows, -1) if rows else flat


def padded(length: int) -> int:
    return -(-length // 8) * 8


def decoded(**header: Any) -> dict[str, Any]:
    content: dict[str, Any] = Decoder(encode(header)).content
    return content


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32])
def test_whole_numbers_arrive_in_their_own_type(dtype: type[np.integer[Any]]) -> None:
    limits = np.iinfo(dtype)
    array = np.array([limits.min, 0, 1, limits.max], dtype=dtype)
    arrived = decoded(a=array)["a"]
    assert arrived.dtype == array.dtype
    np.testing.assert_array_equal(arrived, array)


def test_real_numbers_arrive_bit_for_bit_and_may_be_nan_or_infinite() -> None:
    array = np.array([0.0, -0.0, 1 / 3, 1e-40, 3e38, math.nan, math.inf, -math.inf], np.float32)
    arrived = decoded(a=array)["a"]
    assert arrived.dtype == np.float32
    assert arrived.tobytes() == array.tobytes()


def test_double_precision_is_narrowed_to_single() -> None:
    reals, whole = np.array([math.pi, -1e-9]), np.array([-(2**31), 2**31 - 1], dtype=np.int64)
    arrived = decoded(reals=reals, whole=whole)
    assert arrived["reals"].dtype == np.float32
    np.testing.assert_array_equal(arrived["reals"], reals.astype(np.float32))
    assert arrived["whole"].dtype == np.int32
    np.testing.assert_array_equal(arrived["whole"], whole)


MATRIX = np.arange(12, dtype=np.int16).reshape(3, 4)


@pytest.mark.parametrize(
    "matrix",
    [MATRIX, MATRIX.T, np.asfortranarray(MATRIX), MATRIX[::2, ::-1], MATRIX[:1], MATRIX[:, :1]],
    ids=["plain", "transposed", "by columns", "strided", "one row", "one column"],
)
def test_a_matrix_keeps_its_rows_however_it_lies_in_memory(matrix: Array) -> None:
    np.testing.assert_array_equal(decoded(m=matrix)["m"], matrix)


@pytest.mark.parametrize("shape", [(0,), (0, 5)])
def test_an_empty_array_is_an_array_without_entries(shape: tuple[int, ...]) -> None:
    message = encode({"a": np.empty(shape, np.float32), "b": np.array([7], np.int8)})
    content = Decoder(message).content
    assert content["a"].size == 0
    assert content["b"].tolist() == [7]


def test_arrays_stand_anywhere_in_the_header() -> None:
    first, second = np.array([1, 2], np.int32), np.array([3.5], np.float32)
    content = decoded(deep=[{"x": [first, "text"]}, None], flat=second, number=4)
    np.testing.assert_array_equal(content["deep"][0]["x"][0], first)
    assert content["deep"][0]["x"][1] == "text"
    assert content["deep"][1] is None
    np.testing.assert_array_equal(content["flat"], second)
    assert content["number"] == 4


# Quantised values


signed = hypothesis_numpy.arrays(
    np.float64, st.integers(1, 30), elements=st.floats(-1, 1, allow_subnormal=False)
)
probabilities = hypothesis_numpy.arrays(
    np.float64, st.integers(1, 30), elements=st.floats(0, 1, allow_subnormal=False)
)
ROUNDING = 1 + 1e-9


@given(shares=signed, limit=st.floats(1e-3, 1e3))
def test_signed_values_keep_to_the_error_that_is_promised(shares: Array, limit: float) -> None:
    values = shares * limit
    arrived = decoded(q=quantise_signed(values, limit))["q"]
    assert np.abs(arrived - values).max() <= limit / 65534 * ROUNDING


def test_signed_values_take_two_bytes_and_are_exact_at_zero_and_at_the_limits() -> None:
    values = np.array([-2.5, 0.0, 2.5])
    quantised = quantise_signed(values, 2.5)
    assert quantised.array.dtype == np.int16
    np.testing.assert_allclose(decoded(q=quantised)["q"], values, rtol=1e-12)


def test_signed_values_beyond_the_limit_stop_there() -> None:
    arrived = decoded(q=quantise_signed(np.array([-9.0, 9.0]), 1.0))["q"]
    np.testing.assert_allclose(arrived, [-1.0, 1.0])


@given(values=probabilities)
def test_probabilities_keep_to_the_error_that_is_promised(values: Array) -> None:
    arrived = decoded(q=quantise_probabilities(values))["q"]
    error = np.abs(arrived - values)
    assert error.max() <= 0.004
    # Half a step of 1/255 in the root: the error falls with the root of the probability.
    half = 1 / 510
    assert np.all(error <= (2 * np.sqrt(values) * half + half**2) * ROUNDING)


def test_probabilities_take_one_byte_and_are_exact_at_both_ends() -> None:
    quantised = quantise_probabilities(np.array([0.0, 1.0]))
    assert quantised.array.dtype == np.uint8
    np.testing.assert_allclose(decoded(q=quantised)["q"], [0.0, 1.0], rtol=1e-12)


def test_small_probabilities_stay_apart() -> None:
    arrived = decoded(q=quantise_probabilities(np.array([0.0001, 0.001, 0.004])))["q"]
    assert 0 < arrived[0] < arrived[1] < arrived[2]


def test_a_quantised_matrix_keeps_its_rows() -> None:
    values = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    arrived = decoded(q=quantise_signed(values.T, 1.0))["q"]
    assert arrived.shape == (4, 3)
    np.testing.assert_allclose(arrived, values.T, atol=1 / 65000)


# Layout


def test_a_shared_array_is_written_once() -> None:
    array = np.arange(100, dtype=np.float32)
    header = {"a": array, "b": [array]}
    decoder = Decoder(encode(header))
    assert decoder.offsets == [0, 0]
    assert len(encode(header)) < len(encode({"a": array})) + array.nbytes
    np.testing.assert_array_equal(decoder.content["b"][0], array)


def test_an_array_that_is_narrowed_is_shared_too() -> None:
    array = np.arange(100)
    assert Decoder(encode({"a": array, "b": array})).offsets == [0, 0]


def test_a_scale_is_not_shared_with_the_array() -> None:
    array = np.array([1, 2, 3], np.int16)
    content = decoded(plain=array, halves=Quantised(array, 0.5), again=array)
    assert content["plain"].tolist() == content["again"].tolist() == [1, 2, 3]
    assert content["halves"].tolist() == [0.5, 1.0, 1.5]


@pytest.mark.parametrize("length", range(8))
def test_every_array_begins_at_a_multiple_of_eight_bytes(length: int) -> None:
    arrays = [np.arange(n, dtype=np.uint8) for n in (1, 3, 8, 9)]
    message = encode({"x" * (length + 1): 0, "arrays": [*arrays, np.array([1.5], np.float32)]})
    decoder = Decoder(message)
    assert [(decoder.base + offset) % 8 for offset in decoder.offsets] == [0] * 5
    assert decoder.end == len(message)
    for array, arrived in zip(arrays, decoder.content["arrays"], strict=False):
        np.testing.assert_array_equal(arrived, array)


def test_a_frame_without_arrays_is_its_header() -> None:
    message = encode({"sequence": 3})
    assert Decoder(message).content == {"sequence": 3}
    assert len(message) == padded(4 + len('{"sequence":3}'))


# Plain values


@pytest.mark.parametrize("text", ["naïve ␣ 中文 😀", "\ud800", 'a\udfffb\n\x00"\\', ""])
def test_any_text_arrives_as_it_is(text: str) -> None:
    assert decoded(text=text) == {"text": text}


def test_numpy_scalars_arrive_as_plain_numbers() -> None:
    content = decoded(a=np.float32(1.5), b=np.int64(2**40), c=np.bool_(True), d=np.float64(0.1))
    assert content == {"a": 1.5, "b": 2**40, "c": True, "d": 0.1}


@pytest.mark.parametrize("value", [math.nan, math.inf, np.float64("nan"), np.float32("-inf")])
def test_what_json_cannot_say_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode({"deep": [{"value": value}]})


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", object(), 1j], ids=lambda v: type(v).__name__)
def test_an_unknown_type_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match=type(value).__name__):
        encode({"value": value})


@pytest.mark.parametrize("dtype", ["bool", "uint64", "complex64", "object", "<U3"])
def test_an_array_of_a_type_that_the_page_cannot_read_is_refused(dtype: str) -> None:
    with pytest.raises(TypeError):
        encode({"value": np.zeros(3, dtype)})
