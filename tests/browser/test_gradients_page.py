"""The Gradients and weights page in a real browser: charts fill, follow the training, and answer a click."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visitor import open_page, press, wait_for_chart, wait_for_charts

pytestmark = pytest.mark.browser


def open_gradients(page: Page, url: str, address: str = "") -> None:
    open_page(page, f"{url}/gradients?{address}")
    wait_for_charts(page, "flow", "flow_map", "eigenvalues", "extremes")


def group(page: Page, name: str) -> None:
    choice = page.locator(".st-key-gradients_group")
    choice.get_by_text(name, exact=True).click()


def test_a_fresh_network_shows_how_its_gradient_fades(page: Page, server: str) -> None:
    open_gradients(page, server)
    wait_for_chart(page, "flow", "node.data[0].y?.length === 25")
    falling = page.evaluate(
        "(() => { const y = document.querySelector('.st-key-flow .js-plotly-plot').data[0].y;"
        " return [...y].every((value, i) => i === 0 || value < y[i - 1]); })()"
    )
    assert falling
    wait_for_chart(
        page, "eigenvalues", "node.data[0].x?.length === 100 && node.data[1].x.length === 0"
    )
    expect(page.locator(".st-key-flow_map")).to_contain_text("press Train or Step")
    # the unit circle is round
    box = page.locator(".st-key-eigenvalues .shapelayer path").first.bounding_box()
    assert box is not None
    assert abs(box["width"] - box["height"]) < 1.5


def test_charts_follow_the_training_on_the_nodes_they_have(page: Page, server: str) -> None:
    open_gradients(page, server)
    page.evaluate("window.kept = [...document.querySelectorAll('.js-plotly-plot')]")
    press(page, "Train")
    wait_for_chart(page, "flow_map", "node.data[0].x?.length >= 8")
    wait_for_chart(page, "eigenvalues", "node.data[1].x?.length > 5")
    press(page, "Pause")
    page.get_by_role("button", name=re.compile(r"\bTrain\b")).first.wait_for()
    wait_for_chart(page, "extremes", "node.data[1].y?.length >= 8")
    assert page.evaluate(
        "kept.every(node => [...document.querySelectorAll('.js-plotly-plot')].includes(node))"
    )


def test_every_group_fills(page: Page, server: str) -> None:
    open_gradients(page, server)
    for _ in range(3):
        press(page, "Step")
    page.wait_for_function(
        "document.querySelector('.rnn-status-line').textContent.startsWith('iteration 3 ')"
    )
    group(page, "Norms and rates")
    wait_for_chart(page, "norms", "node.data.length === 10 && node.data[9].y?.length === 2")
    wait_for_chart(page, "step_table", "node.data[0].cells.values[5].length === 7")
    group(page, "Histograms")
    wait_for_chart(page, "spread_map", "node.data[0].z?.[0]?.length === 2")
    wait_for_chart(page, "spread_bars", "node.data[0].x?.length > 20")
    group(page, "Matrices")
    wait_for_chart(
        page, "matrix", "node.data[0].z?.length === 100 && node.data[0].z[0].length === 100"
    )
    page.get_by_text("Wxh, input", exact=True).click()
    wait_for_chart(page, "matrix", "node.data[0].z?.[0]?.length === 37")
    expect(page.locator(".st-key-matrix .rnn-labels-x span").first).to_have_text("↵")
    assert page.locator(".rnn-complaint").count() == 0


def test_a_click_on_the_map_shows_that_moment(page: Page, server: str) -> None:
    open_gradients(page, server)
    press(page, "Train")
    wait_for_chart(page, "flow_map", "node.data[0].x?.length >= 9")
    press(page, "Pause")
    page.get_by_role("button", name=re.compile(r"\bTrain\b")).first.wait_for()
    group(page, "Histograms")
    wait_for_chart(page, "spread_map", "node.data[0].x?.length >= 9")
    box = page.locator(".st-key-spread_map .nsewdrag").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 6, box["y"] + box["height"] / 2)
    said = page.locator(".st-key-spread_bars .annotation-text")
    expect(said.last).to_have_text("after iteration 1")
    wait_for_chart(
        page, "spread_map", "node.layout.shapes[0].visible && node.layout.shapes[0].x0 === 1"
    )


def test_the_gradient_check_while_training_goes_on(page: Page, server: str) -> None:
    open_gradients(page, server, "text=counting&autoplay=1")
    group(page, "Gradient check")
    press(page, "Check the gradients")
    expect(page.locator(".st-key-check_result [data-testid=stAlert]")).to_contain_text(
        re.compile(r"derivatives (agree|differ)"), timeout=60_000
    )
    expect(page.locator(".st-key-check_result [data-testid=stDataFrame]")).to_be_visible()
    page.get_by_role("button", name=re.compile(r"\bPause\b")).first.wait_for()
