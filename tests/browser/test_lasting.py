"""Nothing is lost: reloading, several tabs, and a server that is killed at any instant."""

from __future__ import annotations

import os
import random
import time

import pytest
from playwright.sync_api import Browser, Page, expect

from rnn.store import Store
from tests.browser.serving import PATIENCE, free_port, serving
from tests.browser.test_train_page import (
    iteration,
    open_page,
    press,
    settled_iteration,
    wait_for_iteration,
)

pytestmark = pytest.mark.browser

KILLS = int(os.environ.get("KILLS", "4"))
MOST_LOST = 10.0  # seconds of training


def run_id(page: Page) -> str:
    return str(page.evaluate("new URL(location).searchParams.get('run')"))


def test_a_link_to_a_run_outlives_its_tab_and_its_server(browser: Browser) -> None:
    port = free_port()
    context = browser.new_context()
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    with serving(port) as (url, _):
        open_page(page, url)
        press(page, "Train")
        wait_for_iteration(page, 300)
        press(page, "Pause")
        page.get_by_role("button", name="Train").first.wait_for()
        reached = settled_iteration(page)
        link = page.url
        page.close()
        page = context.new_page()
        open_page(page, link)
        assert iteration(page) == reached
    with serving(port):
        open_page(page, link)
        assert iteration(page) == reached
        press(page, "Train")
        wait_for_iteration(page, reached + 200)
    context.close()


def test_the_server_may_be_killed_at_any_instant(browser: Browser, runs_folder: str) -> None:
    port, chance = free_port(), random.Random(7)
    context = browser.new_context()
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    link, seen, paces = "", 0, [1.0]
    for _ in range(KILLS):
        with serving(port) as (url, server):
            open_page(page, link or url)
            resumed = iteration(page)
            # What was on the screen may be lost for as long as a save may take to be due.
            assert resumed >= seen - MOST_LOST * max(paces)
            press(page, "Train")
            began, first = time.monotonic(), iteration(page)
            wait_for_iteration(page, first + 100)
            link = page.url
            page.wait_for_timeout(chance.uniform(0.0, 3000.0))
            seen = iteration(page)
            paces.append((seen - first) / (time.monotonic() - began))
            server.kill()
            server.wait(timeout=20)
        store = Store(runs_folder)
        trainer = store.load(run_id(page))
        assert trainer.iteration >= seen - MOST_LOST * max(paces)
        for snapshot in store.snapshots(run_id(page)):
            assert store.load_snapshot(run_id(page), snapshot.iteration)
    context.close()


def test_of_two_tabs_one_leads_and_the_other_can_take_over(browser: Browser, server: str) -> None:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE * 1000)
    first = context.new_page()
    open_page(first, server)
    press(first, "Train")
    wait_for_iteration(first, 200)
    second = context.new_page()
    open_page(second, first.url)
    said = second.get_by_text("Another tab trains this run")
    said.wait_for()
    followed = iteration(second)
    wait_for_iteration(second, followed + 500)
    second.get_by_role("button", name="Train it from here").click()
    expect(said).to_have_count(0)
    first.get_by_text("Another tab trains this run").wait_for()
    press(first, "Pause")
    second.get_by_role("button", name="Train").first.wait_for()
    assert settled_iteration(first) == settled_iteration(second)
    context.close()


def test_a_reload_amid_training_goes_on_without_a_word(page: Page, server: str) -> None:
    open_page(page, server)
    press(page, "Train")
    wait_for_iteration(page, 200)
    before = iteration(page)
    page.reload()
    open_page(page, page.url)
    assert iteration(page) >= before
    wait_for_iteration(page, before + 500)
    assert page.get_by_text("Another tab").count() == 0
