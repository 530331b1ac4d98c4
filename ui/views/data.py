"""The blocks of the Data page: the text, what stands in it, and where the network reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from rnn.analysis import Portrait, Report
from rnn.analysis import corpus as corpora
from rnn.analysis.corpus import Corpus, Hits, NGrams, Pages
from rnn.vocabulary import char_mark, char_name
from ui import ribbon, state
from ui.entries import Entry, Source
from ui.figures import frequencies as frequencies_figure
from ui.figures import ngrams as ngrams_figure
from ui.figures.base import plain
from ui.live import LiveRun, LiveView
from ui.shell import Page

NGRAMS_SHOWN = 30
QUICK = 4_000_000
"""Characters up to which n-grams are counted at once; in a longer text only when asked to."""

_TABLE_HEIGHT = 420
_TEXT_HEIGHT = 430
_LONGEST_SEARCH = 200
_WINDOW, _HIT, _THIS_HIT = 0.6, -0.4, -1.0
"""Shades of the text: blue where it is read, orange where something was found."""
_TYPED = {"↵": "\n", "⇥": "\t"}
"""How characters that cannot be typed into a field are searched for: as the text shows them."""


@lru_cache(maxsize=2)
def _corpus(text: str) -> Corpus:
    return corpora.corpus_of(text)


@lru_cache(maxsize=2)
def _pages(text: str) -> Pages:
    return corpora.pages(text)


@lru_cache(maxsize=2)
def _facts(corpus: Corpus) -> corpora.Facts:
    return corpora.facts(corpus)


@lru_cache(maxsize=8)
def _hits(corpus: Corpus, needle: str, match_case: bool) -> Hits:
    return corpora.find(corpus, needle, match_case)


@lru_cache(maxsize=16)
def _ngrams(corpus: Corpus, n: int) -> NGrams:
    return corpora.most_frequent(corpus, n, NGRAMS_SHOWN)


# Facts


def facts(page: Page) -> None:
    """The text in six numbers."""
    found = _facts(_corpus(page.run.text))
    with st.container(horizontal=True, gap="medium"):
        for label, value in (
            ("Characters", found.characters),
            ("Distinct", found.distinct),
            ("Lines", found.lines),
            ("Longest line", found.longest_line),
            ("Words", found.words),
            ("Longest word", found.longest_word),
        ):
            st.metric(label, f"{value:,}", width="content")


# The text


@dataclass(frozen=True)
class _Shown:
    """What of the text is looked at: a page or the reader's, and the hits of a search."""

    corpus: Corpus
    pages: Pages
    page: int
    follow: bool
    hits: Hits
    hit: int


def text(page: Page) -> None:
    """The text page by page, with the window that is read next, the held-out part and a search."""
    shown = _shown(page.run)
    _turning(page.run, shown)
    _searching(page.run, shown)
    page.ribbon(
        "text",
        _passage(shown),
        "The text",
        "Blue: the window that is read next. Orange: what was searched for. Faded: held out.",
        height=_TEXT_HEIGHT,
    )
    st.caption(_held_out(page.run.portrait(), shown.pages))


def _shown(run: LiveRun) -> _Shown:
    corpus, pages = _corpus(run.text), _pages(run.text)
    typed = state.widget_value("data_search", "") or ""
    hits = _hits(corpus, _needle(typed, corpus.chars), state.widget_value("data_case", False))
    number = state.widget_value("data_page", 1)
    if not 1 <= number <= len(pages):
        number = len(pages)
        state.set_widget("data_page", number)
    return _Shown(
        corpus=corpus,
        pages=pages,
        page=number - 1,
        follow=state.widget_value("data_follow", False),
        hits=hits,
        hit=state.widget_value("data_hit", 0) % max(1, len(hits)),
    )


def _needle(typed: str, chars: tuple[str, ...]) -> str:
    """What is searched for: ``↵`` is a line break unless the text has that sign itself."""
    for sign, char in _TYPED.items():
        if sign not in chars:
            typed = typed.replace(sign, char)
    return typed


def _turning(run: LiveRun, shown: _Shown) -> None:
    last = len(shown.pages)
    with st.container(horizontal=True, vertical_alignment="bottom", key="data_pages"):
        at_start = shown.page == 0 and not shown.follow
        _turn_button(run, "First", at_start, lambda page: 1)
        _turn_button(run, "Previous", at_start, lambda page: page - 1)
        st.number_input(
            f"Page (1 to {last:,})",
            min_value=1,
            max_value=last,
            step=1,
            key="data_page",
            width=120,
            disabled=shown.follow,
            persist_state="session",
        )
        at_end = shown.page == last - 1 and not shown.follow
        _turn_button(run, "Next", at_end, lambda page: page + 1)
        _turn_button(run, "Last", at_end, lambda page: last)
        st.toggle(
            "Follow the reader",
            key="data_follow",
            help="Always show the page that is being read; while training, about once a second.",
            on_change=partial(_stay, run),
            persist_state="session",
        )


def _turn_button(run: LiveRun, label: str, idle: bool, target: Callable[[int], int]) -> None:
    turn = partial(_turn, run, target)
    st.button(label, key=f"data_{label.lower()}", on_click=turn, disabled=idle)


def _turn(run: LiveRun, target: Callable[[int], int]) -> None:
    """Go to another page, from the one that is looked at; the reader is followed no more."""
    shown = _shown(run)
    here = _page_shown(shown, run.portrait()) + 1
    _go(min(max(target(here), 1), len(shown.pages)))


def _go(number: int) -> None:
    state.set_widget("data_follow", False)
    state.set_widget("data_page", number)


def _stay(run: LiveRun) -> None:
    """When the reader is no longer followed, stay on the page that it was on."""
    if not state.widget_value("data_follow", False):
        pages = _pages(run.text)
        _go(pages.of(int(corpora.window_starts(run.portrait())[0])) + 1)


def _searching(run: LiveRun, shown: _Shown) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="data_search_row"):
        st.text_input(
            "Search the text",
            key="data_search",
            max_chars=_LONGEST_SEARCH,
            placeholder="↵ stands for a line break, ⇥ for a tab",
            icon=":material/search:",
            on_change=partial(_seek, run),
            persist_state="session",
        )
        for label, step in (("Previous hit", -1), ("Next hit", 1)):
            st.button(label, on_click=partial(_step, run, step), disabled=not len(shown.hits))
        st.toggle(
            "Match case", key="data_case", on_change=partial(_seek, run), persist_state="session"
        )
    with st.container(key="data_hits"):
        st.caption(_hits_said(shown))


def _hits_said(shown: _Shown) -> str:
    if not state.widget_value("data_search", ""):
        return "Type a word and press Enter to see where it stands in the text."
    if not len(shown.hits):
        return "Not found: it stands nowhere in the text."
    place = int(shown.hits.starts[shown.hit]) + 1
    count = "1 hit" if len(shown.hits) == 1 else f"{len(shown.hits):,} hits"
    return f"{count}; number {shown.hit + 1:,}, the darkest, stands at character {place:,}."


def _seek(run: LiveRun) -> None:
    """Go to the first hit from the page that is looked at on."""
    shown = _shown(run)
    start, _ = shown.pages.bounds(_page_shown(shown, run.portrait()))
    _show_hit(shown, shown.hits.at_or_after(start))


def _step(run: LiveRun, step: int) -> None:
    """Go to the next or the previous hit, around the end."""
    shown = _shown(run)
    _show_hit(shown, shown.hit + step)


def _show_hit(shown: _Shown, number: int) -> None:
    if len(shown.hits):
        number %= len(shown.hits)
        state.set_widget("data_hit", number)
        _go(shown.pages.of(int(shown.hits.starts[number])) + 1)


def _page_shown(shown: _Shown, portrait: Portrait) -> int:
    if not shown.follow:
        return shown.page
    return shown.pages.of(int(corpora.window_starts(portrait)[0]))


def _passage(shown: _Shown) -> Source:
    """The page that is looked at, marked; a frame brings it when the page or the reader has moved."""

    def source(view: LiveView) -> Entry:
        portrait = view.portrait
        length = portrait.config.seq_length
        starts = corpora.window_starts(portrait)
        page = _page_shown(shown, portrait)
        return Entry(
            (page, length, tuple(starts.tolist())),
            lambda: _marked(shown, page, starts, length, portrait.held_out_start),
        )

    return source


def _marked(
    shown: _Shown, page: int, windows: NDArray[np.intp], length: int, held_out_start: int
) -> dict[str, Any]:
    """The ribbon's content: the page's text, with windows, hits and the held-out part."""
    start, stop = shown.pages.bounds(page)
    text = shown.corpus.text[start:stop]
    shade, flags = np.zeros(len(text)), np.zeros(len(text), np.uint8)
    for window in windows:
        shade[max(0, window - start) : max(0, window + length - start)] = _WINDOW
    hits = shown.hits
    for hit in hits.within(start, stop):
        part = slice(max(0, hits.starts[hit] - start), hits.ends[hit] - start)
        shade[part] = np.minimum(shade[part], _THIS_HIT if hit == shown.hit else _HIT)
    flags[max(0, held_out_start - start) :] |= ribbon.MUTED
    looked_at = int(windows[0]) if shown.follow else _hit_start(shown)
    picked = looked_at - start if looked_at is not None and start <= looked_at < stop else None
    return ribbon.content(
        text,
        shade=shade,
        flags=flags,
        tips=[_tip(char) for char in text],
        picked=picked,
        empty=_place_said(shown, page, windows, length),
    )


def _hit_start(shown: _Shown) -> int | None:
    return int(shown.hits.starts[shown.hit]) if len(shown.hits) else None


def _tip(char: str) -> str:
    """The name of a character that cannot be seen for itself; none for the others, to save bytes."""
    name = char_name(char)
    return "" if name == char else name


def _place_said(shown: _Shown, page: int, windows: NDArray[np.intp], length: int) -> str:
    start, stop = shown.pages.bounds(page)
    here = f"Page {page + 1:,} of {len(shown.pages):,}, characters {start + 1:,} to {stop:,}."
    first = int(windows[0]) + 1
    if len(windows) == 1:
        return f"{here} The next window: characters {first:,} to {first + length - 1:,}."
    return (
        f"{here} {len(windows):,} streams read a window of {length:,} characters each, side by side; "
        f"the first one's next starts at character {first:,}."
    )


def _held_out(portrait: Portrait, pages: Pages) -> str:
    total, start = len(portrait.text), portrait.held_out_start
    if start == total:
        return (
            "Nothing is held out: the network trains on the whole text. "
            "Held-out share, in the sidebar, keeps a part to test it on."
        )
    return (
        f"The last {total - start:,} characters, from character {start + 1:,} on page "
        f"{pages.of(start) + 1:,}, are held out: the network is tested on them and never trains on them."
    )


# Guessers and frequencies


def guessers(page: Page) -> None:
    """The network's loss beside those of simple models of the text, and what each of them knows."""
    found = corpora.guessers(page.run.levels())
    figure = plain(ngrams_figure.skeleton, found, page.palette)

    def source(view: LiveView) -> Entry:
        smooth = view.snapshot.smooth_loss
        losses = view.snapshot.held_out[1]
        held_out = float(losses[-1]) if len(losses) else None
        return Entry(
            (smooth, held_out),
            lambda: {"arrays": ngrams_figure.arrays(found, smooth, held_out, page.palette)},
        )

    page.chart("guessers", figure, ngrams_figure.CAPTION, source)
    st.dataframe(
        {
            "guesser": [guesser.name for guesser in found],
            "knows": [guesser.knows for guesser in found],
            "bits per character": [guesser.bits for guesser in found],
            "perplexity": [guesser.perplexity for guesser in found],
        },
        hide_index=True,
        key="data_guessers",
        column_config={
            "bits per character": st.column_config.NumberColumn("bits/char", format="%.2f"),
            "perplexity": st.column_config.NumberColumn(
                format="%.1f",
                help="Among how many equally likely characters it might as well choose.",
            ),
        },
    )


def frequencies(page: Page) -> None:
    """How often each character occurs."""
    log = st.toggle("log frequency", key="data_log", persist_state="session")
    corpus = _corpus(page.run.text)
    page.chart(
        "frequencies",
        plain(frequencies_figure.skeleton, page.palette, log),
        frequencies_figure.caption(corpus),
        lambda view: Entry(log, lambda: {"arrays": frequencies_figure.arrays(corpus, log)}),
    )


# Tables


def vocabulary(page: Page) -> None:
    """Every character that the text has, with its index in the network and how often it occurs."""
    corpus = _corpus(page.run.text)
    st.markdown("**Vocabulary**")
    st.caption("One row a character; its index is its place in the network's input and output.")
    st.dataframe(
        _vocabulary_table(corpus),
        hide_index=True,
        height=_TABLE_HEIGHT,
        key="data_vocabulary",
        column_config={
            "count": st.column_config.NumberColumn(format="localized"),
            "share": _share_column(float(corpus.shares.max())),
        },
    )


@lru_cache(maxsize=2)
def _vocabulary_table(corpus: Corpus) -> dict[str, Any]:
    return {
        "index": np.arange(len(corpus.chars)),
        "character": [char_mark(char) for char in corpus.chars],
        "name": [_words(char) for char in corpus.chars],
        "code point": [f"U+{ord(char):04X}" for char in corpus.chars],
        "count": corpus.counts,
        "share": 100 * corpus.shares,
    }


def _words(char: str) -> str:
    """The character's name without the sign that stands beside it already."""
    return char_name(char).split(" ", 1)[-1]


def _share_column(highest: float) -> Any:
    return st.column_config.ProgressColumn(
        "% of all", format="%.3f", min_value=0.0, max_value=max(100 * highest, 1e-9)
    )


def ngrams(page: Page) -> None:
    """The most frequent pieces of n characters."""
    st.markdown("**Most frequent n-grams**")
    n = st.segmented_control(
        "Characters in a piece (n)",
        range(1, corpora.LONGEST_NGRAM + 1),
        default=3,
        required=True,
        key="data_n",
        persist_state="session",
    )
    assert n is not None
    corpus = _corpus(page.run.text)
    found = _ngrams(corpus, n) if len(corpus) <= QUICK else _counted_on_demand(page, n)
    if found is None:
        return
    if not found.total:
        st.caption(f"The text is shorter than {n} characters.")
        return
    st.caption(f"{found.distinct:,} different ones among {found.total:,}; they overlap.")
    st.dataframe(
        {
            "piece": [_spelled(corpus, gram) for gram in found.ids],
            "count": found.counts,
            "share": 100 * found.shares,
        },
        hide_index=True,
        height=_TABLE_HEIGHT,
        key="data_ngrams",
        column_config={
            "piece": st.column_config.TextColumn(f"{n}-gram"),
            "count": st.column_config.NumberColumn(format="localized"),
            "share": _share_column(float(found.shares.max())),
        },
    )


def _counted_on_demand(page: Page, n: int) -> NGrams | None:
    corpus = _corpus(page.run.text)

    def work(portrait: Portrait, report: Report) -> NGrams:
        report(0.0)
        return _ngrams(corpus, n)

    return page.analysis("data_ngrams", "Count them", work, parameters=n).result


def _spelled(corpus: Corpus, gram: NDArray[Any]) -> str:
    """The n-gram so that every character is seen; marks of several signs stand in brackets."""
    marks = [char_mark(corpus.chars[index]) for index in gram]
    return "".join(mark if len(mark) == 1 else f"‹{mark}›" for mark in marks)
