"""The tabs in which `bench/soak.py` acts, and how a control is used that may change at any moment."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from playwright.sync_api import Browser, BrowserContext, Locator, Page, ViewportSize
from playwright.sync_api import TimeoutError as NoAnswer

from bench.live import SLOW_TIMERS

T = TypeVar("T")

WINDOW = ViewportSize(width=1440, height=900)
MOST_GUESTS = 2
PATIENCE = 120.0  # seconds; for a slow machine, not a measure
SOON = 1000.0  # milliseconds for one try at a control that may move, or go, at any moment


@dataclass
class House:
    """The tabs that are open: one that stays for as long as it all lasts, and guests."""

    browser: Browser
    url: str
    watch: Callable[[str, BrowserContext], None]
    """Told of every new window, before a page is in it, under a name for its tabs."""
    guests: list[Tab] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    """Where guests were when they left."""
    _count: int = 0

    def __post_init__(self) -> None:
        """Open the tab that stays."""
        self.resident = self.open("", "resident")

    @property
    def tabs(self) -> list[Tab]:
        """All that are open."""
        return [self.resident, *self.guests]

    def open(self, address: str, name: str, beside: Tab | None = None) -> Tab:
        """A tab at an address below the server's, in a window of its own or ``beside`` another tab."""
        context = beside.page.context if beside else self._window(name)
        page = context.new_page()
        page.add_init_script(SLOW_TIMERS)
        tab = Tab(self, page, name)
        tab.go(address)
        return tab

    def invite(self, address: str, beside: Tab | None = None) -> Tab:
        """A guest; if there are too many, the first goes, unless the new one is to be ``beside`` it."""
        if len(self.guests) == MOST_GUESTS:
            self.dismiss(next(guest for guest in self.guests if guest is not beside))
        self._count += 1
        guest = self.open(address, f"guest {self._count}", beside)
        self.guests.append(guest)
        return guest

    def dismiss(self, guest: Tab) -> None:
        """Close a guest's tab, and its window unless others are in it."""
        self.guests.remove(guest)
        self.links.append(guest.page.url.removeprefix(f"{self.url}/"))
        context = guest.page.context
        guest.page.close()
        if not context.pages:
            context.close()

    def dismiss_all(self) -> None:
        """Close the guests' tabs."""
        while self.guests:
            self.dismiss(self.guests[0])

    def close(self) -> None:
        """Close all tabs."""
        for context in {tab.page.context for tab in self.tabs}:
            context.close()

    def _window(self, name: str) -> BrowserContext:
        context = self.browser.new_context(viewport=WINDOW)
        context.set_default_timeout(PATIENCE * 1000)
        self.watch(name, context)
        return context


@dataclass(eq=False)
class Tab:
    """One open page of the dashboard."""

    house: House
    page: Page
    name: str

    def go(self, address: str) -> None:
        """Load an address below the server's, and wait until the page is painted."""
        self.page.goto(f"{self.house.url}/{address}")
        self.painted()

    def painted(self) -> None:
        """Wait until there is something to see."""
        self.page.wait_for_function(
            "window.rnnBoard && rnnBoard.painted > 0 &&"
            " document.querySelector('.rnn-status-line')?.textContent"
        )

    def present_page(self) -> str:
        """The name of the page that is shown, with its icon if it has one; empty while there is none."""
        return "".join(self.page.locator("a[aria-current=page]").all_text_contents())

    def turn_to(self, name: str) -> None:
        """Go to one of the pages by its link."""
        self.point_away()
        if name not in self.present_page():
            self.page.get_by_role("link", name=name, exact=True).first.click()
        self.page.wait_for_function(
            "name => document.querySelector('a[aria-current=page]')?.textContent.includes(name)",
            arg=name,
        )

    def button(self, name: str, within: str = "body") -> Locator:
        """The first button that is called so, perhaps with its shortcut, in a part of the page."""
        called = re.compile(rf"^{re.escape(name)}(?!\w)")
        return self.page.locator(within).get_by_role("button", name=called).first

    def keyed(self, key: str, inside: str = "") -> Locator:
        """What stands under one of Streamlit's keys."""
        return self.page.locator(f".st-key-{key} {inside}").first

    def press(self, name: str, within: str = "body") -> bool:
        """Press a button if it is there; whether it was."""
        return pressed(self.button(name, within))

    def point_away(self) -> None:
        """Move the mouse to where nothing is, so that no tooltip covers a control."""
        self.page.mouse.move(1, 1)

    def wait(self, chance: Random, longest: float) -> None:
        """Look on for up to so many seconds."""
        self.page.wait_for_timeout(1000 * chance.uniform(0.2, longest))


def pressed(control: Locator) -> bool:
    """Press a control that may change, rest or go at any moment; False if there is nothing to press.

    Raises NoAnswer if it stands there and cannot be pressed all the same.
    """

    def attempt() -> bool:
        there = bool(control.evaluate_all("all => all.length > 0 && !all[0].disabled"))
        if there:
            control.page.mouse.move(1, 1)  # lest a tooltip cover it
            control.click(timeout=SOON)
        return there

    return patiently(attempt)


def appeared(control: Locator) -> bool:
    """Whether a control that is not on every page is on this one, once that is drawn."""
    try:
        control.wait_for(timeout=3 * SOON)
    except NoAnswer:
        return False
    return True


def patiently(attempt: Callable[[], T]) -> T:
    """What the attempt gives; made again if the page has moved on in the middle of it.

    Raises NoAnswer once it has failed for as long as `PATIENCE`.
    """
    limit = time.monotonic() + PATIENCE
    while True:
        try:
            return attempt()
        except NoAnswer:
            if time.monotonic() > limit:
                raise


def filled(control: Locator, text: str, key: str = "Enter") -> str:
    """Fill a field in, and let the page know with a key; gives the text in short."""
    control.fill(text)
    control.press(key)
    return f"{text!r:.40}"


def choose(tab: Tab, key: str, option: Callable[[Locator], Locator]) -> str:
    """Choose an ``option`` of those that the box under ``key`` has; gives its words."""

    def attempt() -> str:
        tab.keyed(key).get_by_role("combobox").click(timeout=SOON)
        options = tab.page.get_by_role("option")
        options.first.wait_for(timeout=SOON)
        words = option(options).text_content(timeout=SOON)
        option(options).click(timeout=SOON)
        return words or ""

    return patiently(attempt)


def any_of(found: Locator, chance: Random) -> Locator:
    """One of those that are there."""
    return found.nth(chance.randrange(10**6) % max(1, found.count()))


def picked(group: Locator, chance: Random) -> str:
    """Pick anything in a row of choices; gives its words."""
    group.first.wait_for()
    choice = any_of(group.get_by_role("radio"), chance)
    words = (choice.text_content() or "").strip()
    choice.click()
    return words


def opened(tab: Tab, name: str, inside: Locator) -> None:
    """Let a popover show what is ``inside``."""
    if not inside.is_visible():
        tab.button(name).click()
        inside.wait_for()


def closed(tab: Tab) -> None:
    """Let every popover go."""
    tab.page.keyboard.press("Escape")
