"""The block of the Sample page that sets temperatures side by side."""

from __future__ import annotations

from functools import partial

import streamlit as st

from rnn.analysis import Portrait, Report
from ui import marking
from ui.entries import Entry
from ui.live import LiveView
from ui.sheet import Written, write_side_by_side
from ui.shell import Page
from ui.views import sample

TEMPERATURES = (0.3, 0.7, 1.0, 1.4)
MOST_CHARACTERS = 500
_ORDINALS = ("First", "Second", "Third", "Fourth")
_WIDTH, _HEIGHT = 218, 190  # pixels of one text

Texts = tuple[Written, ...]


def side_by_side(page: Page) -> None:
    """The same prime, top-k and seed at several temperatures."""
    st.markdown("**The same numbers at other temperatures**")
    st.caption(
        "All four use the same random numbers, so only the temperature makes them differ. Cold text is "
        "sure of itself, copies and goes round in circles; hot text is new, and soon no text at all. The "
        "bits are what the network itself would pay for what it wrote. Prime, top-k, seed and length (up "
        f"to {MOST_CHARACTERS} characters) are those above."
    )
    chosen, length = sample.recipe(), min(sample.length(), MOST_CHARACTERS)
    buttons = st.container()
    with st.container(horizontal=True, key="temperatures_row"):
        columns = [
            st.container(width=_WIDTH, key=f"warmth_{place}") for place in range(len(TEMPERATURES))
        ]
    temperatures = tuple(_temperature(place, columns[place]) for place in range(len(columns)))

    def work(portrait: Portrait, report: Report) -> Texts:
        return write_side_by_side(chosen, temperatures, length, portrait, report)

    with buttons:
        parameters = (chosen.prime, chosen.seed, chosen.top_k, temperatures, length)
        done = page.analysis("temperatures", "Write all four", work, parameters)
    for place, column in enumerate(columns):
        with column:
            written = done.result[place] if done.result else None
            source = partial(_source, done.version, written)
            page.ribbon(f"warmth_{place}", source, "", "", height=_HEIGHT)


def _temperature(place: int, column: st.delta_generator.DeltaGenerator) -> float:
    with column:
        return float(
            st.number_input(
                f"{_ORDINALS[place]} temperature",
                0.0,
                5.0,
                TEMPERATURES[place],
                0.1,
                format="%g",
                key=f"temperature_{place}",
                persist_state="session",
            )
        )


def _source(version: object, written: Written | None, view: LiveView) -> Entry:
    return Entry(version, lambda: marking.side(written))
