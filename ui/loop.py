"""The live loop: a fragment that the browser's timer runs again, training and sending one frame each time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import streamlit as st

from ui import board, state, visitors
from ui.entries import Feeder
from ui.frames import encode
from ui.live import LiveRun
from ui.pace import TIMER_SECONDS

# The server's event loop shares the interpreter with training. By default it may wait 5 ms each time
# it wants its turn, which adds up to a late click and a late frame.
sys.setswitchinterval(0.0005)

WATCH_SECONDS = 2.0
"""How often a page looks after a run that another program trains; that one saves every few seconds."""


@dataclass(frozen=True)
class Standing:
    """How a run stands: where this changes, more of the page than its panels has to be drawn anew.

    ``leads``: whether this page is the one that trains the run; of a run at rest, every page is.
    ``elsewhere`` says which other program trains it, if one does; ``ended`` counts analyses.
    """

    playing: bool
    leads: bool
    elsewhere: str | None
    serial: int
    ended: int


def standing(run: LiveRun, watched: bool = True) -> Standing:
    """How ``run`` stands now; whether another program trains it is only looked up if ``watched``."""
    return Standing(
        playing=run.playing,
        leads=not run.playing or run.leads(visitors.visitor(), visitors.present),
        elsewhere=run.watch() if watched else None,
        serial=run.serial,
        ended=run.jobs.ended,
    )


def run_live(
    run: LiveRun, feeder: Feeder, drawn: Standing, pulse: Callable[[], bool] | None = None
) -> None:
    """Show ``run`` now, and while it plays, train and show it again at every beat of the timer.

    A beat sends its frame first and trains afterwards: the frame travels and is painted while the
    next piece of training is under way. Sent last, it would be dropped from Streamlit's queue
    whenever the next beat begins before the server's event loop has had its turn.
    A page that does not lead shows what another one trains, and never holds it up.
    With a ``pulse``, beats come while the run is at rest too, and each calls it first; once it
    returns False, the whole page runs again. So it does when the run no longer stands as ``drawn``.
    """
    answering = True

    @st.fragment(run_every=_interval(run, drawn, pulse is not None))
    def beat() -> None:
        nonlocal answering
        if pulse is not None and not answering and not pulse():
            st.rerun()
        now = standing(run, watched=drawn.elsewhere is not None)
        _show(run, feeder, now.leads)
        # A run of the whole page answers a click, so it leaves training to the timer.
        if now.leads and not answering:
            run.tick()
            run.pacer.end(time.perf_counter())
        answering = False
        if replace(now, playing=run.playing) != drawn:
            st.rerun()

    beat()


def _interval(run: LiveRun, drawn: Standing, pulsing: bool) -> float | None:
    """Seconds between two beats; none where nothing moves."""
    if drawn.playing or run.jobs.working or pulsing:
        return TIMER_SECONDS
    return WATCH_SECONDS if drawn.elsewhere else None


def _show(run: LiveRun, feeder: Feeder, leads: bool) -> None:
    if leads:
        run.pacer.begin(time.perf_counter())
    board.feed(encode(feeder.frame(run.view(hurry=leads), state.next_sequence())))
