"""Limits and estimates in words: what a text and a network may take, told before it is tried."""

from __future__ import annotations

import math
from collections.abc import Callable

from rnn.decoding import MAX_BYTES, MAX_VOCABULARY
from rnn.estimate import iterations_per_second, memory
from rnn.settings import Config
from rnn.trainer import MEMORY_LIMIT

MOST_PASTED = 1_000_000
"""Characters: a text field with more makes a browser slow to type in."""
_READING_IN = 12
"""Bytes a character: while a text is read in, its indices stand in memory beside it."""


def network_words(config: Config, text: str, chars: tuple[str, ...]) -> str:
    """What a run of these settings on the text takes: memory, of how much at most, and its pace."""
    needed = in_bytes(memory(config, text, chars).total)
    pace = iterations_per_second(config, len(chars))
    return (
        f"About {needed} of memory, of {in_bytes(MEMORY_LIMIT)} at most, and {per_second(pace)} "
        "iterations/s while nothing else keeps this computer busy. Both are estimates."
    )


def text_words(config: Config, vocab_size: int) -> str:
    """How large a text may be, and why: what it takes to read in, and how long one reading lasts."""
    characters = iterations_per_second(config, vocab_size) * config.seq_length * config.streams
    largest = f"{MAX_BYTES >> 20} MB"
    return (
        f"At most {largest} in a file or {MOST_PASTED:,} characters pasted here, of them "
        f"{MAX_VOCABULARY:,} distinct: {largest} need about {in_bytes(_READING_IN * MAX_BYTES)} of "
        f"memory to be read in and, at this network's pace, about {duration(MAX_BYTES / characters)} "
        "to be learned from once."
    )


def in_bytes(size: float) -> str:
    """Bytes in MB or GB, in two digits, never fewer than they are: "0.7 MB", "14 MB", "1.3 GB"."""
    unit, name = (1 << 30, "GB") if size > 999 << 20 else (1 << 20, "MB")
    return f"{_two_digits(max(size / unit, 0.1), math.ceil)} {name}"


def per_second(pace: float) -> str:
    """Iterations a second in two digits: "0.5", "2,600"."""
    return _two_digits(pace, round)


def duration(seconds: float) -> str:
    """Seconds in the largest unit of which there are two: "40 seconds", "7 minutes", "30 hours"."""
    for name, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{_two_digits(seconds / length, round)} {name}"
    return f"{max(2, round(seconds))} seconds"


def _two_digits(value: float, rounding: Callable[[float], int]) -> str:
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    kept = rounding(round(value / step, 6)) * step  # 60.000000001 is not 61
    return f"{kept:,.0f}" if kept >= 10 else f"{kept:.2g}"
