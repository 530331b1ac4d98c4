"""The connection breaks, or the server starts anew, under an open page: it finds its run by itself."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Browser, Page, Route, WebSocketRoute, expect

from tests.browser.serving import PATIENCE, free_port, serving
from tests.browser.visitor import (
    iteration,
    open_train,
    press,
    settled_iteration,
    wait_for_iteration,
)

pytestmark = pytest.mark.browser

ALERTS = "[data-testid=stAlert]"
EXCEPTIONS = "[data-testid=stException]"


def chart_nodes(page: Page) -> None:
    page.evaluate("window.kept = [...document.querySelectorAll('.js-plotly-plot')]")


def same_nodes(page: Page) -> bool:
    return bool(
        page.evaluate(
            "() => { const now = [...document.querySelectorAll('.js-plotly-plot')];"
            " return now.length === kept.length && now.every((node, i) => node === kept[i]); }"
        )
    )


def wait_for_connection(page: Page, opened: list[WebSocketRoute], count: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while len(opened) < count:
        assert time.monotonic() < deadline, "the page did not connect again"
        page.wait_for_timeout(50)


def test_a_page_whose_connection_is_cut_goes_on_training_by_itself(page: Page, server: str) -> None:
    cut: list[WebSocketRoute] = []

    def pass_on(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        cut.append(socket)

    page.route_web_socket("**/_stcore/stream", pass_on)
    open_train(page, f"{server}/?autoplay=1")
    wait_for_iteration(page, 200)
    chart_nodes(page)
    for connections in (1, 2):
        assert len(cut) == connections
        cut[-1].close(code=1001)
        wait_for_connection(page, cut, connections + 1)
        reached = iteration(page)
        wait_for_iteration(page, reached + 500)
    assert same_nodes(page)
    expect(page.locator(ALERTS)).to_have_count(0)
    expect(page.locator(EXCEPTIONS)).to_have_count(0)
    press(page, "Pause")
    page.get_by_role("button", name="Train").first.wait_for()
    assert settled_iteration(page) >= reached + 500


def test_a_page_that_was_offline_for_a_while_goes_on_when_it_is_back(
    page: Page, server: str
) -> None:
    """Nothing gets through in either direction, and no new connection can be made."""
    sockets: list[WebSocketRoute] = []
    offline = False

    def pass_on(socket: WebSocketRoute) -> None:
        if offline:
            socket.close(code=1001)
            return
        socket.connect_to_server()
        sockets.append(socket)

    def answer(route: Route) -> None:
        if offline:
            route.abort("internetdisconnected")
        else:
            route.continue_()

    page.route("**/_stcore/**", answer)
    page.route_web_socket("**/_stcore/stream", pass_on)
    open_train(page, f"{server}/?autoplay=1")
    wait_for_iteration(page, 200)
    offline = True
    sockets[-1].close(code=1001)
    page.wait_for_timeout(3000)
    reached = settled_iteration(page)
    offline = False
    wait_for_iteration(page, reached + 300)
    expect(page.locator(EXCEPTIONS)).to_have_count(0)


@pytest.mark.parametrize("training", [True, False], ids=["training", "at rest"])
def test_a_page_finds_its_run_when_the_server_was_started_anew(
    browser: Browser, training: bool
) -> None:
    port = free_port()
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    with serving(port) as (url, server):
        open_train(page, url)
        press(page, "Train")
        wait_for_iteration(page, 1000)
        if not training:
            press(page, "Pause")
            page.get_by_role("button", name="Train").first.wait_for()
            page.wait_for_timeout(1000)
        address = page.url
        server.kill()
        server.wait(timeout=20)
        page.wait_for_timeout(1500)
    seen = iteration(page)
    with serving(port):
        said = page.locator(ALERTS)
        expect(said).to_contain_text("as it was last saved, at iteration")
        expect(said).to_have_count(1)
        page.get_by_role("button", name="Train").first.wait_for()
        # What was saved last may be ahead of what was on the screen last.
        stands = settled_iteration(page)
        assert stands > 0
        if not training:
            assert stands == seen
        assert page.url == address
        press(page, "Train")
        wait_for_iteration(page, stands + 300)
        expect(said).to_have_count(0)
        expect(page.locator(EXCEPTIONS)).to_have_count(0)
    context.close()
