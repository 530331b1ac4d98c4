"""A real server and a real Chromium for the browser tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.serving import ARGUMENTS, PATIENCE, NoBrowser, browser_path, serving


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a running dashboard."""
    with serving() as (url, _):
        yield url


def _browser_path() -> str:
    try:
        return browser_path()
    except NoBrowser as reason:
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail(str(reason))
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = _browser_path()
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE * 1000)
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh visitor; the test fails if the page raises an error or reaches out of this machine."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    errors: list[str] = []
    strangers: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: _note_stranger(request.url, strangers))
    yield page
    context.close()
    assert not errors
    assert not strangers


def _note_stranger(url: str, strangers: list[str]) -> None:
    local = ("http://localhost:", "ws://localhost:", "data:", "blob:http://localhost:")
    if not url.startswith(local):
        strangers.append(url)
