"""The blocks of the Sample page that write: what it is written from, the text, and each choice."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from rnn.analysis import Portrait, Report
from rnn.analysis.copied import Copied
from rnn.analysis.writer import Writer
from ui import marking, state
from ui.entries import Entry
from ui.figures import choices
from ui.figures.base import plain
from ui.live import LiveRun, LiveView
from ui.sheet import MOST_PRIMED, MOST_WRITTEN, Recipe, Sheet, compare, sheet_of, write
from ui.shell import Page

_LARGEST_SEED = 2**32 - 1
_HEIGHT, _NUMBER_WIDTH = 220, 122  # pixels of the text, and of a field for a number
_COMPARE = "compare"

_TEMPERATURE_HELP = (
    "At 0 it always takes the likeliest character and soon repeats itself; at 1 it draws from what it "
    "expects; above, ever more from what it does not."
)
_SEED_HELP = (
    "The same seed draws the same random numbers: then only what you change makes a difference."
)


def settings() -> None:
    """What the text is written from: prime, temperature, top-k, length and seed."""
    st.text_area(
        "Prime",
        key="writing_prime",
        height=76,
        persist_state="session",
        placeholder="Nothing: it goes on from where training stands",
        help=f"The network reads this first, from a blank memory; up to {MOST_PRIMED} characters.",
    )
    st.slider(
        "Temperature",
        0.0,
        3.0,
        1.0,
        0.05,
        key="writing_temperature",
        persist_state="session",
        help=_TEMPERATURE_HELP,
    )
    with st.container(horizontal=True, gap="xsmall", key="writing_numbers"):
        _number("Top-k", 0, 10_000, 0, 1, "Only so many of the likeliest are drawn; 0 allows all.")
        _number("Length", 1, MOST_WRITTEN, 400, 50, "Characters that Generate writes.")
        _number("Seed", 0, _LARGEST_SEED, 0, 1, _SEED_HELP)
    st.caption(
        "Try temperature 0: it soon repeats itself. Then move it while the text plays: temperature and "
        "top-k act on the next character, prime and seed once you start over."
    )


def _number(label: str, low: int, high: int, value: int, step: int, words: str) -> None:
    st.number_input(
        label,
        low,
        high,
        value,
        step,
        key=_key(label),
        persist_state="session",
        help=words,
        width=_NUMBER_WIDTH,
    )


def _key(label: str) -> str:
    return "writing_" + label.lower().replace("-", "_")


def recipe() -> Recipe:
    """What the person has chosen to write from."""
    return Recipe(
        prime=state.widget_value(_key("Prime"), "") or "",
        seed=int(state.widget_value(_key("Seed"), 0)),
        temperature=float(state.widget_value(_key("Temperature"), 1.0)),
        top_k=int(state.widget_value(_key("Top-k"), 0)),
    )


def length() -> int:
    """How many characters the person has chosen to have written."""
    return int(state.widget_value(_key("Length"), 400))


def sheet(page: Page) -> None:
    """The buttons that write, and the text with what of it was copied."""
    paper, chosen = sheet_of(page.run), recipe()
    _generate(page, paper, chosen)
    with st.container(horizontal=True, key="one_by_one"):
        _one_by_one(page, paper)
    if paper.playing:
        page.pulse = partial(paper.beat, chosen)
    _compare(page.run, paper)
    page.ribbon(
        "written",
        partial(_written, page.run, paper),
        "What it writes",
        _reading(paper, chosen),
        marking.SURE,
        height=_HEIGHT,
        on_pick=partial(_pick, paper),
    )
    _download(paper)


def _generate(page: Page, paper: Sheet, chosen: Recipe) -> None:
    characters = length()

    def work(portrait: Portrait, report: Report) -> tuple[Writer, Recipe]:
        return write(chosen, characters, portrait, report), chosen

    whole = page.analysis("generate", "Generate", work, (chosen, characters))
    if whole.result is not None:
        paper.adopt(whole.version, *whole.result)


def _one_by_one(page: Page, paper: Sheet) -> None:
    def add() -> None:
        # What was typed just before the click counts, though the page has not been drawn with it yet.
        paper.add(recipe(), page.run.portrait)

    st.button(
        "One character",
        key="write_one",
        icon=":material/edit:",
        on_click=partial(state.guarded, add),
        help="Write one more character, and see below how it was chosen.",
    )
    if paper.playing:
        st.button(
            "Stop writing", key="write_stop", icon=":material/front_hand:", on_click=paper.rest
        )
    else:
        st.button(
            "Play",
            key="write_play",
            icon=":material/draw:",
            on_click=partial(state.guarded, partial(_play, paper, add)),
            help="Write one character after the other.",
        )
    st.button(
        "Start over",
        key="write_anew",
        icon=":material/ink_eraser:",
        on_click=partial(_start_over, page.run, paper),
        help="An empty sheet: the next text is written by the network as it is then.",
    )


def _play(paper: Sheet, add: Callable[[], None]) -> None:
    add()
    paper.play()


def _start_over(run: LiveRun, paper: Sheet) -> None:
    run.jobs.drop("generate")
    paper.clear()


def _reading(paper: Sheet, chosen: Recipe) -> str:
    written = paper.glance().written
    if written is None:
        return "Press Generate for a whole text, or One character to follow each choice."
    words = (
        f"Written by the network of iteration {written.iteration:,}, shaded by the probability that it "
        "gave each character. Click one to see below how it was chosen."
    )
    if paper.follows(chosen):
        return words
    return words + " Prime or seed have changed since: start over to use them."


def _compare(run: LiveRun, paper: Sheet) -> None:
    """Let a text that has come to rest be compared with the training text, once."""
    waiting = paper.uncompared()
    if waiting is None:
        return
    edition, text, portrait = waiting

    def work(portrait: Portrait, report: Report) -> tuple[int, Copied]:
        return edition, compare(text, portrait, report)

    run.jobs.start(_COMPARE, work, portrait)


def _written(run: LiveRun, paper: Sheet, view: LiveView) -> Entry:
    compared = run.jobs.done(_COMPARE)
    if compared is not None and compared.result is not None:
        paper.note(*compared.result)
    glance = paper.glance()
    return Entry((glance.number, glance.playing), lambda: marking.sheet(glance))


def _pick(paper: Sheet, place: int) -> None:
    written = paper.glance().written
    if written is not None:
        paper.pick(place - len(written.prime))


def _download(paper: Sheet) -> None:
    st.download_button(
        "Download the text",
        partial(downloaded, paper),
        file_name="sample.txt",
        mime="text/plain",
        key="download_sample",
        icon=":material/download:",
        on_click="ignore",
        disabled=paper.glance().written is None,
    )


def downloaded(paper: Sheet) -> bytes:
    """Prime and text in UTF-8; what UTF-8 cannot hold (half of a surrogate pair) becomes ``?``."""
    written = paper.glance().written
    return (written.whole if written else "").encode("utf-8", "replace")


def choice(page: Page) -> None:
    """The candidates of the character that is looked at."""
    paper = sheet_of(page.run)

    def source(view: LiveView) -> Entry:
        chars = view.snapshot.chars
        return Entry(
            paper.glance().number, lambda: {"arrays": choices.arrays(paper.choice(), chars)}
        )

    page.chart("choices", plain(choices.skeleton, page.palette), choices.CAPTION, source)
