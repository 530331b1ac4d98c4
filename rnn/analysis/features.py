"""What can be said of every place of a text: its characters' kinds, and where it stands.

A feature is judged after its character has been read, as the hidden state is: an opening bracket
already counts as inside, the closing one no longer does. What was left open ends with the paragraph
(an empty line), so that one unclosed bracket or quotation mark does not spoil the rest.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEWEST = 20
"""A feature is too rare in a text where fewer places than this have it, or fewer are without it."""

_OPENING, _CLOSING = "([{", ")]}"
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "„": "“"}
_APOSTROPHES = "'’"
_VOWELS = frozenset("aeiouæœøıаеёиоуыэюяєіїαεηιουω")
_SCRIPTS = ("LATIN ", "CYRILLIC ", "GREEK ")


@dataclass(frozen=True)
class Feature:
    """One thing to know of a place: `label` names it, `high` says where its values are large.

    A graded feature is a count; any other is 1 where it holds and 0 where it does not.
    `measure` gives it for every character of a text, (n,), NaN where the question does not arise.
    """

    key: str
    label: str
    high: str
    graded: bool
    measure: Callable[[str], Floats]


@dataclass(frozen=True, eq=False)
class Observed:
    """A feature as it stands in a text: `values` (k,) at the `places` (k,) where it applies."""

    feature: Feature
    places: NDArray[np.intp]
    values: Floats


def observe(text: str) -> tuple[tuple[Observed, ...], tuple[Feature, ...]]:
    """The features that this text has enough of to be looked for, and those that are too rare in it.

    Bracket depth is in neither where it hardly exceeds 1: then it is "inside brackets".
    """
    present, too_rare = [], []
    for feature in FEATURES:
        values = feature.measure(text)
        places = np.flatnonzero(~np.isnan(values))
        observed = Observed(feature, places, values[places])
        if _enough(observed):
            present.append(observed)
        elif feature is not DEPTH:
            too_rare.append(feature)
    return tuple(present), tuple(too_rare)


def _enough(observed: Observed) -> bool:
    values = observed.values
    if observed.feature is DEPTH:
        with_it = np.count_nonzero(values > 1)
    elif observed.feature.graded:
        usual = np.median(values) if len(values) else np.nan
        with_it = np.count_nonzero(values != usual)
    else:
        with_it = min(np.count_nonzero(values), np.count_nonzero(values == 0))
    return int(with_it) >= FEWEST


# What is measured


def _holds(text: str, holds: Callable[[str], bool], asked: Callable[[str], bool]) -> Floats:
    """1 or 0 for every character that is asked about, NaN for the others."""
    values = (float(holds(char)) if asked(char) else np.nan for char in text)
    return np.fromiter(values, np.float64, len(text))


def _letter(text: str) -> Floats:
    return _holds(text, str.isalpha, lambda char: char == " " or char.isalpha())


def _vowel(text: str) -> Floats:
    return _holds(text, lambda char: _base(char) in _VOWELS, lambda char: _base(char) != "")


@cache
def _base(char: str) -> str:
    """The small letter without accents, if the script tells vowels from consonants, else nothing."""
    if not char.isalpha() or not unicodedata.name(char, "").startswith(_SCRIPTS):
        return ""
    lower = char.lower()
    return lower if lower in _VOWELS else unicodedata.normalize("NFD", lower)[0]


def _capital(text: str) -> Floats:
    return _holds(text, str.isupper, lambda char: char.isupper() or char.islower())


def _newline(text: str) -> Floats:
    return _holds(text, lambda char: char == "\n", lambda char: True)


def _depth(text: str) -> Floats:
    depth, depths = 0, np.zeros(len(text))
    for place, char in enumerate(text):
        if char in _OPENING:
            depth += 1
        elif char in _CLOSING:
            depth = max(0, depth - 1)
        elif _ends_paragraph(text, place):
            depth = 0
        depths[place] = depth
    return depths


def _inside_brackets(text: str) -> Floats:
    return (_depth(text) > 0).astype(np.float64)


def _inside_quotes(text: str) -> Floats:
    """Quotation marks of the usual kinds; an apostrophe between two letters is none of them."""
    closing, inside = "", np.zeros(len(text))
    for place, char in enumerate(text):
        if _ends_paragraph(text, place) or (char == closing and not _apostrophe(text, place)):
            closing = ""
        elif not closing and char in _QUOTES and _opens(text, place):
            closing = _QUOTES[char]
        inside[place] = closing != ""
    return inside


def _ends_paragraph(text: str, place: int) -> bool:
    return text[place] == "\n" and text[place - 1 : place] == "\n"


def _opens(text: str, place: int) -> bool:
    if text[place] != "'":
        return True
    after = text[place + 1 : place + 2]
    return not text[place - 1 : place].isalnum() and after != "" and not after.isspace()


def _apostrophe(text: str, place: int) -> bool:
    return text[place] in _APOSTROPHES and text[place + 1 : place + 2].isalnum()


def _place_in_line(text: str) -> Floats:
    """How many characters have been read since the last line break, in a text that has any."""
    if "\n" not in text:
        return np.full(len(text), np.nan)
    counts = accumulate(text, lambda count, char: 0 if char == "\n" else count + 1, initial=0)
    return np.fromiter(counts, np.float64, len(text) + 1)[1:]


def _place_in_word(text: str) -> Floats:
    """1 at a word's first character, and so on; a word is made of letters, digits and _.

    A text that is a single word has no words to tell apart.
    """
    counts = np.full(len(text), np.nan)
    if text.isalnum():
        return counts
    count = 0
    for place in range(len(text)):
        count = count + 1 if _in_word(text, place) else 0
        if count:
            counts[place] = count
    return counts


def _in_word(text: str, place: int) -> bool:
    char = text[place]
    if char in _APOSTROPHES:
        before, after = text[max(0, place - 1) : place], text[place + 1 : place + 2]
        return before.isalpha() and after.isalpha()
    return char.isalnum() or char == "_"


DEPTH = Feature("depth", "bracket depth", "deep in brackets", True, _depth)

FEATURES = (
    Feature("letter", "letter or space", "on letters", False, _letter),
    Feature("vowel", "vowel or consonant", "on vowels", False, _vowel),
    Feature("capital", "capital or small letter", "on capitals", False, _capital),
    Feature("newline", "line break or not", "at line breaks", False, _newline),
    Feature("brackets", "inside brackets", "inside brackets", False, _inside_brackets),
    DEPTH,
    Feature("quotes", "inside quotes", "inside quotes", False, _inside_quotes),
    Feature("line", "place in the line", "late in the line", True, _place_in_line),
    Feature("word", "place in the word", "late in the word", True, _place_in_word),
)
"""All features, in the order in which they are told."""
