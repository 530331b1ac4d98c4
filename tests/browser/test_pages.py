"""All pages share one live run, whichever is asked for first."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.serving import PATIENCE, serving
from tests.browser.visitor import iteration, open_page, press, settled_iteration, wait_for_iteration
from ui.plotlyjs import TRACES

pytestmark = pytest.mark.browser

PAGES = ["Sample", "Memory", "Gradients and weights", "Data", "Compare", "Train"]


def go_to(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).first.click()
    page.wait_for_function(
        "name => document.querySelector('a[aria-current=page]')?.textContent.includes(name)",
        arg=name,
    )


def address(page: Page) -> str:
    return str(page.evaluate("new URL(location).search"))


def test_training_goes_on_whichever_page_is_open(page: Page, server: str) -> None:
    open_page(page, server)
    press(page, "Train")
    wait_for_iteration(page, 100)
    where = address(page)
    for name in PAGES:
        before = iteration(page)
        go_to(page, name)
        wait_for_iteration(page, before + 100)
        assert address(page) == where
    go_to(page, "Data")
    press(page, "Pause")
    page.get_by_role("button", name="Train").first.wait_for()
    stopped = settled_iteration(page)
    press(page, "Step")
    wait_for_iteration(page, stopped + 1)
    assert address(page) == where  # no setting has moved on the way


QUICKLY = """async turns => {
    for (const [name, rest] of turns) {
        [...document.querySelectorAll("a")].find(link => link.textContent.includes(name)).click();
        await new Promise(resolve => setTimeout(resolve, rest));
    }
}"""


def test_pages_may_be_changed_more_quickly_than_they_are_drawn(
    browser: Browser, page: Page, server: str
) -> None:
    other = browser.new_page()  # which trains beside, so that pages are drawn slowly
    for visitor in (other, page):
        open_page(visitor, f"{server}/?autoplay=1")
    chance = Random(1)
    for _ in range(10):
        turns = [
            (chance.choice(PAGES), chance.choice((5, 20, 60, 100, 150, 250))) for _ in range(6)
        ]
        page.evaluate(QUICKLY, turns)
        page.wait_for_timeout(300)
        page.wait_for_function(
            "document.querySelector('[role=dialog], .rnn-status-line')?.textContent.match(/it.s|error/)"
        )
        # Where the browser misses a message, it says so in a dialogue, and shows nothing any more.
        assert page.get_by_role("dialog").count() == 0
    other.close()


def test_the_chart_library_knows_the_kinds_of_trace_that_figures_are_made_of(
    page: Page, server: str
) -> None:
    page.goto(server)
    page.wait_for_function("window.rnnBoard && rnnBoard.paints.loss > 0")
    kinds = page.evaluate("Object.keys(Plotly.PlotSchema.get().traces)")
    assert set(kinds) == {"scatter", *TRACES}


@pytest.mark.parametrize("first", ["data", "memory"])
def test_a_server_s_first_visitor_may_ask_for_any_page(
    browser: Browser, first: str, tmp_path: Path
) -> None:
    log = tmp_path / "server.log"
    with log.open("wb") as written, serving(log=written) as (url, _):
        page = browser.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        open_page(page, f"{url}/{first}")
        for name in PAGES:
            page.get_by_role("link", name=name, exact=True).first.wait_for()
        assert page.locator("[data-testid=stSidebarNav]").count() == 0
        assert page.url.startswith(f"{url}/{first}?")
        page.close()
    assert "most recent call last" not in log.read_text("utf-8")
