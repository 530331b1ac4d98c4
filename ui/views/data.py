"""The blocks of the Data page: what stands in the text, how often, and how hard it is to guess."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from rnn.analysis import Portrait, Report
from rnn.analysis import corpus as corpora
from rnn.analysis.corpus import Corpus, NGrams
from rnn.vocabulary import char_mark, char_name
from ui.entries import Entry
from ui.figures import frequencies as frequencies_figure
from ui.figures import ngrams as ngrams_figure
from ui.figures.base import plain
from ui.live import LiveView
from ui.shell import Page
from ui.textpage import corpus_of

NGRAMS_SHOWN = 30
QUICK = 4_000_000
"""Characters up to which n-grams are counted at once; in a longer text only when asked to."""


@lru_cache(maxsize=2)
def _facts(corpus: Corpus) -> corpora.Facts:
    return corpora.facts(corpus)


@lru_cache(maxsize=16)
def _ngrams(corpus: Corpus, n: int) -> NGrams:
    return corpora.most_frequent(corpus, n, NGRAMS_SHOWN)


# Facts


def facts(page: Page) -> None:
    """The text in six numbers."""
    found = _facts(corpus_of(page.run.text))
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


# Guessers and frequencies


def guessers(page: Page) -> None:
    """The network's loss beside those of simple models of the text, and what each of them knows."""
    found = corpora.guessers(page.run.levels())
    figure = plain(ngrams_figure.skeleton, found, page.palette)

    def source(view: LiveView) -> Entry:
        smooth = view.snapshot.smooth_loss
        losses = view.snapshot.held_out[1]
        held_out = float(losses[-1]) if len(losses) else None
        # The portrait's pace is enough for the eye; at every frame this chart would cost a click its time.
        return Entry(
            view.portrait.iteration,
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
    corpus = corpus_of(page.run.text)
    page.chart(
        "frequencies",
        plain(frequencies_figure.skeleton, page.palette, log),
        frequencies_figure.caption(corpus),
        lambda view: Entry(log, lambda: {"arrays": frequencies_figure.arrays(corpus, log)}),
    )


# Tables


def vocabulary(page: Page) -> None:
    """Every character that the text has, with its index in the network and how often it occurs."""
    corpus = corpus_of(page.run.text)
    st.markdown("**Vocabulary**")
    st.caption("One row a character; its index is its place in the network's input and output.")
    st.dataframe(
        _vocabulary_table(corpus),
        hide_index=True,
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
    corpus = corpus_of(page.run.text)
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
        key="data_ngrams",
        column_config={
            "piece": st.column_config.TextColumn(f"{n}-gram"),
            "count": st.column_config.NumberColumn(format="localized"),
            "share": _share_column(float(found.shares.max())),
        },
    )


def _counted_on_demand(page: Page, n: int) -> NGrams | None:
    corpus = corpus_of(page.run.text)

    def work(portrait: Portrait, report: Report) -> NGrams:
        report(0.0)
        return _ngrams(corpus, n)

    return page.analysis("data_ngrams", "Count them", work, parameters=n).result


def _spelled(corpus: Corpus, gram: NDArray[Any]) -> str:
    """The n-gram so that every character is seen; marks of several signs stand in brackets."""
    marks = [char_mark(corpus.chars[index]) for index in gram]
    return "".join(mark if len(mark) == 1 else f"‹{mark}›" for mark in marks)
