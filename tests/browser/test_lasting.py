"""Nothing is lost: reloading, several tabs, and a server that ends or is killed."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Browser, Page, expect

from bench.live import HIDE, SLOW_TIMERS
from rnn.store import Store
from tests.browser.serving import PATIENCE, free_port, serving
from tests.browser.visitor import (
    iteration,
    open_train,
    press,
    settled_iteration,
    wait_for_iteration,
)

pytestmark = pytest.mark.browser


def run_id(page: Page) -> str:
    return str(page.evaluate("new URL(location).searchParams.get('run')"))


def test_a_link_to_a_run_outlives_its_tab_and_its_server(browser: Browser) -> None:
    port = free_port()
    context = browser.new_context()
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    with serving(port) as (url, _):
        open_train(page, url)
        press(page, "Train")
        wait_for_iteration(page, 300)
        press(page, "Pause")
        page.get_by_role("button", name="Train").first.wait_for()
        reached = settled_iteration(page)
        link = page.url
        page.close()
        page = context.new_page()
        open_train(page, link)
        assert iteration(page) == reached
    with serving(port):
        open_train(page, link)
        assert iteration(page) == reached
        press(page, "Train")
        wait_for_iteration(page, reached + 200)
    context.close()


def test_after_the_server_was_killed_the_link_shows_the_run_as_it_was_saved(
    browser: Browser, runs_folder: str
) -> None:
    port = free_port()
    context = browser.new_context()
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    with serving(port) as (url, server):
        open_train(page, url)
        press(page, "Train")
        wait_for_iteration(page, 1000)
        link = page.url
        server.kill()
        server.wait(timeout=20)
    saved = Store(runs_folder).load(run_id(page)).iteration
    assert saved > 0
    with serving(port):
        open_train(page, link)
        assert iteration(page) == saved
        said = f"The run stands as it was last saved, at iteration {saved:,}."
        expect(page.get_by_text(said)).to_be_visible()
        press(page, "Train")
        wait_for_iteration(page, saved + 200)
        expect(page.get_by_text(said)).to_have_count(0)
    context.close()


def test_of_two_tabs_one_leads_and_the_other_can_take_over(browser: Browser, server: str) -> None:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE * 1000)
    first = context.new_page()
    open_train(first, server)
    press(first, "Train")
    wait_for_iteration(first, 200)
    second = context.new_page()
    open_train(second, first.url)
    said = second.get_by_text("Another tab trains this run")
    said.wait_for()
    followed = iteration(second)
    wait_for_iteration(second, followed + 500)
    second.get_by_role("button", name="Train it from here").click()
    expect(said).to_have_count(0)
    first.get_by_text("Another tab trains this run").wait_for()
    press(first, "Pause")
    second.get_by_role("button", name="Train").first.wait_for()
    deadline = time.monotonic() + PATIENCE
    while settled_iteration(first) != settled_iteration(second):
        assert time.monotonic() < deadline, "the two tabs show different iterations"
    context.close()


def test_a_reload_amid_training_goes_on_without_a_word(page: Page, server: str) -> None:
    open_train(page, server)
    press(page, "Train")
    wait_for_iteration(page, 200)
    before = iteration(page)
    page.reload()
    open_train(page, page.url)
    assert iteration(page) >= before
    wait_for_iteration(page, before + 500)
    assert page.get_by_text("Another tab").count() == 0


def test_a_page_that_was_hidden_for_long_asks_for_a_fresh_start(page: Page, server: str) -> None:
    sent: list[bytes] = []

    def note(payload: bytes | str) -> None:
        sent.append(payload if isinstance(payload, bytes) else payload.encode())

    page.on("websocket", lambda socket: socket.on("framesent", note))
    page.add_init_script(SLOW_TIMERS)
    open_train(page, f"{server}/?autoplay=1")
    wait_for_iteration(page, 10)
    page.evaluate(HIDE, True)
    page.wait_for_timeout(500)
    page.evaluate(HIDE, False)
    assert not any(b"returned" in message for message in sent)  # it was away too shortly
    page.evaluate(HIDE, True)
    before = iteration(page)
    page.wait_for_timeout(3500)
    assert iteration(page) > before
    page.evaluate(HIDE, False)
    wait_for_iteration(page, iteration(page) + 1000)
    assert any(b"returned" in message for message in sent)


def test_what_was_taken_off_the_page_leaves_the_browser_s_memory(page: Page, server: str) -> None:
    open_train(page, server)
    client = page.context.new_cdp_session(page)
    goal = page.locator(".st-key-target_iteration input")

    def nodes_after(times: int) -> int:
        for _ in range(times):
            page.get_by_role("button", name="Run to…").click()
            goal.fill("10")  # its frame changes colour slowly, and is gone in the middle of that
            page.keyboard.press("Escape")
            goal.wait_for(state="detached")
        client.send("HeapProfiler.collectGarbage")
        return int(client.send("Memory.getDOMCounters")["nodes"])

    usual = nodes_after(3)
    assert nodes_after(10) < usual + 200
