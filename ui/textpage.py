"""A page of the text, marked: where the network reads, what was searched for, what is held out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from unicodedata import normalize

import numpy as np

from rnn.analysis import Portrait
from rnn.analysis import corpus as corpora
from rnn.analysis.corpus import Corpus, Hits, Pages
from rnn.vocabulary import IntArray, char_name
from ui import ribbon
from ui.entries import Entry, Source
from ui.live import LiveView

WINDOW, HIT, THIS_HIT = 0.6, -0.4, -1.0
"""Shades of the text: blue where it is read, orange where something was found."""

_TYPED = {"↵": "\n", "⇥": "\t"}
"""What cannot be typed into a field is searched for as the text shows it."""


# Worked out once for each text, not at every click.


@lru_cache(maxsize=2)
def corpus_of(text: str) -> Corpus:
    """The corpus of a text."""
    return corpora.corpus_of(text)


@lru_cache(maxsize=2)
def pages_of(text: str) -> Pages:
    """The pages of a text."""
    return corpora.pages(text)


@lru_cache(maxsize=8)
def _found(corpus: Corpus, needle: str, match_case: bool) -> Hits:
    return corpora.find(corpus, needle, match_case)


def search(text: str, typed: str, match_case: bool) -> Hits:
    """The hits of what was typed: ↵ is a line break, and "é" may stand as one character or as two."""
    corpus = corpus_of(text)
    for sign, char in _TYPED.items():
        if sign not in corpus.chars:
            typed = typed.replace(sign, char)
    spellings = (typed, normalize("NFC", typed), normalize("NFD", typed))
    found = [_found(corpus, spelling, match_case) for spelling in spellings]
    return next((hits for hits in found if len(hits)), found[0])


@dataclass(frozen=True)
class Shown:
    """What is looked at: a page of the text, or the reader's if ``follow``; and one of the hits."""

    text: str
    pages: Pages
    page: int
    follow: bool
    hits: Hits
    hit: int

    def page_now(self, portrait: Portrait) -> int:
        """The number of the page to show, from 0."""
        return reader_page(portrait) if self.follow else self.page


def reader_page(portrait: Portrait) -> int:
    """The page, from 0, on which the first stream's next window starts."""
    return pages_of(portrait.text).of(int(corpora.window_starts(portrait)[0]))


def passage(shown: Shown) -> Source:
    """The page that is looked at; a frame brings it when the page or the reader has moved."""

    def source(view: LiveView) -> Entry:
        portrait = view.portrait
        windows, length = corpora.window_starts(portrait), portrait.config.seq_length
        page = shown.page_now(portrait)
        return Entry(
            (page, length, windows.tobytes()),
            lambda: _content(shown, page, windows, portrait),
        )

    return source


def _content(shown: Shown, page: int, windows: IntArray, portrait: Portrait) -> dict[str, Any]:
    start, stop = shown.pages.bounds(page)
    text, length = shown.text[start:stop], portrait.config.seq_length
    shade, flags = np.zeros(len(text)), np.zeros(len(text), np.uint8)
    for window in windows:
        shade[max(0, window - start) : max(0, window + length - start)] = WINDOW
    hits = shown.hits
    for hit in hits.within(start, stop):
        part = slice(max(0, hits.starts[hit] - start), hits.ends[hit] - start)
        shade[part] = np.minimum(shade[part], THIS_HIT if hit == shown.hit else HIT)
    flags[max(0, portrait.held_out_start - start) :] = ribbon.MUTED
    return ribbon.content(
        text,
        shade=shade,
        flags=flags,
        tips=[_tip(char) for char in text],
        picked=_picked(shown, start, stop, windows),
        empty=_place_said(shown, page, windows, length),
    )


def _picked(shown: Shown, start: int, stop: int, windows: IntArray) -> int | None:
    """What the page scrolls to: the reader if it is followed, else the hit."""
    if shown.follow:
        return int(windows[0]) - start
    if not len(shown.hits):
        return None
    hit = int(shown.hits.starts[shown.hit])
    return hit - start if start <= hit < stop else None


@lru_cache(maxsize=4096)
def _tip(char: str) -> str:
    """The name of a character that cannot be seen for itself; none for the others, to save bytes."""
    name = char_name(char)
    return "" if name == char else name


def _place_said(shown: Shown, page: int, windows: IntArray, length: int) -> str:
    start, stop = shown.pages.bounds(page)
    here = f"Page {page + 1:,} of {len(shown.pages):,}, characters {start + 1:,} to {stop:,}."
    first = int(windows[0]) + 1
    if len(windows) == 1:
        return f"{here} The next window: characters {first:,} to {first + length - 1:,}."
    return (
        f"{here} {len(windows):,} streams each read a window of {length:,} characters at once; "
        f"the first one's next starts at character {first:,}."
    )


def hits_said(hits: Hits, hit: int) -> str:
    """How often it was found, and where the hit that is looked at stands."""
    if not len(hits):
        return "Not found: it stands nowhere in the text."
    place = int(hits.starts[hit]) + 1
    if len(hits) == 1:
        return f"1 hit, at character {place:,}."
    return f"{len(hits):,} hits; number {hit + 1:,}, the darkest, is at character {place:,}."


def held_out_said(portrait: Portrait) -> str:
    """Which part of the text the network never trains on."""
    total, start = len(portrait.text), portrait.held_out_start
    if start == total:
        return (
            "Nothing is held out: the network trains on the whole text. "
            "Held-out share, in the sidebar, keeps a part to test it on."
        )
    page = pages_of(portrait.text).of(start) + 1
    return (
        f"The last {total - start:,} characters, from character {start + 1:,} on page {page:,}, are "
        "held out: the network is tested on them and never trains on them."
    )
