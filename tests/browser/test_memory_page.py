"""The Memory page as a person meets it: a real server, a real Chromium."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visitor import (
    open_page,
    press,
    settled_iteration,
    spot,
    wait_for_chart,
    wait_for_iteration,
    wait_in_sight,
)

pytestmark = pytest.mark.browser

STATES = "document.querySelector('.st-key-states .js-plotly-plot')"
CHARACTERS = ".st-key-unit .rnn-ribbon-text span"


def open_memory(page: Page, server: str, query: str) -> None:
    open_page(page, f"{server}/memory?{query}")
    page.wait_for_function(f"{STATES}?.data?.[0].z?.length > 0")
    page.wait_for_function(f"document.querySelectorAll('{CHARACTERS}').length > 0")


def click_in(page: Page, plot: str, place: str) -> None:
    """Click a chart at a `place` in it, as `spot` takes it, once that has stopped moving."""
    now = spot(page, plot, place)
    for _ in range(40):  # the page may still be settling
        page.wait_for_timeout(250)
        before, now = now, spot(page, plot, place)
        if now == before:
            break
    page.mouse.move(*now)
    page.mouse.click(*now)


def test_a_click_on_a_row_shows_the_text_through_that_unit(page: Page, server: str) -> None:
    open_memory(page, server, "text=brackets")
    press(page, "Step")
    wait_for_iteration(page, 1)
    click_in(page, STATES, "[11, 5]")
    title = page.locator(".st-key-unit .rnn-title")
    expect(title).to_have_text("The passage through the eyes of unit 5")
    page.wait_for_function(f"{STATES}.layout.shapes[0].y0 === 4.5")
    page.wait_for_function(f"{STATES}.layout.shapes[1].x0 === 10.5")
    expect(page.locator(CHARACTERS).nth(11)).to_have_class(re.compile("rnn-picked"))
    page.locator(CHARACTERS).nth(30).click()
    page.wait_for_function(f"{STATES}.layout.shapes[1].x0 === 29.5")


def test_the_page_opens_at_its_top_and_its_text_at_the_framed_character(
    page: Page, server: str
) -> None:
    page.goto(f"{server}/memory?text=verse")
    framed = page.locator(".rnn-ribbon-text .rnn-picked")
    framed.wait_for()
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") == 0
    assert framed.evaluate(
        """span => {
            const sight = span.parentElement.getBoundingClientRect(), place = span.getBoundingClientRect();
            return sight.top <= place.top && place.bottom <= sight.bottom;
        }"""
    )


def test_resting_on_a_character_tells_the_activation_and_what_comes_next(
    page: Page, server: str
) -> None:
    open_memory(page, server, "text=verse")
    page.locator(CHARACTERS).nth(7).hover()
    tip = page.locator("body > .rnn-tip")
    expect(tip).to_be_visible()
    lines = tip.inner_text().splitlines()
    assert re.fullmatch(r"unit \d+: [+-]\d\.\d\d", lines[0])
    assert lines[1] == "next:"
    assert len(lines) == 7


def test_a_text_stands_along_the_heatmap_in_full_or_its_places_are_counted(
    page: Page, server: str
) -> None:
    page.set_viewport_size({"width": 1440, "height": 1200})
    open_memory(page, server, "text=verse")
    letters = page.locator(".st-key-states .rnn-labels-x span")
    expect(letters).to_have_count(120)
    assert "".join(letters.all_inner_texts()) == page.evaluate(
        f"{STATES}.data[0].x.map(name => name.match(/“(.*)”/)[1]).join('').replace('&#x27;', \"'\")"
    )
    page.set_viewport_size({"width": 820, "height": 1200})
    expect(letters).to_have_text([str(place) for place in range(10, 121, 10)])
    assert page.evaluate(
        f"""() => [...document.querySelectorAll('.st-key-states .rnn-labels-x span')].at(-1)
            .getBoundingClientRect().right <= {STATES}.getBoundingClientRect().right"""
    )


def test_units_are_numbered_at_round_numbers_one_below_the_other(page: Page, server: str) -> None:
    open_memory(page, server, "text=verse&hidden_size=100")
    numbers = page.locator(".st-key-states .rnn-labels-y span")
    expect(numbers).to_have_text([str(unit) for unit in range(0, 100, 5)])
    boxes = numbers.evaluate_all(
        "spans => spans.map(span => span.getBoundingClientRect().toJSON())"
    )
    assert {round(box["right"]) for box in boxes} == {round(boxes[0]["right"])}
    assert all(above["bottom"] < below["top"] for above, below in pairwise(boxes))


def test_resting_on_the_heatmap_names_unit_and_character(page: Page, server: str) -> None:
    open_memory(page, server, "text=verse")
    label = page.locator(".st-key-states .hoverlayer .hovertext")
    plot = page.locator(".st-key-states .nsewdrag")
    for place in range(40):  # the page may still be settling: what is rested on moves away
        plot.hover(position={"x": 50 + place, "y": 50})
        page.wait_for_timeout(250)
        if label.count():
            break
    expect(label).to_have_text(re.compile(r"unit \d+ after \d+ “.”: -?0\.\d\d"))


def test_the_states_follow_training_and_pause_comes_at_once(page: Page, server: str) -> None:
    open_memory(page, server, "text=verse")
    before = page.evaluate(f"Math.abs({STATES}.data[0].z[0][20])")
    press(page, "Train")
    wait_for_iteration(page, 300)
    page.wait_for_function(f"{STATES}.data[0].z.some(row => row.some(h => Math.abs(h) > 0.5))")
    assert before < 0.1
    press(page, "Pause")
    page.get_by_role("button", name=re.compile(r"\bTrain\b")).first.wait_for()
    settled_iteration(page)
    # At rest the page shows the state of this very iteration.
    page.wait_for_function(
        "[...document.querySelectorAll('.st-key-unit .rnn-ribbon-text span')]"
        ".some(span => span.style.backgroundColor)"
    )


def test_a_click_on_a_dot_of_the_finder_shows_its_unit(page: Page, server: str) -> None:
    open_memory(page, server, "text=brackets&hidden_size=8")
    press(page, "Find units")
    wait_for_chart(page, "finder_block", "node.data[0].x?.length > 0")
    plot = "document.querySelector('.st-key-finder_block .js-plotly-plot')"
    unit = page.evaluate(f"{plot}.data[0].customdata[3]")
    click_in(page, plot, "[plot.data[0].x[3], plot.data[0].y[3]]")
    title = page.locator(".st-key-unit .rnn-title")
    expect(title).to_have_text(f"The passage through the eyes of unit {unit}")


def test_silencing_shows_costs_and_both_samples(page: Page, server: str) -> None:
    open_memory(page, server, "text=hello")
    press(page, "Step")
    wait_for_iteration(page, 1)
    press(page, "Silence them")
    expect(page.locator(".st-key-memory_costs")).to_contain_text("bits/char")
    for name in ("whole", "without"):
        expect(page.locator(f".st-key-sample_{name} .rnn-ribbon-text span")).to_have_count(200)


def test_words_that_the_network_does_not_know_are_named_and_never_rendered(
    page: Page, server: str
) -> None:
    open_memory(page, server, "text=hello")
    page.get_by_text("Your own words").first.click()
    words = page.locator(".st-key-memory_words textarea")
    words.fill("he<b>llo</b> **o**")
    words.press("Control+Enter")
    wait_in_sight(page, ".st-key-unit", f"document.querySelectorAll('{CHARACTERS}').length === 7")
    expect(page.locator(".st-key-unit")).to_contain_text("does not know the characters")
    assert page.locator(".st-key-unit b").count() == 0
