"""Similar moments, the measure of memory and the plane of states, as a person meets them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visitor import (
    open_page,
    press,
    spot,
    wait_for_chart,
    wait_for_iteration,
    wait_in_sight,
)

pytestmark = pytest.mark.browser

MOMENTS = ".st-key-similar_moments .rnn-moments"
ROWS = f"{MOMENTS} .rnn-moment"
AROUND = ".st-key-similar_moments .rnn-ribbon-text span"
PLANE = "document.querySelectorAll('.st-key-projection .js-plotly-plot')[0]"
RECALL = "document.querySelector('.st-key-how_far_back .js-plotly-plot')"


def open_memory(page: Page, server: str, query: str) -> None:
    open_page(page, f"{server}/memory?{query}")
    page.locator(".st-key-how_far_back button").first.wait_for()


def wait_for_moments(page: Page) -> None:
    wait_in_sight(page, MOMENTS, "node.querySelectorAll('.rnn-moment').length === 11")


def place_of(page: Page, row: int) -> int:
    """The place in a row, from 1."""
    return int(page.locator(f"{ROWS} .rnn-moment-place").nth(row).inner_text().replace(",", ""))


def test_a_click_on_a_row_or_in_the_text_goes_to_that_moment(page: Page, server: str) -> None:
    open_memory(page, server, "text=verse")
    wait_for_moments(page)
    expect(page.locator(".rnn-moment-chosen .rnn-moment-distance")).to_have_text("here")
    assert place_of(page, 0) == 848
    wanted = place_of(page, 3)
    page.locator(ROWS).nth(3).click()
    page.wait_for_function(
        f"""wanted => document.querySelector('{ROWS} .rnn-moment-place')
            .textContent.replace(',', '') === String(wanted)""",
        arg=wanted,
    )
    expect(page.get_by_label("After character (1 to 1,695)")).to_have_value(str(wanted))
    picked = page.locator(AROUND).evaluate_all(
        "spans => spans.findIndex(span => span.classList.contains('rnn-picked'))"
    )
    page.locator(AROUND).nth(picked + 2).click()
    expect(page.get_by_label("After character (1 to 1,695)")).to_have_value(str(wanted + 2))


def test_the_framed_character_stands_between_what_was_read_and_what_follows(
    page: Page, server: str
) -> None:
    open_memory(page, server, "text=hello")
    wait_for_moments(page)
    for row in range(11):
        parts = [
            page.locator(f"{ROWS} .rnn-moment-{part}").nth(row).text_content() or ""
            for part in ("before", "after")
        ]
        assert "".join(parts) in "hello " * 20


def test_memory_is_measured_and_drawn(page: Page, server: str) -> None:
    open_memory(page, server, "text=hello")
    press(page, "Measure its memory")
    wait_for_chart(page, "how_far_back", "node.data[1].y?.length === 60")
    expect(page.locator(".st-key-how_far_back")).to_contain_text(
        "Made from the network at iteration 0."
    )
    assert page.evaluate(f"{RECALL}._fullLayout.yaxis.type") == "log"
    page.locator(".st-key-recall_log label").click()
    page.wait_for_function(f"{RECALL}._fullLayout.yaxis.type === 'linear'")


def test_the_plane_follows_the_network_and_names_its_points(page: Page, server: str) -> None:
    open_memory(page, server, "text=counting")
    wait_for_chart(page, "projection", "node.data.every(trace => trace.x)")
    points = f"{PLANE}.data.reduce((sum, trace) => sum + trace.x.length, 0)"
    assert page.evaluate(points) == 500
    before = page.evaluate(f"{PLANE}.data[0].x[0]")
    press(page, "Step")
    wait_for_iteration(page, 1)
    wait_for_chart(page, "projection", f"node.data[0].x[0] !== {before}")
    expect(page.locator(".st-key-projection .xtitle").first).to_have_text(
        re.compile(r"1st component: \d+% of the variance")
    )
    label = page.locator(".st-key-projection .hoverlayer .hovertext")
    for _ in range(20):  # the page may still be settling: what is rested on moves away
        page.mouse.move(0, 0)
        page.mouse.move(*spot(page, PLANE, "[plot.data[0].x[0], plot.data[0].y[0]]"))
        page.wait_for_timeout(250)
        if label.count():
            break
    expect(label.first).to_have_text(re.compile(r"after “.+”\s*comes [aeiou]", re.IGNORECASE))
