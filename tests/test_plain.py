"""Sentences word for word: what `plain` makes of them can be read back, and holds no markup."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.nasty import NASTY
from ui.plain import plain

SEAM = ":small[]"


def read(markdown: str) -> str:
    """What is left to read once references are read and seams, which show nothing, are taken out."""
    return html.unescape(markdown.replace(SEAM, ""))


@pytest.mark.parametrize(
    "sentence",
    [
        "The text is empty: paste some, or choose another one.",
        "Hidden size must be a whole number between 1 and 1024, but was 10.5.",
        "Training diverged at iteration 1,234: the loss rose to 9,999 nats.",
        "The file has 50.1 MB and at most 50 MB can be read: choose a part of it.",
        "Waiting for Reset: Hidden size 100 → 30, Learning rate 1e-06 → 0.1",
        "The network does not know the characters é, ◌́ COMBINING ACUTE ACCENT and 3 more.",
    ],
)
def test_an_ordinary_sentence_comes_back_as_it_is(sentence: str) -> None:
    assert plain(sentence) == sentence


@pytest.mark.parametrize(
    ("sentence", "markdown"),
    [
        ("*a*", "&#42;a&#42;"),
        ("a [b](c)", "a &#91;b&#93;(c)"),
        (":red[x]", "&#58;:small[]red&#91;x&#93;"),
        ("a -> b", "a -:small[]&#62; b"),
        ("a@b.c www.d", "a:small[]@b.c www:small[].d"),
        ("1. a", "&#49;. a"),
        ("- a", "&#45; a"),
        ("a - 1.", "a - 1."),
        (" a\n  b\t", "a b"),
        ("\x07\ud800\u202e", "U+0007U+D800U+202E"),
        ("", ""),
    ],
)
def test_worked_cases(sentence: str, markdown: str) -> None:
    assert plain(sentence) == markdown


@pytest.mark.parametrize("sentence", NASTY)
def test_nothing_that_makes_markup_is_left(sentence: str) -> None:
    written = plain(sentence).replace(SEAM, "\n")
    assert not re.search(r"[\\`*_\[\]{}<>$~]|#(?!\d+;)|:\S|\x00", written)
    for text in html.unescape(written).split("\n"):
        assert not re.search(r"<-|->|--|[<>~]=|www\.|\w@|:\w", text)


@given(st.text())
def test_every_sentence_can_be_read_back_and_sent(sentence: str) -> None:
    shown = read(plain(sentence))
    shown.encode()
    seen = [char for char in sentence if char.isprintable() and not char.isspace()]
    place = 0
    for char in seen:
        place = shown.index(char, place) + 1
    assert "\n" not in shown


@given(st.text(st.sampled_from(" :[]-<>=~@w.*_a1#&;\\$`{}small"), max_size=40))
def test_no_arrangement_of_signs_slips_through(sentence: str) -> None:
    assert read(plain(sentence)) == " ".join(sentence.split())
    test_nothing_that_makes_markup_is_left(sentence)
