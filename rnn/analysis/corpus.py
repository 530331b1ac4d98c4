"""The text as data: what stands in it, how often, and where; NumPy on indices, however long it is."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnn.analysis.portrait import Portrait
from rnn.levels import Levels
from rnn.network import Array
from rnn.vocabulary import IntArray, Vocabulary

LONGEST_NGRAM = 6
PAGE = 2_000
"""Characters on a page, at most."""

_DENSE = 1 << 22  # n-gram codes up to here are counted in a table, beyond it by sorting
_LARGEST_CODE = 1 << 62
_SLACK = 0.1  # a page may be shorter by this share, to end where a line or a word does


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text and its characters as indices: `ids` (n,) into `chars`, `counts` (V,) of each.

    Two are equal only if they are the same one, so that results can be kept by corpus.
    """

    text: str
    chars: tuple[str, ...]
    ids: Array
    counts: IntArray

    def __len__(self) -> int:
        """How many characters the text has."""
        return len(self.text)

    @property
    def shares(self) -> NDArray[np.float64]:
        """(V,) each character's share of the text, 0 to 1."""
        return self.counts / max(1, len(self))

    @property
    def ranking(self) -> IntArray:
        """(V,) the indices by falling count; characters that are as frequent stay in order."""
        return np.argsort(-self.counts, kind="stable")


def corpus_of(text: str, vocabulary: Vocabulary | None = None) -> Corpus:
    """The corpus of a text; `vocabulary` is the text's own, and found if it is not given."""
    vocabulary = vocabulary or Vocabulary.from_text(text)
    ids = vocabulary.encode(text)
    counts = np.bincount(ids, minlength=len(vocabulary))
    compact = np.uint16 if len(vocabulary) <= 1 << 16 else np.uint32
    return Corpus(text, vocabulary.chars, ids.astype(compact), counts)


# Facts


@dataclass(frozen=True)
class Facts:
    """Sizes of a text: lines end at "\\n", words are what stands between white space."""

    characters: int
    distinct: int
    lines: int
    longest_line: int
    words: int
    longest_word: int


def facts(corpus: Corpus) -> Facts:
    """Count lines and words and measure the longest of each, in characters."""
    ends = _where(corpus, [char == "\n" for char in corpus.chars])
    unended = bool(corpus.text) and not corpus.text.endswith("\n")
    gaps = _gaps(_where(corpus, [char.isspace() for char in corpus.chars]), len(corpus))
    return Facts(
        characters=len(corpus),
        distinct=len(corpus.chars),
        lines=len(ends) + unended,
        longest_line=int(_gaps(ends, len(corpus)).max()),
        words=int(np.count_nonzero(gaps)),
        longest_word=int(gaps.max()),
    )


def _where(corpus: Corpus, wanted: Sequence[bool]) -> IntArray:
    """The places of the characters that are wanted; `wanted` (V,)."""
    return np.flatnonzero(np.array(wanted, dtype=bool)[corpus.ids])


def _gaps(separators: IntArray, length: int) -> IntArray:
    """How many characters stand before, between and after the separators."""
    return np.diff(separators, prepend=-1, append=length) - 1


# n-grams


@dataclass(frozen=True)
class NGrams:
    """The most frequent n-grams: `ids` (k, n) and `counts` (k,), the most frequent first.

    `total` n-grams stand in the text, overlapping, of which `distinct` differ.
    """

    n: int
    total: int
    distinct: int
    ids: Array
    counts: IntArray

    @property
    def shares(self) -> NDArray[np.float64]:
        """(k,) each one's share of all n-grams of the text, 0 to 1."""
        return self.counts / max(1, self.total)


def most_frequent(corpus: Corpus, n: int, most: int) -> NGrams:
    """The `most` most frequent n-grams; of those that are as frequent, the first in code point order.

    Exact: every n-gram becomes one whole number, and equal numbers are counted. Raises ValueError
    for an `n` outside 1..LONGEST_NGRAM or a `most` below 1.
    """
    if not 1 <= n <= LONGEST_NGRAM or most < 1:
        raise ValueError(f"n-grams are counted for n from 1 to {LONGEST_NGRAM}, one at least")
    total = max(0, len(corpus) - n + 1)
    if total == 0:
        return NGrams(n, 0, 0, np.empty((0, n), corpus.ids.dtype), np.empty(0, np.intp))
    codes, size = _codes(corpus.ids, n, len(corpus.chars))
    present, counts = _counted(codes, size)
    first = _largest(counts, most)
    starts = [int(np.argmax(codes == code)) for code in present[first]]
    grams = corpus.ids[np.array(starts)[:, None] + np.arange(n)]
    return NGrams(n, total, len(present), grams, counts[first])


def _codes(ids: Array, n: int, base: int) -> tuple[NDArray[np.int64], int]:
    """A number below `size` for every n-gram, in the order of the n-grams; and `size`."""
    total = len(ids) - n + 1
    codes, size = ids[:total].astype(np.int64), base
    for place in range(1, n):
        if size > _LARGEST_CODE // base:
            # They no longer fit 64 bits: number the beginnings that do occur.
            present, codes = np.unique(codes, return_inverse=True)
            size = len(present)
        codes = codes * base
        codes += ids[place : place + total]
        size *= base
    return codes, size


def _counted(codes: NDArray[np.int64], size: int) -> tuple[IntArray, IntArray]:
    """The codes that occur, rising, and how often each does."""
    if size <= _DENSE:
        table = np.bincount(codes)
        present = np.flatnonzero(table)
        return present, table[present]
    return np.unique(codes, return_counts=True)


def _largest(counts: IntArray, most: int) -> IntArray:
    """The places of the `most` largest counts, largest first, without sorting all of them."""
    if len(counts) > most:
        least = np.partition(counts, -most)[-most]
        above = np.flatnonzero(counts > least)
        level = np.flatnonzero(counts == least)[: most - len(above)]
        chosen = np.concatenate([above, level])
    else:
        chosen = np.arange(len(counts))
    return np.asarray(chosen[np.argsort(-counts[chosen], kind="stable")])


# Simple guessers


@dataclass(frozen=True)
class Guesser:
    """A simple model of the text: what it knows, in words, and its loss in nats per character."""

    name: str
    knows: str
    nats: float

    @property
    def bits(self) -> float:
        """The loss in bits per character."""
        return self.nats / math.log(2)

    @property
    def perplexity(self) -> float:
        """Among how many equally likely characters it might as well choose: e to the loss."""
        return math.exp(self.nats)


_KNOWLEDGE = (
    ("uniform", "guessing", "which characters there are"),
    ("unigram", "1-gram", "how often each character occurs"),
    ("bigram", "2-gram", "what follows each character"),
    ("trigram", "3-gram", "what follows each pair of them"),
)


def guessers(levels: Levels) -> tuple[Guesser, ...]:
    """The guessers that a text has, from the one that knows least; see `rnn.levels.levels`."""
    losses = [getattr(levels, key) for key, _, _ in _KNOWLEDGE]
    return tuple(
        Guesser(name, knows, nats)
        for (_, name, knows), nats in zip(_KNOWLEDGE, losses, strict=True)
        if nats is not None
    )


def beaten(found: Sequence[Guesser], nats: float) -> Guesser | None:
    """Of the guessers that lose more than `nats` per character, the one that loses least."""
    losers = [guesser for guesser in found if guesser.nats > nats]
    return min(losers, key=lambda guesser: guesser.nats, default=None)


# Search


@dataclass(frozen=True, eq=False)
class Hits:
    """Where a search found something: hit i is `text[starts[i]:ends[i]]`; rising, may overlap."""

    starts: IntArray
    ends: IntArray

    def __len__(self) -> int:
        """How many hits there are."""
        return len(self.starts)

    def within(self, start: int, stop: int) -> range:
        """The numbers of the hits of which a part stands in `text[start:stop]`."""
        first = int(np.searchsorted(self.ends, start, "right"))
        return range(first, max(first, int(np.searchsorted(self.starts, stop, "left"))))

    def at_or_after(self, place: int) -> int:
        """The number of the first hit from `place` on, around the end if need be; 0 without any."""
        return int(np.searchsorted(self.starts, place)) % max(1, len(self))


def find(corpus: Corpus, needle: str, match_case: bool = True) -> Hits:
    """All places of `needle`, overlapping ones too; an empty needle is nowhere.

    Characters are compared one by one as they stand, so a letter is found under its combining mark.
    Without `match_case`, by Unicode's full case folding: "STRASSE" finds "straße".
    """
    if not (needle and corpus.text):
        return _no_hits()
    if match_case:
        spelling = _Spelling.plain(corpus)
    else:
        spelling, needle = _Spelling.folded(corpus), needle.casefold()
    known = {char: code for code, char in enumerate(spelling.alphabet)}
    if not all(char in known for char in needle):
        return _no_hits()
    return spelling.find(np.array([known[char] for char in needle]))


def _no_hits() -> Hits:
    return Hits(np.empty(0, np.intp), np.empty(0, np.intp))


@dataclass(frozen=True)
class _Spelling:
    """A text as it is searched: `codes` (m,) into `alphabet`.

    Where one character is spelled as several, `origin` (m,) says which one each code belongs to.
    """

    alphabet: Sequence[str]
    codes: Array
    origin: IntArray | None

    @classmethod
    def plain(cls, corpus: Corpus) -> _Spelling:
        return cls(corpus.chars, corpus.ids, None)

    @classmethod
    def folded(cls, corpus: Corpus) -> _Spelling:
        parts = [char.casefold() for char in corpus.chars]
        alphabet = sorted(set("".join(parts)))
        code = {char: number for number, char in enumerate(alphabet)}
        longest = max(map(len, parts))
        table = np.array([[code[c] for c in part.ljust(longest, part[0])] for part in parts])
        if longest == 1:
            return cls(alphabet, table[:, 0][corpus.ids], None)
        lengths = np.array([len(part) for part in parts])[corpus.ids]
        origin = np.repeat(np.arange(len(corpus)), lengths)
        place = np.arange(len(origin)) - (np.cumsum(lengths) - lengths)[origin]
        return cls(alphabet, table[corpus.ids[origin], place], origin)

    def find(self, pattern: IntArray) -> Hits:
        starts = _matches(self.codes, pattern)
        ends = starts + len(pattern)
        if self.origin is None:
            return Hits(starts, ends)
        # A hit begins and ends where a character of the text does.
        bounds = np.diff(self.origin, prepend=-1, append=len(self.origin)) > 0
        whole = bounds[starts] & bounds[ends]
        return Hits(self.origin[starts[whole]], self.origin[ends[whole] - 1] + 1)


def _matches(codes: Array, pattern: IntArray) -> IntArray:
    """Where `pattern` stands in `codes`: the places that agree, code after code, get fewer."""
    places = np.flatnonzero(codes[: max(0, len(codes) - len(pattern) + 1)] == pattern[0])
    for offset, code in enumerate(pattern[1:], start=1):
        if not len(places):
            break
        places = places[codes[places + offset] == code]
    return places


# Pages and windows


@dataclass(frozen=True)
class Pages:
    """A text cut into pages: page i is `text[starts[i]:starts[i + 1]]`; one page at least."""

    starts: tuple[int, ...]  # the text's end is the last one

    def __len__(self) -> int:
        """How many pages there are."""
        return len(self.starts) - 1

    def bounds(self, page: int) -> tuple[int, int]:
        """Where a page starts and where it stops; the nearest page for one that does not exist."""
        page = min(max(page, 0), len(self) - 1)
        return self.starts[page], self.starts[page + 1]

    def of(self, place: int) -> int:
        """The page on which the character at `place` stands."""
        return min(max(bisect_right(self.starts, place) - 1, 0), len(self) - 1)


def pages(text: str, size: int = PAGE) -> Pages:
    """Cut a text into pages of at most `size` characters, at the end of a line or a word if near."""
    starts = [0]
    while len(text) - starts[-1] > size:
        starts.append(_page_end(text, starts[-1], starts[-1] + size))
    return Pages((*starts, len(text)))


def _page_end(text: str, start: int, limit: int) -> int:
    earliest = max(start + 1, limit - int(_SLACK * (limit - start)))
    for separator in ("\n", " "):
        found = text.rfind(separator, earliest - 1, limit)
        if found >= 0:
            return found + 1
    return limit


def window_starts(portrait: Portrait) -> IntArray:
    """(B,) where in the text the next window of each stream starts.

    The part to train on is cut into B equal parts, read in step (`rnn.windows.Reader`).
    """
    streams = portrait.config.streams
    return np.arange(streams) * (portrait.held_out_start // streams) + portrait.pointer
