"""The Memory page's blocks on whole states: similar moments, how far back it remembers, their plane."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import asdict
from functools import lru_cache, partial
from typing import Any

import streamlit as st

from rnn.analysis import Portrait, Report, moments
from rnn.analysis.moments import Moment, Similar
from rnn.analysis.projection import Projection, project_text
from rnn.analysis.recall import PLACES, Recall, recall
from rnn.vocabulary import char_mark
from ui import ribbon, state
from ui.entries import Entry, Source
from ui.figures import projection as plane_figure
from ui.figures import recall as recall_figure
from ui.figures.base import Caption, plain
from ui.figures.projection import Grouping
from ui.frames import Arrays
from ui.live import LiveRun, LiveView
from ui.shell import Page

_AROUND = 160  # characters of the text before and after the place, to choose another from
_BEFORE, _AFTER = 34, 24  # characters of a moment's row
_RIBBON_HEIGHT = 250
_HOP = 0.382  # of the text, to another place: a golden section, so that many hops go everywhere

_LIVE_PRODUCTS = 3e7
"""Texts are searched at every new portrait if reading them takes no more multiplications than this,"""
_LIVE_CHARACTERS = 4_000
"""and no more steps than so many characters take; longer ones when asked to. Together about 6 ms."""

_LIVE_UNITS = 256
"""Networks up to this size are projected at every new portrait; about 5 ms for 100 units."""

_PLACE, _START = "moments_place", "projection_start"
_UNLIKE = {0: "none", 3: "the last 3", 6: "the last 6", 12: "the last 12"}
_COLOURINGS = {True: "next character", False: "character just read"}


# Similar moments


def similar_moments(page: Page) -> None:
    """Choose a place in the text, and see where else the network is in nearly the same state."""
    st.markdown("**Similar moments: where else is it in nearly the same state?**")
    st.caption(
        "What the network treats alike, it has understood as alike. Pass over the places that read the same, "
        "and see whether it still finds the ends of other lines, or other words of the same kind."
    )
    run = page.run
    place, unlike = _choose_moment(run)
    text = run.text
    left, right = st.columns([0.4, 0.6], gap="medium")
    with left:
        _around(page, text, place)
    with right:
        source = _found_moments(page, text, place, unlike)
        if source is not None:
            page.panel("moments", "moments", source, on_pick=_look_at, **asdict(_MOMENTS))


_MOMENTS = Caption(
    "The nearest moments",
    "Framed: the character just read; bold: what follows; underlined: what reads the same as at the chosen "
    "place. The distance is the root mean square over all units, from 0 (the same state) to 2; the bar is "
    "its part of a typical distance. Click a row to go there.",
)


def _choose_moment(run: LiveRun) -> tuple[int, int]:
    """The place (from 0), and how many characters read the same where places are passed over."""
    last = max(1, len(run.text))
    _keep_within(_PLACE, 1, last, usual=last // 2 + 1)
    with st.container(horizontal=True, vertical_alignment="bottom", key="moments_choice"):
        number = st.number_input(
            f"After character (1 to {last:,})",
            min_value=1,
            max_value=last,
            step=1,
            key=_PLACE,
            width=170,
            persist_state="session",
        )
        st.button("Elsewhere", key="moments_elsewhere", on_click=partial(_hop, last))
        unlike = st.segmented_control(
            "Pass over places where these characters are the same",
            list(_UNLIKE),
            format_func=_UNLIKE.__getitem__,
            default=0,
            required=True,
            key="moments_unlike",
            persist_state="session",
        )
    return int(number) - 1, unlike or 0


def _hop(last: int) -> None:
    here = int(state.widget_value(_PLACE, 1))
    state.set_widget(_PLACE, (here + int(_HOP * last)) % last + 1)


def _look_at(place: int) -> None:
    state.set_widget(_PLACE, int(place) + 1)


def _around(page: Page, text: str, place: int) -> None:
    start = max(0, place - _AROUND)
    shown = text[start : place + _AROUND]
    page.ribbon(
        "moments_text",
        lambda view: Entry((start, place), lambda: ribbon.content(shown, picked=place - start)),
        "The text around it",
        "Click a character to choose the moment after it; the chosen one is framed.",
        height=_RIBBON_HEIGHT,
        on_pick=lambda index: _look_at(start + index),
    )


def _found_moments(page: Page, text: str, place: int, unlike: int) -> Source | None:
    """What fills the panel: at once in a short text, in a longer one when the person asks for it."""
    if _searched_at_once(page.run):

        def source(view: LiveView) -> Entry:
            portrait = view.portrait
            return Entry(
                (portrait.iteration, place, unlike),
                lambda: _rows(text, moments.similar(portrait, place, unlike=unlike)),
            )

        return source
    analysis = page.analysis(
        "moments",
        "Find similar moments",
        partial(_similar, place, unlike),
        parameters=(place, unlike),
    )
    found = analysis.result
    if found is None:
        return None
    return lambda view: Entry(analysis.version, lambda: _rows(text, found))


def _searched_at_once(run: LiveRun) -> bool:
    characters = len(run.text)
    products = characters * run.config.hidden_size**2
    return characters <= _LIVE_CHARACTERS and products <= _LIVE_PRODUCTS


def _similar(place: int, unlike: int, portrait: Portrait, report: Report) -> Similar:
    return moments.similar(portrait, place, report, unlike)


def _rows(text: str, found: Similar) -> dict[str, Any]:
    """The chosen place and the moments like it, as the panel shows them."""
    chosen = _row(text, Moment(found.place, 0.0, 0), "here", 0.0) | {"chosen": True}
    rows = [
        _row(text, moment, _figure(moment.distance), _part(moment.distance, found.typical))
        for moment in found.moments
    ]
    return {"rows": [chosen, *rows], "words": _typical(found)}


def _row(text: str, moment: Moment, distance: str, share: float) -> dict[str, Any]:
    place = moment.place
    before = text[max(0, place - _BEFORE) : place]
    parting = max(
        0, len(before) - max(0, moment.shared - 1)
    )  # the framed character is shared first
    return {
        "at": place,
        "place": f"{place + 1:,}",
        "unlike": _visible(before[:parting]),
        "alike": _visible(before[parting:]),
        "here": char_mark(text[place]),
        "after": _visible(text[place + 1 : place + 1 + _AFTER]),
        "distance": distance,
        "share": share,
        "chosen": False,
    }


def _visible(text: str) -> str:
    """On one line; spaces stay spaces."""
    return "".join(char if char == " " else char_mark(char) for char in text)


def _figure(distance: float) -> str:
    """Two digits that count, or three after the point."""
    if 0 < distance < 1e-4:
        return "<0.0001"
    return f"{distance:.2g}" if 0 < distance < 0.01 else f"{distance:.3f}"


def _part(distance: float, typical: float) -> float:
    return distance / typical if typical > 0 else 0.0


def _typical(found: Similar) -> str:
    if not found.compared:
        return "There is no other moment to compare with."
    return (
        f"Of all {found.compared:,} places that were compared, half are further away than "
        f"{_figure(found.typical)}: that is a typical distance."
    )


# How far back it remembers


def how_far_back(page: Page) -> None:
    """Change one character, and see for how long the predictions differ."""
    with st.container(horizontal=True, vertical_alignment="center", key="recall_heading"):
        st.markdown("**How far back does it remember?**")
        with st.popover("How it is measured", icon=":material/info:"):
            st.markdown(_METHOD)
        log = st.toggle("log bits", value=True, key="recall_log", persist_state="session")
    analysis = page.analysis("recall", "Measure its memory", recall)
    found = analysis.result
    if found is None:
        st.caption(
            "Nothing has been measured yet. Measure now, and again after some thousand iterations."
        )
        return
    st.markdown(_verdict(found))
    page.chart(
        "recall",
        plain(recall_figure.skeleton, page.palette, log),
        recall_figure.CAPTION,
        lambda view: Entry(
            (analysis.version, log), lambda: {"arrays": recall_figure.arrays(found, log)}
        ),
    )


_METHOD = (
    f"At up to {PLACES:,} places of the text, one character is replaced by another, drawn "
    "by how often characters occur. The network reads on, in both versions. **Change** is the divergence "
    "KL(p‖q) of what it expects with the changed text (q) from what it expects with the text as it is (p), "
    "in bits. **Worse guess** is how many bits of probability q takes from the character that really "
    "comes.\n\n"
    "**Chance** is the larger of two bounds. The first is the largest change that cannot be noticed in this "
    "text: whoever has read all of it, and has to say whether it follows p or q, is wrong in one case of "
    "twenty. The longer the text, the lower the bound. The second is what happens if no character but only "
    "the last binary digit of every unit is changed: in a wild network that, too, changes everything some "
    "steps later, and is no memory.\n\n"
    "Only one character is changed at a time. What the network can tell from the others as well does not "
    "count as remembered: one that has learned a cycle by heart hums it by itself, whatever it reads."
)


def _verdict(found: Recall) -> str:
    """What the curve says, in words."""
    if found.remembered == 0:
        return (
            f"Over {found.places:,} places, no single changed character moves a prediction beyond chance: "
            "the network has not yet learned to use what it reads, or goes on by itself whatever it reads."
        )
    least = "at least " if found.endless else "about "
    return (
        f"**It remembers {least}{_characters(found.remembered)}** (over {found.places:,} places; training "
        f"sends gradients T = {found.seq_length} back). {_use(found)}"
    )


def _use(found: Recall) -> str:
    if found.helped == 0:
        return "What it keeps does not help its guesses."
    return f"Up to {_characters(found.helped)} back, remembering surely makes its guesses better."


def _characters(count: int) -> str:
    return "1 character" if count == 1 else f"{count} characters"


# The plane of states


class _Projections:
    """The newest projection, made once for the two charts that show it."""

    def __init__(self, start: int, length: int) -> None:
        self._start, self._length = start, length
        self._kept: tuple[Portrait, Projection] | None = None

    def of(self, portrait: Portrait) -> Projection:
        if self._kept is None or self._kept[0] is not portrait:
            self._kept = portrait, project_text(portrait, self._start, self._length)
        return self._kept[1]


_Newest = Callable[[LiveView], tuple[Hashable, Callable[[], Projection]]]
"""The version of the projection to show, and how to get it."""


def projection(page: Page) -> None:
    """The hidden states over a stretch of text, as points of a plane."""
    st.markdown("**Where do the states lie?**")
    run = page.run
    length = min(plane_figure.MOST_POINTS, len(run.text) - 1)  # the last character has no next one
    start, by_next = _choose_stretch(len(run.text) - length, length)
    if run.config.hidden_size <= _LIVE_UNITS:
        kept = _Projections(start, length)
        _plane(
            page,
            _grouping(run.text, start, length, by_next, run.chars),
            by_next,
            lambda view: (view.portrait.iteration, partial(kept.of, view.portrait)),
        )
        return
    analysis = page.analysis(
        "projecting",
        "Project the states",
        partial(_project, start, length),
        parameters=(start, length),
    )
    if analysis.result is not None:
        (start, length), found = analysis.result
        groups = _grouping(run.text, start, length, by_next, run.chars)
        _plane(page, groups, by_next, lambda view: (analysis.version, lambda: found))


def _choose_stretch(starts: int, length: int) -> tuple[int, bool]:
    """Where the stretch of text starts (from 0), and whether its points are coloured by what comes next."""
    _keep_within(_START, 1, starts, usual=1)
    with st.container(horizontal=True, vertical_alignment="bottom", key="projection_choice"):
        if starts > 1:
            st.number_input(
                f"{length:,} characters from (1 to {starts:,})",
                min_value=1,
                max_value=starts,
                step=1,
                key=_START,
                width=240,
                persist_state="session",
            )
        by_next = st.segmented_control(
            "Colour by",
            list(_COLOURINGS),
            format_func=_COLOURINGS.__getitem__,
            default=True,
            required=True,
            key="projection_colour",
            persist_state="session",
        )
    return int(state.widget_value(_START, 1)) - 1, by_next is not False


def _project(
    start: int, length: int, portrait: Portrait, report: Report
) -> tuple[tuple[int, int], Projection]:
    return (start, length), project_text(portrait, start, length, report)


@lru_cache(maxsize=8)
def _grouping(
    text: str, start: int, length: int, by_next: bool, chars: tuple[str, ...]
) -> Grouping:
    return plane_figure.grouping(text, start, length, by_next, chars)


def _plane(page: Page, groups: Grouping, by_next: bool, newest: _Newest) -> None:
    def filled(arrays: Callable[[Projection], Arrays]) -> Source:
        def source(view: LiveView) -> Entry:
            version, found = newest(view)
            return Entry(version, lambda: {"arrays": arrays(found())})

        return source

    with st.container(key="plane"):
        left, right = st.columns([0.66, 0.34], gap="medium")
    with left:
        page.chart(
            "projection",
            plain(plane_figure.skeleton, page.palette, groups),
            plane_figure.caption(by_next),
            filled(lambda found: plane_figure.arrays(found, groups)),
        )
    with right:
        page.chart(
            "scree",
            plain(plane_figure.scree_skeleton, page.palette),
            plane_figure.SCREE,
            filled(plane_figure.scree_arrays),
        )


def _keep_within(key: str, low: int, high: int, usual: int) -> None:
    """Before a widget is drawn: move what it holds into a range that may have become smaller."""
    kept = state.widget_value(key, None)
    value = min(max(usual if kept is None else int(kept), low), high)
    if value != kept:
        state.set_widget(key, value)
