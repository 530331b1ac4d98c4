"""Two runs side by side at the same iteration: what they write, hold, and have for weights."""

from __future__ import annotations

import streamlit as st

from rnn.analysis import passage as passages
from rnn.analysis.passage import Passage
from rnn.compare import nearest
from rnn.settings import SETTING
from rnn.stills import Lens, Still, histograms, limits, shared_passage
from rnn.store import RunRow, Snapshot, Store, StoreError
from ui import state, stored
from ui.desk import Desk
from ui.entries import Entry
from ui.figures import sides as figures
from ui.figures.base import plain
from ui.film import sample_content
from ui.views.forks import pick_run

PASSAGE = 64
"""Characters that are looked at."""
_SAMPLE = 240
_SAMPLE_HEIGHT = 190
_ROOM = 1.15
_AT = "sides_iteration"


def block(at: Desk) -> None:
    """Everything about two runs."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="sides_options"):
        left = pick_run(at, "Left", "sides_left")
        right = pick_run(at, "Right", "sides_right", place=1)
        temperature, seed = _numbers("sides")
    try:
        states = [at.store.snapshots(run.id) for run in (left, right)]
        picked = _states(states)
        passage = _passage(at.store, (left, right), picked)
        lens = Lens(passage, _SAMPLE, temperature, seed)
        with st.spinner("Reading the saved states…", show_time=False):
            stills = [
                stored.still(at.store, run.id, moment, lens)
                for run, moment in zip((left, right), picked, strict=True)
            ]
    except StoreError as error:
        st.text(str(error))
        return
    _caution(stills)
    for number, (column, run, still) in enumerate(
        zip(st.columns(2, gap="medium"), (left, right), stills, strict=True)
    ):
        with column:
            _side(at, ("left", "right")[number], run, still, lens)
    _weights(at, stills)


def _numbers(prefix: str) -> tuple[float, int]:
    """How daring the sample is, and from which random numbers."""
    temperature = st.number_input(
        "Temperature",
        0.0,
        5.0,
        1.0,
        step=0.1,
        key=f"{prefix}_temperature",
        help=SETTING["temperature"].help,
        persist_state="session",
        width=150,
    )
    seed = st.number_input(
        "Seed of the sample",
        0,
        2**32 - 1,
        0,
        key=f"{prefix}_seed",
        help="Both samples are drawn with the random numbers of this seed.",
        persist_state="session",
        width=170,
    )
    return float(temperature), int(seed)


def _states(states: list[list[Snapshot]]) -> list[Snapshot]:
    """One slider over the saved moments of both; each shows its nearest at or below."""
    moments = sorted({state.iteration for of_run in states for state in of_run})
    common = min(of_run[-1].iteration for of_run in states)
    if state.widget_value(_AT, None) not in moments:
        state.set_widget(_AT, nearest(moments, common))
    wanted = (
        st.select_slider("At iteration", moments, format_func="{:,}".format, key=_AT)
        if len(moments) > 1
        else moments[0]
    )
    return [_nearest(of_run, int(wanted)) for of_run in states]


def _nearest(states: list[Snapshot], wanted: int) -> Snapshot:
    found = nearest([state.iteration for state in states], wanted)
    return next(state for state in states if state.iteration == found)


def _passage(store: Store, runs: tuple[RunRow, RunRow], picked: list[Snapshot]) -> Passage:
    """What both read: the person's words, or else the beginning of the left run's text."""
    typed = st.text_input(
        "Passage that both read, and then go on from",
        key="sides_passage",
        max_chars=PASSAGE,
        placeholder="the beginning of the left run's text",
        persist_state="session",
    )
    setups = [stored.setup(store, run.id, moment) for run, moment in zip(runs, picked, strict=True)]
    wanted = typed or passages.from_text(setups[0].text, 0, PASSAGE).text
    known = shared_passage(wanted, [setup.chars for setup in setups])
    if known != wanted:
        st.caption("Characters that one of the two has never seen are left out.")
    return Passage(known)


def _caution(stills: list[Still]) -> None:
    left, right = stills
    if left.iteration != right.iteration:
        st.caption(
            f"Not the same iteration: {left.iteration:,} at the left, {right.iteration:,} at the right; "
            "these are the nearest that are kept."
        )
    if left.chars != right.chars:
        st.caption(
            "The two texts have other characters, so that the same random numbers mean other choices."
        )


def _side(at: Desk, side: str, run: RunRow, still: Still, lens: Lens) -> None:
    page, palette = at.page, at.palette
    version = (run.id, still.iteration, lens)
    page.ribbon(
        f"{side}_sample",
        lambda _: Entry(version, lambda: sample_content(still)),
        title=f"{run.name}, after iteration {still.iteration:,}",
        reading="How it goes on from the passage: blue where it was sure of the character, orange where not.",
        height=_SAMPLE_HEIGHT,
    )
    page.chart(
        f"{side}_states",
        plain(figures.states_skeleton, palette),
        figures.states_caption("Hidden state while reading the passage", palette),
        lambda _: Entry(
            version, lambda: {"arrays": figures.states_arrays(still.hidden, lens.passage.text)}
        ),
    )


def _weights(at: Desk, stills: list[Still]) -> None:
    left, right = stills
    within = limits(left.weights, right.weights)
    shown = histograms(left.weights, right.weights, within)
    top = _ROOM * figures.tallest(shown)
    at.page.chart(
        "sides_weights",
        plain(figures.weights_skeleton, at.palette),
        figures.WEIGHTS_CAPTION,
        lambda _: Entry(
            tuple((still.iteration, still.loss) for still in stills),
            lambda: {"arrays": figures.weights_arrays(shown, top)},
        ),
    )
