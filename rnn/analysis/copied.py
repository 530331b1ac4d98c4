"""Copied or new: which spans and which words of a sample stand in the training text.

Every run of `shortest` characters of the sample gets a number, and the text is read once to note where
each of them stands. Then spans grow from there: to the left and to the right, all places of the text
at once, dropping those that differ, until none is left. A span that reaches further than the last one
holds the run that ends just after it or starts later, so each span is grown once: the work is one pass
over the text, and for each span the places that it stands at.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from rnn.analysis.portrait import Report
from rnn.network import Array
from rnn.vocabulary import IntArray

SHORTEST = 8
_CHUNK = 1 << 14  # characters of the text searched between two reports: a few milliseconds
_WORDS_BETWEEN_REPORTS = 1 << 13
_SEARCH, _SPANS = 0.6, 0.8  # shares of the work done when each part is; the words are the rest

WORD = re.compile(r"\w+(?:['’]\w+)*")
"""Letters, digits and underscores in a row, apostrophes inside them included."""

Codes = NDArray[np.uint32]


@dataclass(frozen=True)
class Span:
    """`sample[start:end]` stands in the text from `place` on, and there is nothing longer around it."""

    start: int
    end: int
    place: int

    @property
    def length(self) -> int:
        """How many characters it has."""
        return self.end - self.start


@dataclass(frozen=True)
class Copied:
    """What of a sample of `length` characters stands word for word in the training text.

    `spans` are in order of their start (and of their end); they may overlap. `words` counts the
    sample's words and `known_words` those that the text has, each as often as it occurs; the word at
    either edge, which may be cut off, is left out. `new_words` are the others, each once, in order.
    """

    length: int
    spans: tuple[Span, ...]
    words: int
    known_words: int
    new_words: tuple[str, ...]

    @property
    def owners(self) -> IntArray:
        """(length,) the number of the longest span that each character belongs to, or -1."""
        owners = np.full(self.length, -1, np.intp)
        by_length = sorted(range(len(self.spans)), key=lambda number: self.spans[number].length)
        for number in by_length:
            owners[self.spans[number].start : self.spans[number].end] = number
        return owners

    @property
    def share(self) -> float | None:
        """The share of the characters that belong to a span; None for an empty sample."""
        return float(np.mean(self.owners >= 0)) if self.length else None

    @property
    def word_share(self) -> float | None:
        """The share of the sample's words that the text has; None where there is no word."""
        return self.known_words / self.words if self.words else None

    @property
    def longest(self) -> Span | None:
        """The longest span, the first of several."""
        return max(self.spans, key=lambda span: span.length, default=None)


def copied(sample: str, text: str, report: Report, shortest: int = SHORTEST) -> Copied:
    """Compare a sample with a text; spans have at least `shortest` characters."""
    spans = _spans(sample, text, shortest, report)
    words = _inner_words(sample)
    known = _known(set(words), text, lambda share: report(_SPANS + (1 - _SPANS) * share))
    return Copied(
        length=len(sample),
        spans=spans,
        words=len(words),
        known_words=sum(word in known for word in words),
        new_words=tuple(dict.fromkeys(word for word in words if word not in known)),
    )


# -- spans -----------------------------------------------------------------------------------------


def _spans(sample: str, text: str, shortest: int, report: Report) -> tuple[Span, ...]:
    if len(sample) < shortest or len(text) < shortest:
        return ()
    search = _Search(_codes(sample), _codes(text), shortest)
    search.find(lambda share: report(_SEARCH * share))
    spans: list[Span] = []
    seed, seeds = 0, len(sample) - shortest + 1
    while seed < seeds:
        share = _SEARCH + (_SPANS - _SEARCH) * seed / seeds
        span = search.widest(seed, partial(report, share))
        if span is None:
            seed += 1
        else:
            spans.append(span)
            seed = span.end - shortest + 1
    return tuple(spans)


def _codes(text: str) -> Codes:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


class _Search:
    """Where each run of `shortest` characters of the sample stands in the text."""

    def __init__(self, sample: Codes, text: Codes, shortest: int) -> None:
        self._sample, self._text, self._shortest = sample, text, shortest
        self._names = _Names(sample, shortest)
        self._text_names: Array = np.zeros(len(text) - shortest + 1, np.int32)
        self._places: IntArray = np.zeros(0, np.intp)
        self._starts: IntArray = np.zeros(0, np.intp)

    def find(self, report: Report) -> None:
        """Read the text once."""
        runs = len(self._text_names)
        for start in range(0, runs, _CHUNK):
            piece = self._text[start : start + _CHUNK + self._shortest - 1]
            self._text_names[start : start + _CHUNK] = self._names.of(piece)
            report(start / runs)
        places = np.flatnonzero(self._text_names)
        names = self._text_names[places]
        self._places = places[np.argsort(names, kind="stable")]
        self._starts = np.searchsorted(np.sort(names), np.arange(self._names.count + 2))

    def widest(self, seed: int, rest: Callable[[], None]) -> Span | None:
        """The span that holds the run at `seed`: as far left as it goes, then as far right.

        None if the run does not stand in the text. Calls `rest` every few milliseconds.
        """
        name = self._names.sample[seed]
        places = self._places[self._starts[name] : self._starts[name + 1]]
        if len(places) == 0:
            return None
        start, places = self._grow_left(seed, places, rest)
        end = seed + self._shortest
        # By whole runs while their names agree, which is quick, and then by single characters.
        by_runs = (self._text_names, self._names.sample, self._shortest)
        for there, here, step in (by_runs, (self._text, self._sample, 1)):
            while end + step <= len(self._sample):
                kept = places[places + (end - start) < len(there)]
                kept = kept[there[kept + (end - start)] == here[end]]
                if len(kept) == 0:
                    break
                places, end = kept, end + step
                rest()
        return Span(start, end, int(places[0]))

    def _grow_left(
        self, start: int, places: IntArray, rest: Callable[[], None]
    ) -> tuple[int, IntArray]:
        """Where the span starts that agrees furthest to the left, and where that stands."""
        while start > 0:
            before = places[places > 0] - 1
            kept = before[self._text[before] == self._sample[start - 1]]
            if len(kept) == 0:
                break
            start, places = start - 1, kept
            rest()
        return start, places


class _Names:
    """Numbers for the runs of `length` characters of a sample, 1 and up; 0 is any other run.

    A run of 2p characters is named by the names of its two halves, so that equal names mean equal
    runs, with no chance of a collision: Karp, Miller and Rosenberg (1972), "Rapid identification of
    repeated patterns in strings, trees and arrays".
    """

    def __init__(self, sample: Codes, length: int) -> None:
        self._steps: list[tuple[int, NDArray[np.int64]]] = []  # the halves' distance, known pairs
        self._alphabet = np.unique(sample).astype(np.int64)
        names, size = _named(self._alphabet, sample.astype(np.int64)), 1
        while size < length:
            distance = min(size, length - size)
            pairs = _pairs(names, distance)
            self._steps.append((distance, np.unique(pairs)))
            names, size = _named(self._steps[-1][1], pairs), size + distance
        self.sample = names
        self.count = int(names.max(initial=0))

    def of(self, codes: Codes) -> NDArray[np.int64]:
        """The names of all runs of `codes`."""
        names = _named(self._alphabet, codes.astype(np.int64))
        for distance, known in self._steps:
            pairs = _pairs(names, distance)
            names = _named(known, pairs)  # no known pair has a half that is 0
        return names


def _pairs(names: NDArray[np.int64], distance: int) -> NDArray[np.int64]:
    return (names[: len(names) - distance] << 32) | names[distance:]


def _named(known: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """1 and the place of each value in the rising `known`, or 0 where it is not among them."""
    places = np.minimum(np.searchsorted(known, values), len(known) - 1)
    return np.where(known[places] == values, places + 1, 0)


# -- words -----------------------------------------------------------------------------------------


def _inner_words(sample: str) -> list[str]:
    """The sample's words but for those at its edges."""
    return [
        match.group()
        for match in WORD.finditer(sample)
        if match.start() > 0 and match.end() < len(sample)
    ]


def _known(words: set[str], text: str, report: Report) -> set[str]:
    """Those of the words that the text has as words."""
    known: set[str] = set()
    for number, match in enumerate(WORD.finditer(text)):
        if len(known) == len(words):
            break
        if match.group() in words:
            known.add(match.group())
        if number % _WORDS_BETWEEN_REPORTS == 0:
            report(match.end() / len(text))
    report(1.0)
    return known
