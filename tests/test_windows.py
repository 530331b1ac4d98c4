"""The windows of the text, by their properties: whatever the text, the streams and the lengths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn.windows import Reader, TextError


@st.composite
def readings(draw: st.DrawFn) -> tuple[np.ndarray, int, list[int]]:
    """A text as indices, the number of streams, and the lengths of the windows that are read."""
    lengths = draw(st.lists(st.integers(1, 7), min_size=1, max_size=40))
    streams = draw(st.integers(1, 4))
    size = draw(st.integers((max(lengths) + 1) * streams, 120))
    largest = draw(st.sampled_from([5, 70_000]))  # beyond 16 bits, indices are kept in 32
    values = st.lists(st.integers(0, largest), min_size=size, max_size=size)
    return np.array(draw(values), np.intp), streams, lengths


@given(reading=readings())
def test_windows_follow_each_other_through_every_part_of_the_text(
    reading: tuple[np.ndarray, int, list[int]],
) -> None:
    text, streams, lengths = reading
    part = len(text) // streams
    reader = Reader(text, streams)
    place, epoch = 0, 0
    for number, length in enumerate(lengths):
        starts_over = place + length + 1 >= part
        if starts_over:
            epoch += place > 0
            place = 0
        assert reader.wraps(length) == starts_over
        window = np.full((length + 1, streams), -1, np.intp)
        assert reader.read(window) == starts_over, number
        for stream in range(streams):
            start = stream * part + place
            np.testing.assert_array_equal(window[:, stream], text[start : start + length + 1])
        place += length
        assert (reader.pointer, reader.epoch) == (place, epoch)


@given(size=st.integers(1, 60), streams=st.integers(1, 5), length=st.integers(1, 20))
def test_a_text_is_long_enough_or_refused(size: int, streams: int, length: int) -> None:
    reader = Reader(np.zeros(size, np.intp), streams)
    if size // streams > length:
        reader.require(length)
        reader.read(np.zeros((length + 1, streams), np.intp))
    else:
        with pytest.raises(TextError, match=f"needs at least {(length + 1) * streams:,};"):
            reader.require(length)
