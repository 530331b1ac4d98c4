"""What a visitor of the tests does with a page, and waits for."""

from __future__ import annotations

import re

from playwright.sync_api import Page

CHARTS = ["loss", "hidden", "softmax", "weights"]
"""Of the Train page, by the keys of their places."""


def open_page(page: Page, url: str) -> None:
    """Until something has been painted."""
    page.goto(url)
    page.wait_for_function("window.rnnBoard && rnnBoard.painted > 0")


def open_train(page: Page, url: str) -> None:
    """Until the Train page stands with its charts and its words."""
    open_page(page, url)
    wait_for_charts(page, *CHARTS)
    page.wait_for_function("document.querySelector('.rnn-status-line').textContent.length > 0")


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=re.compile(rf"\b{name}\b")).first.click()


def iteration(page: Page) -> int:
    text = page.locator(".st-key-live-status").inner_text()
    found = re.search(r"iteration ([\d,]+)", text)
    assert found, f"no iteration in {text!r}"
    return int(found.group(1).replace(",", ""))


def wait_for_iteration(page: Page, at_least: int) -> None:
    page.wait_for_function(
        """least => {
            const line = document.querySelector('.rnn-status-line')?.textContent;
            const found = line?.match(/iteration ([\\d,]+)/);
            return found && Number(found[1].replaceAll(',', '')) >= least;
        }""",
        arg=at_least,
    )


def settled_iteration(page: Page) -> int:
    """The iteration once it stands still for a while."""
    last = -1
    for _ in range(40):
        now = iteration(page)
        if now == last:
            return now
        last = now
        page.wait_for_timeout(700)
    raise AssertionError("training does not stand still")


def wait_for_charts(page: Page, *places: str) -> None:
    """Until the places with these keys have their charts, filled or not."""
    for place in places:
        page.wait_for_selector(f".st-key-{place} .js-plotly-plot", state="attached")


def wait_in_sight(page: Page, selector: str, condition: str) -> None:
    """Until the condition holds of `node`, the first that the selector finds.

    Until then it is brought into sight again and again: while a page is still growing, what was brought
    there once may be pushed out again, and out of sight it is not painted.
    """
    page.wait_for_function(
        f"""selector => {{
            const node = document.querySelector(selector);
            if (node && ({condition})) return true;
            node?.scrollIntoView({{ block: "nearest" }});
            return false;
        }}""",
        arg=selector,
    )


def wait_for_chart(page: Page, place: str, condition: str) -> None:
    """Until the condition holds of `node`, the first chart in the place with this key."""
    wait_in_sight(page, f".st-key-{place} .js-plotly-plot", f"node.data && ({condition})")


def spot(page: Page, plot: str, place: str) -> tuple[float, float]:
    """Where on the screen the JavaScript `place`, which knows the `plot`, says: [x, y] in its data."""
    x, y = page.evaluate(
        f"""() => {{
            const plot = {plot};
            plot.scrollIntoView({{ block: "center" }});
            const box = plot.getBoundingClientRect();
            const {{ xaxis, yaxis }} = plot._fullLayout;
            const [x, y] = {place};
            return [box.x + xaxis._offset + xaxis.d2p(x), box.y + yaxis._offset + yaxis.d2p(y)];
        }}"""
    )
    return x, y
