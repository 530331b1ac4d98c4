"""Characters to indices and back, and how to show a character that cannot be seen."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

IntArray = NDArray[np.intp]

_CODE_POINTS = 0x110000
_PIECE = 1 << 20  # characters encoded at a time, so that a large text needs little extra memory


class UnknownCharacter(ValueError):
    """Some characters are not in the vocabulary; `chars` holds them."""

    def __init__(self, chars: tuple[str, ...]) -> None:
        """Make the sentence that names the characters."""
        self.chars = chars
        named = ", ".join(char_name(char) for char in chars[:8])
        more = f" and {len(chars) - 8} more" if len(chars) > 8 else ""
        noun = "character" if len(chars) == 1 else "characters"
        super().__init__(
            f"The network does not know the {noun} {named}{more}; "
            "use only characters that its training text has."
        )


@dataclass(frozen=True)
class Vocabulary:
    """The distinct characters of a text, sorted by code point; a character's index is its place.

    Immutable, and equal to another one with the same characters.
    Raises ValueError if `chars` is not made of single characters in strictly rising order.
    """

    chars: tuple[str, ...]
    _codes: NDArray[np.uint32] = field(init=False, repr=False, compare=False)  # (V,) code points
    _index_of: IntArray = field(init=False, repr=False, compare=False)  # code point -> index or -1

    def __post_init__(self) -> None:
        """Check the characters and prepare the two lookup tables."""
        codes = _checked_codes(self.chars)
        index_of = np.full(int(codes[-1]) + 2 if len(codes) else 1, -1, dtype=np.intp)
        index_of[codes] = np.arange(len(codes))
        for name, table in (("_codes", codes), ("_index_of", index_of)):
            table.setflags(write=False)
            object.__setattr__(self, name, table)

    @classmethod
    def from_text(cls, text: str) -> Vocabulary:
        """The vocabulary of a text; an empty text has an empty one."""
        return cls(_distinct(text))

    def __len__(self) -> int:
        """V, the number of characters."""
        return len(self.chars)

    def encode(self, text: str) -> IntArray:
        """The index of every character of the text, (n,); raises UnknownCharacter."""
        ids = np.empty(len(text), dtype=np.intp)
        start = 0
        for codes in _code_points(text):
            # mode="clip": code points beyond the largest known one read the table's last entry, -1
            np.take(self._index_of, codes, out=ids[start : start + len(codes)], mode="clip")
            start += len(codes)
        if len(ids) and ids.min() < 0:
            raise UnknownCharacter(self.unknown(text))
        return ids

    def decode(self, ids: ArrayLike) -> str:
        """The text of the indices (n,); raises IndexError for an index outside 0..V-1."""
        indices = np.asarray(ids, dtype=np.intp)
        if indices.size and (indices.min() < 0 or indices.max() >= len(self)):
            raise IndexError(f"an index lies outside 0..{len(self) - 1}")
        return _text(self._codes[indices])

    def unknown(self, text: str) -> tuple[str, ...]:
        """The characters of the text that are not in the vocabulary, sorted."""
        known = set(self.chars)
        return tuple(char for char in _distinct(text) if char not in known)


def _code_points(text: str) -> Iterator[NDArray[np.uint32]]:
    """The text's code points, piece by piece; lone surrogates pass."""
    for start in range(0, len(text), _PIECE):
        piece = text[start : start + _PIECE].encode("utf-32-le", "surrogatepass")
        yield np.frombuffer(piece, dtype="<u4")


def _distinct(text: str) -> tuple[str, ...]:
    present = np.zeros(_CODE_POINTS, dtype=bool)
    for codes in _code_points(text):
        present[codes] = True
    return tuple(chr(code) for code in np.flatnonzero(present))


def _text(codes: NDArray[np.uint32]) -> str:
    return codes.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


def _checked_codes(chars: tuple[str, ...]) -> NDArray[np.uint32]:
    if any(len(char) != 1 for char in chars):
        raise ValueError("a vocabulary is made of single characters")
    codes = np.fromiter(map(ord, chars), dtype=np.uint32, count=len(chars))
    if np.any(codes[1:] <= codes[:-1]):
        raise ValueError("a vocabulary's characters stand in rising order, each once")
    return codes


_MARKS = {" ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍"}
_NAMES = {" ": "␠ space", "\n": "↵ newline", "\t": "⇥ tab", "\r": "␍ carriage return"}
_CONTROLS = {  # Unicode gives control characters no formal name; these are the aliases of some
    "\x00": "NULL",
    "\x07": "BELL",
    "\x08": "BACKSPACE",
    "\x0b": "LINE TABULATION",
    "\x0c": "FORM FEED",
    "\x1a": "SUBSTITUTE",
    "\x1b": "ESCAPE",
    "\x7f": "DELETE",
    "\x85": "NEXT LINE",
}
_UNNAMED = {"Cc": "CONTROL", "Cs": "LONE SURROGATE", "Co": "PRIVATE USE", "Cn": "UNASSIGNED"}


def char_name(char: str) -> str:
    """A name that can be seen: `a`, `␠ space`, `U+0007 BELL`, `◌́ COMBINING ACUTE ACCENT`."""
    if char in _NAMES:
        return _NAMES[char]
    category = unicodedata.category(char)
    if category[0] not in "CZM":
        return char
    return f"{char_mark(char)} {_unicode_name(char, category)}"


def char_mark(char: str) -> str:
    """A short visible sign for an axis: the character itself, `␣`, `↵`, or its number, `U+0007`.

    Two characters never share a mark: the sign `↵` itself, in a text, is marked by its number.
    """
    if char in _MARKS:
        return _MARKS[char]
    category = unicodedata.category(char)
    if category[0] in "CZ" or char in _MARKS.values():
        return f"U+{ord(char):04X}"
    return f"◌{char}" if category[0] == "M" else char


def _unicode_name(char: str, category: str) -> str:
    if char in _CONTROLS:
        return _CONTROLS[char]
    return unicodedata.name(char, _UNNAMED.get(category, "UNNAMED"))
