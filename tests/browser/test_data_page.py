"""The Data page in a real browser: the text is marked, charts are drawn, and the reader is followed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.visitor import open_page, press, wait_for_chart, wait_for_charts

pytestmark = pytest.mark.browser

SPANS = ".st-key-text .rnn-ribbon-text span"
BLUE, ORANGE = "--rnn-sure", "--rnn-surprised"


def open_data(page: Page, url: str, address: str = "") -> None:
    open_page(page, f"{url}/data?{address}")
    page.wait_for_selector(SPANS, state="attached")
    wait_for_charts(page, "guessers", "frequencies")


def places(page: Page, colour: str) -> list[int]:
    """Where the text stands on blue or orange, from 0."""
    found: list[int] = page.locator(SPANS).evaluate_all(
        "(spans, name) => spans.flatMap((span, i) =>"
        " span.style.backgroundColor.includes(name) ? [i] : [])",
        colour,
    )
    return found


def wait_for_places(page: Page, colour: str, expected: list[int]) -> None:
    page.wait_for_function(
        """([path, name, wanted]) => {
            const marked = [...document.querySelectorAll(path)].flatMap((span, i) =>
              span.style.backgroundColor.includes(name) ? [i] : []);
            return JSON.stringify(marked) === JSON.stringify(wanted);
        }""",
        arg=[SPANS, colour, expected],
    )


def note(page: Page) -> Locator:
    return page.locator(".st-key-text .rnn-reading").last


def search_for(page: Page, text: str) -> None:
    field = page.get_by_label("Search the text")
    field.fill(text)
    field.press("Enter")


def test_the_text_is_there_and_the_window_moves_with_a_step(page: Page, server: str) -> None:
    open_data(page, server)
    assert page.locator(SPANS).count() == 1695
    wait_for_places(page, BLUE, list(range(25)))
    expect(note(page)).to_contain_text("The next window: characters 1 to 25.")
    press(page, "Step")
    wait_for_places(page, BLUE, list(range(25, 50)))
    expect(note(page)).to_contain_text("characters 26 to 50.")


def test_charts_and_tables_are_drawn(page: Page, server: str) -> None:
    open_data(page, server)
    wait_for_chart(page, "frequencies", "node.data[0].y?.length === 37")
    wait_for_chart(page, "guessers", "node.data[0].x?.length === 4")
    line = "node.layout.shapes[0]"
    wait_for_chart(page, "guessers", f"{line}.visible && {line}.x0 > 5.1 && {line}.x0 < 5.3")
    page.wait_for_function(
        "document.querySelectorAll('[data-testid=stDataFrame] canvas').length >= 3"
    )


def test_hits_are_marked_and_stepped_through(page: Page, server: str) -> None:
    open_data(page, server)
    search_for(page, "cock robin")
    said = page.locator(".st-key-text [data-testid=stCaptionContainer]").first
    expect(said).to_contain_text(re.compile(r"\d+ hits; number 1, "))
    text = "".join(page.locator(SPANS).all_inner_texts()).replace("\u21b5\n", "\n")
    starts = [found.start() for found in re.finditer("(?i)cock robin", text)]
    wait_for_places(page, ORANGE, [start + part for start in starts for part in range(10)])
    press(page, "Next hit")
    expect(said).to_contain_text(f"number 2, the darkest, is at character {starts[1] + 1:,}.")
    expect(page.locator(f"{SPANS}.rnn-picked")).to_have_count(1)
    press(page, "Previous hit")
    press(page, "Previous hit")
    expect(said).to_contain_text(f"number {len(starts)}, ")
    # the last one is scrolled to
    expect(page.locator(f"{SPANS}.rnn-picked")).to_be_in_viewport()


def test_the_reader_is_followed_while_training_goes_on(page: Page, server: str) -> None:
    open_data(page, server, "text=alice")
    page.get_by_text("Follow the reader", exact=True).click()
    expect(page.get_by_label(re.compile("Page .1 to"))).to_be_disabled()
    page.evaluate("window.kept = document.querySelector('.st-key-text .rnn-ribbon-text')")
    press(page, "Train")
    pages = set()
    for _ in range(60):
        found = re.match(r"Page (\d+) of 16, characters ([\d,]+)", note(page).inner_text())
        assert found
        pages.add(found.group(1))
        if len(pages) >= 3:
            break
        page.wait_for_timeout(500)
    assert len(pages) >= 3
    assert page.evaluate("kept === document.querySelector('.st-key-text .rnn-ribbon-text')")
    press(page, "Pause")
    page.get_by_role("button", name=re.compile(r"\bTrain\b")).first.wait_for()
    expect(page.locator(f"{SPANS}.rnn-picked")).to_be_in_viewport()
    blue = places(page, BLUE)
    assert 0 < len(blue) <= 40
    assert blue == list(range(blue[0], blue[0] + len(blue)))


def test_pages_turn_while_training(page: Page, server: str) -> None:
    open_data(page, server, "text=alice&autoplay=1")
    page.get_by_role("button", name="Last", exact=True).click()
    expect(note(page)).to_contain_text("Page 16 of 16")
    page.get_by_role("button", name="Previous", exact=True).click()
    expect(note(page)).to_contain_text("Page 15 of 16")
    # the held-out part begins on this page
    faded = page.locator(f"{SPANS}.rnn-muted")
    expect(faded.last).to_be_attached()
    assert 0 < faded.count() < page.locator(SPANS).count()
    page.get_by_role("button", name=re.compile(r"\bPause\b")).first.wait_for()


def test_a_persons_text_is_shown_and_never_rendered(
    page: Page, server: str, tmp_path: Path
) -> None:
    text = tmp_path / "markup.txt"
    text.write_text("**bold** <b>tag</b> <img src=x> &lt; $x^2$\n" * 80, encoding="utf-8")
    open_data(page, server)
    page.get_by_role("button", name=re.compile("Your own text")).click()
    page.locator("input[type=file]").set_input_files(text)
    expect(page.locator("[data-testid=stSidebar]")).to_contain_text("3,440 characters")
    page.keyboard.press("Escape")
    search_for(page, "<b>tag</b>")
    said = page.locator(".st-key-text [data-testid=stCaptionContainer]").first
    expect(said).to_contain_text("80 hits")
    board = page.locator(".st-key-board")
    for element in ("b", "img", ".katex"):
        assert board.locator(element).count() == 0
    assert "<b>tag</b>" in "".join(page.locator(SPANS).all_inner_texts())
