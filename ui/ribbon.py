"""What a ribbon shows: a text whose every character carries a shade, flags and a tip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnn.vocabulary import char_mark
from ui.frames import quantise_signed

UNKNOWN, SPAN, BOX, MUTED = 1, 2, 4, 8
"""Flags of a character: not in the vocabulary, part of a marked span, outlined, of less importance."""


def content(
    text: str,
    shade: NDArray[Any] | None = None,
    flags: NDArray[Any] | None = None,
    tips: Sequence[str] | None = None,
    picked: int | None = None,
    empty: str | None = None,
) -> dict[str, Any]:
    """The entry of a ribbon for ``text`` of n characters.

    ``shade`` (n,) in -1..1 goes from orange to blue; ``flags`` (n,) are sums of `UNKNOWN`, `SPAN`, `BOX`
    and `MUTED`; ``tips`` are plain words, one a character; ``picked`` is the place that is marked;
    ``empty`` is said below the text, for when there is nothing to show.
    """
    return {
        "marks": [visible(char) for char in text],
        "shade": None if shade is None else quantise_signed(np.asarray(shade, np.float64), 1.0),
        "flags": None if flags is None else np.asarray(flags, np.uint8),
        "tips": None if tips is None else list(tips),
        "picked": picked,
        "empty": empty,
    }


def visible(char: str) -> str:
    """The character as it stands in running text: a line break is seen and still breaks the line."""
    if char == "\n":
        return "↵\n"
    return " " if char == " " else char_mark(char)
