"""The live loop: a fragment that the browser's timer runs again, training and sending one frame each time."""

from __future__ import annotations

import sys
import time

import streamlit as st

from ui import board, state, visitors
from ui.entries import Feeder
from ui.frames import encode
from ui.live import LiveRun
from ui.pace import TIMER_SECONDS

# The server's event loop shares the interpreter with training. By default it may wait 5 ms each time
# it wants its turn, which adds up to a late click and a late frame.
sys.setswitchinterval(0.0005)


def leading(run: LiveRun) -> bool:
    """Whether this page is the one that trains ``run``; of a run at rest, every page is."""
    return not run.playing or run.leads(visitors.visitor(), visitors.present)


def run_live(run: LiveRun, feeder: Feeder, leads: bool) -> None:
    """Show ``run`` now, and while it plays, train and show it again at every beat of the timer.

    A beat sends its frame first and trains afterwards: the frame travels and is painted while the
    next piece of training is under way. Sent last, it would be dropped from Streamlit's queue
    whenever the next beat begins before the server's event loop has had its turn.
    A page that does not lead shows what another one trains, and never holds it up.
    """
    drawn = (run.playing, leads, run.serial, run.jobs.ended)
    answering = True

    @st.fragment(run_every=TIMER_SECONDS if run.playing or run.jobs.working else None)
    def beat() -> None:
        nonlocal answering
        now_leads = leading(run)
        if now_leads:
            run.pacer.begin(time.perf_counter())
        view = run.view(hurry=now_leads)
        board.feed(encode(feeder.frame(view, state.next_sequence())))
        # A run of the whole page answers a click, so it leaves training to the timer.
        if now_leads and not answering:
            run.tick()
        answering = False
        if now_leads:
            run.pacer.end(time.perf_counter())
        if (run.playing, now_leads, run.serial, run.jobs.ended) != drawn:
            st.rerun()

    beat()
