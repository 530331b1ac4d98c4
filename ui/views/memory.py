"""The Memory page's first blocks: a passage, the hidden states while it is read, and one unit's view of it.

What is looked at (the passage, a unit, a place in the passage) is shared by all blocks of the page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any
from weakref import WeakKeyDictionary

import streamlit as st

from rnn.analysis import Portrait, Reading, ordering
from rnn.analysis.passage import Passage, from_text, likeliest, read, typed
from rnn.vocabulary import char_mark
from ui import ribbon, state
from ui.entries import Entry, Source
from ui.figures import states as states_figure
from ui.figures.base import plain, ramp
from ui.live import LiveRun, LiveView
from ui.shell import RIBBON_HEIGHT, Page

SHORTEST, LONGEST = 10, 200
PREDICTIONS = 5
_USUAL = 120

_ORIGINS = {"text": "Training text", "sample": "Live sample", "typed": "Your own words"}
_ORDERS = {"number": "by number", "activity": "by activity", "similarity": "alike together"}
_UNIT, _PLACE, _START, _LENGTH = "memory_unit", "memory_place", "memory_start", "memory_length"


@dataclass(frozen=True)
class Choice:
    """Which passage is looked at; what a live sample says is only known from frame to frame."""

    origin: str
    start: int
    length: int
    words: str

    @property
    def of_sample(self) -> bool:
        """Whether the passage is the live sample, which only a view that is whole holds."""
        return self.origin == "sample"

    def passage(self, view: LiveView) -> Passage:
        """The passage as it stands now."""
        portrait = view.portrait
        if self.of_sample:
            live = view.snapshot.live_sample
            return Passage(live.sample.text[: self.length] if live else "", continues=True)
        if self.origin == "typed":
            return typed(self.words, portrait.vocabulary, self.length)
        return from_text(portrait.text, self.start, self.length)


class Readings:
    """The newest reading of the passage, made once for all panels that show it."""

    def __init__(self) -> None:
        """Start with none."""
        self._kept: tuple[Portrait, Passage, Reading] | None = None

    def of(self, portrait: Portrait, passage: Passage) -> Reading:
        """What the network of this portrait holds and expects while it reads the passage."""
        kept = self._kept
        if kept is None or kept[0] is not portrait or kept[1] != passage:
            kept = self._kept = (portrait, passage, read(portrait, passage))
        return kept[2]


_READINGS: WeakKeyDictionary[Page, Readings] = WeakKeyDictionary()


def readings_of(page: Page) -> Readings:
    """The readings that the panels of this page share."""
    return _READINGS.setdefault(page, Readings())


# What is looked at


def unit(run: LiveRun) -> int:
    """The unit that is looked at."""
    return int(_kept_within(_UNIT, 0, run.config.hidden_size - 1))


def look_at_unit(number: int) -> None:
    """Look at another unit; before the page is drawn."""
    state.set_widget(_UNIT, int(number))


def choice(run: LiveRun) -> Choice:
    """The passage that is looked at, from the widgets' values."""
    return Choice(
        origin=state.widget_value("memory_origin", None) or "text",
        start=_kept_within(_START, 1, max(1, len(run.text))) - 1,
        length=_kept_within(_LENGTH, SHORTEST, LONGEST, _USUAL),
        words=state.widget_value("memory_words", "") or "",
    )


def _kept_within(key: str, low: int, high: int, usual: int | None = None) -> int:
    """The whole number that a widget holds, moved into a range that may have become smaller."""
    kept = state.widget_value(key, None)
    value = (low if usual is None else usual) if kept is None else int(kept)
    value = min(max(value, low), high)
    if value != kept:
        state.set_widget(key, value)
    return value


# The passage


def passage(page: Page) -> None:
    """Choose a passage, and see every unit while it is read, then one unit over the text."""
    chosen, readings = choice(page.run), readings_of(page)
    page.feeder.whole = chosen.of_sample
    view = page.run.view(whole=chosen.of_sample)
    _choose_passage(page.run, chosen)
    reading = readings.of(view.portrait, chosen.passage(view))
    _settle_unit(page.run, reading)
    with st.container(horizontal=True, vertical_alignment="bottom", key="memory_units"):
        order = _choose_order(view.playing)
        _choose_unit(page.run)
    rows = ordering.rows(reading.hidden, order, states_figure.MOST_ROWS, unit(page.run))
    with st.container(key="states"):
        _states(page, rows.tolist())
    with st.container(key="unit"):
        unit_text(page, "unit", tell=True)


def _settle_unit(run: LiveRun, reading: Reading) -> None:
    """On a first visit look at the most active unit, which has most to show; never beyond the last."""
    if state.widget_value(_UNIT, None) is None:
        look_at_unit(ordering.by_activity(reading.hidden)[0])
    unit(run)


def _choose_passage(run: LiveRun, chosen: Choice) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="memory_passage"):
        st.segmented_control(
            "Passage from",
            list(_ORIGINS),
            format_func=_ORIGINS.__getitem__,
            default="text",
            required=True,
            key="memory_origin",
            on_change=_forget_place,
            persist_state="session",
        )
        if chosen.origin == "text":
            _choose_place_in_text(run)
        st.number_input(
            "Characters",
            min_value=SHORTEST,
            max_value=LONGEST,
            step=10,
            key=_LENGTH,
            width=120,
            persist_state="session",
        )
    if chosen.origin == "typed":
        st.text_area(
            "Your own words",
            key="memory_words",
            max_chars=LONGEST,
            height=80,
            placeholder="Type something that the network may know, and press Ctrl+Enter.",
            on_change=_forget_place,
            persist_state="session",
        )


def _choose_place_in_text(run: LiveRun) -> None:
    last = max(1, len(run.text))
    st.button("Earlier", key="memory_earlier", on_click=partial(_move, run, -1))
    st.number_input(
        f"From character (1 to {last:,})",
        min_value=1,
        max_value=last,
        step=1,
        key=_START,
        width=170,
        on_change=_forget_place,
        persist_state="session",
    )
    st.button("Later", key="memory_later", on_click=partial(_move, run, 1))


def _move(run: LiveRun, passages: int) -> None:
    """Go on by whole passages, as far as the text reaches."""
    chosen = choice(run)
    end = max(0, len(run.text) - chosen.length)
    start = min(max(0, chosen.start + passages * chosen.length), end)
    state.set_widget(_START, start + 1)
    _forget_place()


def _forget_place() -> None:
    state.set_widget(_PLACE, None)


def _choose_order(playing: bool) -> str:
    order = st.segmented_control(
        "Units in order",
        list(_ORDERS),
        format_func=_ORDERS.__getitem__,
        default="number",
        required=True,
        key="memory_order",
        help="By activity: most changing first (standard deviation over the passage). Alike together: "
        "clustered by the correlation of their activations, whatever its sign.",
        persist_state="session",
    )
    if playing and order != "number":
        st.button("Sort again", help="While the network trains, rows stay where they are.")
    return order or "number"


def _choose_unit(run: LiveRun) -> None:
    st.selectbox(
        "Unit",
        range(run.config.hidden_size),
        format_func=lambda number: f"unit {number}",
        key=_UNIT,
        width=140,
        persist_state="session",
    )


# The panels


def _states(page: Page, rows: Sequence[int]) -> None:
    units, looked_at = page.run.config.hidden_size, unit(page.run)
    place, readings = state.widget_value(_PLACE, None), readings_of(page)

    def content(portrait: Portrait, shown: Passage) -> dict[str, Any]:
        hidden = readings.of(portrait, shown).hidden
        marked = _within(place, shown)
        return {"arrays": states_figure.arrays(hidden, shown.text, rows, looked_at, marked)}

    page.chart(
        "states",
        plain(states_figure.skeleton, page.palette, units),
        states_figure.caption(page.palette, units),
        _following(choice(page.run), content),
        on_pick=partial(_pick_cell, rows),
    )


def _within(place: int | None, shown: Passage) -> int | None:
    return place if place is not None and place < len(shown.text) else None


def _following(chosen: Choice, content: Callable[[Portrait, Passage], dict[str, Any]]) -> Source:
    """What is made anew with every portrait, and whenever the passage reads otherwise."""

    def source(view: LiveView) -> Entry:
        shown = chosen.passage(view)
        return Entry((view.portrait.iteration, shown), lambda: content(view.portrait, shown))

    return source


def _pick_cell(rows: Sequence[int], point: dict[str, Any]) -> None:
    row, column = point["point"]
    look_at_unit(rows[int(row)])
    state.set_widget(_PLACE, int(column))


def _pick_place(place: int) -> None:
    state.set_widget(_PLACE, int(place))


def unit_text(page: Page, name: str, tell: bool, height: int = RIBBON_HEIGHT) -> None:
    """The passage, each character in the colour of the unit that is looked at, as the panel ``name``.

    If it is to ``tell``, resting on a character gives the activation and what the network then expects.
    """
    looked_at = unit(page.run)
    place, readings = state.widget_value(_PLACE, None), readings_of(page)

    def content(portrait: Portrait, shown: Passage) -> dict[str, Any]:
        reading = readings.of(portrait, shown)
        return ribbon.content(
            shown.text,
            shade=reading.hidden[:, looked_at],
            tips=_tips(portrait.vocabulary.chars, reading, looked_at) if tell else None,
            picked=_within(place, shown),
            empty=shown.left_out if tell else None,
        )

    page.ribbon(
        name,
        _following(choice(page.run), content),
        f"The passage through the eyes of unit {looked_at}",
        _READ_AND_TOLD if tell else _READ,
        scale=ramp("-1", "1", page.palette.diverging),
        height=height,
        on_pick=_pick_place,
    )


_READ = "Each character in the colour that the unit takes when it has been read; the passage is chosen above."
_READ_AND_TOLD = (
    "Each character in the colour that the unit takes when it has been read. Rest on one to see what the "
    "network then expects; click it to frame its column above."
)


@lru_cache(maxsize=4)
def _marks(chars: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(char_mark(char) for char in chars)


def _tips(chars: tuple[str, ...], reading: Reading, looked_at: int) -> list[str]:
    """For each character the unit's activation, and the likeliest next characters with their shares."""
    marks = _marks(chars)
    top, shares = likeliest(reading.probabilities, PREDICTIONS)
    activations = reading.hidden[:, looked_at].tolist()
    return [
        "\n".join(
            [f"unit {looked_at}: {activation:+.2f}", "next:"]
            + [f"{marks[index]:<2} {_percent(share)}" for index, share in zip(*row, strict=True)]
        )
        for activation, *row in zip(activations, top.tolist(), shares.tolist(), strict=True)
    ]


def _percent(share: float) -> str:
    return f"{100 * share:3.0f} %" if share >= 0.005 else " <1 %"
