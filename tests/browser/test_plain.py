"""Sentences in a real browser: shown word for word, with no element that their signs could ask for."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page

from rnn.vocabulary import char_mark
from tests.browser.serving import serving
from tests.nasty import NASTY

pytestmark = pytest.mark.browser

MADE = "e => [...e.querySelectorAll('*')].filter(x => x.tagName !== 'P' && x.textContent).length"
"""How many elements but paragraphs hold any of the text: bold, links, code, coloured spans, ..."""
UNSEEN = "\0\x07\ud800\u202e"


def in_words(sentence: str) -> str:
    line = " ".join(sentence.split())
    return "".join(char_mark(char) if char in UNSEEN else char for char in line)


def said(box: Locator) -> tuple[str, str]:
    """What the box holds and what is seen of it, which differ where something is hidden."""
    return str(box.evaluate("e => e.textContent")), box.inner_text()


def test_every_sentence_is_shown_word_for_word(page: Page) -> None:
    with serving(script="tests/browser/plain_page.py") as (url, _):
        page.goto(url)
        page.get_by_text("That is all.").wait_for()
        markdown = page.locator(".st-key-markdown [data-testid=stMarkdownContainer]")
        page.wait_for_function("() => document.body.innerText.includes('😄')")  # emoji come later
        assert markdown.evaluate(MADE) > 2  # so the measure can fail
        for number, sentence in enumerate(NASTY):
            for kind in ("stMarkdownContainer", "stCaptionContainer"):
                box = page.locator(f".st-key-sentence-{number} [data-testid={kind}]")
                assert said(box) == (in_words(sentence), in_words(sentence))
                assert box.evaluate(MADE) == 0, sentence


def test_what_stands_in_the_address_is_shown_word_for_word(page: Page, server: str) -> None:
    value = "<b>*x*</b> :red[y] $z$ www.a.b"
    page.goto(f"{server}/?learning_rate={quote(value)}")
    box = page.get_by_test_id("stAlert").get_by_test_id("stMarkdownContainer")
    box.wait_for()
    assert f"but was '{value}'" in box.inner_text()
    assert box.evaluate(MADE) == 0
