"""The text on the Data page: turning its pages, following the reader, searching."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from ui import state, textpage
from ui.live import LiveRun
from ui.shell import Page
from ui.textpage import Shown

_HEIGHT = 430
_LONGEST_SEARCH = 200
_PAGE, _FOLLOW, _TYPED, _CASE, _HIT = (
    "data_page",
    "data_follow",
    "data_search",
    "data_case",
    "data_hit",
)


def text(page: Page) -> None:
    """The text page by page, with the window that is read next, the held-out part and a search."""
    shown = _shown(page.run)
    _turning(page.run, shown)
    _searching(page.run, shown)
    page.ribbon(
        "text",
        textpage.passage(shown),
        "The text",
        "Blue: the window that is read next. Orange: what was searched for. Faded: held out.",
        height=_HEIGHT,
    )
    st.caption(textpage.held_out_said(page.run.portrait()))


def _shown(run: LiveRun) -> Shown:
    pages = textpage.pages_of(run.text)
    typed = state.widget_value(_TYPED, "") or ""
    hits = textpage.search(run.text, typed, state.widget_value(_CASE, False))
    number = min(state.widget_value(_PAGE, 1), len(pages))
    return Shown(
        text=run.text,
        pages=pages,
        page=number - 1,
        follow=state.widget_value(_FOLLOW, False),
        hits=hits,
        hit=state.widget_value(_HIT, 0) % max(1, len(hits)),
    )


# Pages


def _turning(run: LiveRun, shown: Shown) -> None:
    last = len(shown.pages)
    state.set_widget(_PAGE, shown.page_now(run.portrait()) + 1)
    at_start = shown.page == 0 and not shown.follow
    at_end = shown.page == last - 1 and not shown.follow
    with st.container(
        horizontal=True, vertical_alignment="bottom", gap="xsmall", key="data_turning"
    ):
        _turn_button(run, "First", at_start, lambda number: 1)
        _turn_button(run, "Previous", at_start, lambda number: number - 1)
        st.number_input(
            f"Page (1 to {last:,})",
            min_value=1,
            max_value=last,
            step=1,
            key=_PAGE,
            width=120,
            disabled=shown.follow,
            persist_state="session",
        )
        _turn_button(run, "Next", at_end, lambda number: number + 1)
        _turn_button(run, "Last", at_end, lambda number: last)
        st.toggle(
            "Follow the reader",
            key=_FOLLOW,
            help="Always show the page that is being read; while training, about once a second.",
            on_change=partial(_stay, run),
            persist_state="session",
        )


def _turn_button(run: LiveRun, label: str, idle: bool, target: Callable[[int], int]) -> None:
    turn = partial(_turn, run, target)
    st.button(label, key=f"data_{label.lower()}", on_click=turn, disabled=idle)


def _turn(run: LiveRun, target: Callable[[int], int]) -> None:
    """Go to another page, from the one that is looked at; the reader is followed no more."""
    shown = _shown(run)
    number = target(shown.page_now(run.portrait()) + 1)
    _go(min(max(number, 1), len(shown.pages)))


def _go(number: int) -> None:
    state.set_widget(_FOLLOW, False)
    state.set_widget(_PAGE, number)


def _stay(run: LiveRun) -> None:
    """When the reader is no longer followed, stay on the page that it was on."""
    if not state.widget_value(_FOLLOW, False):
        _go(textpage.reader_page(run.portrait()) + 1)


# Search


def _searching(run: LiveRun, shown: Shown) -> None:
    with st.container(
        horizontal=True, vertical_alignment="bottom", gap="xsmall", key="data_searching"
    ):
        typed = st.text_input(
            "Search the text",
            key=_TYPED,
            max_chars=_LONGEST_SEARCH,
            placeholder="↵ for a line break",
            icon=":material/search:",
            on_change=partial(_seek, run),
            persist_state="session",
        )
        for label, step in (("Previous hit", -1), ("Next hit", 1)):
            st.button(label, on_click=partial(_step, run, step), disabled=not len(shown.hits))
        st.toggle("Match case", key=_CASE, on_change=partial(_seek, run), persist_state="session")
    if typed:
        said = textpage.hits_said(shown.hits, shown.hit)
    else:
        said = "Type a word and press Enter to see where it stands in the text."
    st.caption(said)


def _seek(run: LiveRun) -> None:
    """Go to the first hit from the page that is looked at on."""
    shown = _shown(run)
    start, _ = shown.pages.bounds(shown.page_now(run.portrait()))
    _show_hit(shown, shown.hits.at_or_after(start))


def _step(run: LiveRun, step: int) -> None:
    """Go to the next or the previous hit, around the end."""
    shown = _shown(run)
    _show_hit(shown, shown.hit + step)


def _show_hit(shown: Shown, number: int) -> None:
    if len(shown.hits):
        number %= len(shown.hits)
        state.set_widget(_HIT, number)
        _go(shown.pages.of(int(shown.hits.starts[number])) + 1)
