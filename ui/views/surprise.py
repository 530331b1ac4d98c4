"""The block of the Sample page that measures how surprised the network is by any text."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from functools import partial

import streamlit as st

from rnn.analysis import Portrait, Report
from rnn.analysis.surprise import MOST_CHARACTERS, Surprise
from rnn.analysis.surprise import surprise as measure
from ui import marking, state
from ui.entries import Entry
from ui.figures import rivals
from ui.figures.base import plain
from ui.live import LiveRun, LiveView
from ui.sheet import sheet_of
from ui.shell import Page

_KEY = "surprise_text"
_DEFAULT = "surprise_default"
_HEIGHT = 236  # pixels of the shaded text
PASSAGE = 300
"""Characters of the text that are offered to try."""


def surprise(page: Page) -> None:
    """A text of the person's own, what each of its characters costs, and what simpler models pay."""
    st.markdown("**Surprise: what any text costs the network**")
    st.caption(
        "Paste anything. A character costs -log2 p bits, p being the probability that the network gave "
        "it: 1 bit for a coin flip, 0 for a certainty. Try a passage of the text, then the same one "
        "shuffled."
    )
    _examples(page.run)
    text = _text(page.run)

    def work(portrait: Portrait, report: Report) -> Surprise:
        return measure(portrait, text, report)

    done = page.analysis("surprise", "Measure the surprise", work, text)
    left, right = st.columns([0.6, 0.4], gap="medium")
    with left:
        page.ribbon(
            "surprise",
            partial(_ribbon, done.version, done.result),
            "Surprisal of each character",
            "The stronger the orange, the less expected. Rest on a character to see what was expected.",
            marking.SURPRISED,
            height=_HEIGHT,
        )
    with right:
        page.chart(
            "rivals",
            plain(rivals.skeleton, page.palette),
            rivals.CAPTION,
            partial(_chart, done.version, done.result, page.run),
        )


def _examples(run: LiveRun) -> None:
    with st.container(horizontal=True, key="surprise_examples"):
        for label, words, example in EXAMPLES:
            st.button(
                label,
                key=f"example_{label}",
                on_click=partial(state.guarded, partial(_offer, run, example)),
                help=words,
                type="tertiary",
            )


def _offer_default(run: LiveRun) -> None:
    """Offer the passage of the run's text, unless the person has put another text in its place."""
    default = _showable(passage(run))
    if state.widget_value(_KEY, None) == state.widget_value(_DEFAULT, None) != default:
        state.set_widget(_KEY, default)
        state.set_widget(_DEFAULT, default)


def _showable(text: str) -> str:
    """The text as a page can show it, which holds only what UTF-8 does."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _offer(run: LiveRun, example: Callable[[LiveRun], str]) -> None:
    state.set_widget(_KEY, _showable(example(run)))


def passage(run: LiveRun) -> str:
    """The beginning of the training text."""
    return run.text[:PASSAGE]


def words_shuffled(run: LiveRun) -> str:
    """The passage with its words in another order, the same each time."""
    pieces = re.split(r"(\s+)", passage(run))
    words = pieces[::2]
    random.Random(0).shuffle(words)
    pieces[::2] = words
    return "".join(pieces)


def letters_shuffled(run: LiveRun) -> str:
    """The passage with its characters in another order, the same each time."""
    letters = list(passage(run))
    random.Random(0).shuffle(letters)
    return "".join(letters)


def held_out(run: LiveRun) -> str:
    """The beginning of the held-out text. Raises ValueError if none is held out."""
    start = run.portrait().held_out_start
    if start == len(run.text):
        raise ValueError(
            "No text is held out: set a held-out share under Network in the sidebar, and press Reset."
        )
    return run.text[start : start + PASSAGE]


def written(run: LiveRun) -> str:
    """What stands on the sheet. Raises ValueError if that is empty."""
    shown = sheet_of(run).glance().written
    if shown is None or not shown.text:
        raise ValueError("The sheet is empty: let the network write something first.")
    return shown.text


EXAMPLES: tuple[tuple[str, str, Callable[[LiveRun], str]], ...] = (
    ("A passage of the text", "The network was trained on it, and so were the models.", passage),
    ("Its words shuffled", "Spelling is as before, but not what follows what.", words_shuffled),
    (
        "Its letters shuffled",
        "Nothing but how often each one comes is as before.",
        letters_shuffled,
    ),
    ("A held-out passage", "From the part of the text that was kept from training.", held_out),
    ("What it wrote", "The text on the sheet above.", written),
)
"""Texts to try: what the button says, what is to be known about the text, and how to get it."""


def _text(run: LiveRun) -> str:
    _offer_default(run)
    text = st.text_area(
        "Text to read",
        key=_KEY,
        height=120,
        persist_state="session",
        help=f"The first {MOST_CHARACTERS:,} characters are read.",
    )
    text = text or ""
    if len(text) > MOST_CHARACTERS:
        st.caption(
            f"The text has {len(text):,} characters; the first {MOST_CHARACTERS:,} of them are read."
        )
    return text[:MOST_CHARACTERS]


def _ribbon(version: object, found: Surprise | None, view: LiveView) -> Entry:
    return Entry(version, lambda: marking.surprised(found, view.snapshot.chars))


def _chart(version: object, found: Surprise | None, run: LiveRun, view: LiveView) -> Entry:
    return Entry(version, lambda: {"arrays": rivals.arrays(found, run.levels())})
