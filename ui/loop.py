"""The live loop: a fragment that the browser's timer runs again, training and sending one frame each time."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from rnn.threads import stay_single
from ui import board, state, visitors
from ui.entries import BROKEN, Feeder
from ui.frames import encode
from ui.live import LiveRun, LiveView
from ui.pace import TIMER_SECONDS
from ui.runs import CARETAKER
from ui.turns import TURNS

_LOGGER = logging.getLogger(__name__)

# The server's event loop shares the interpreter with training. By default it may wait 5 ms each time
# it wants its turn, which adds up to a late click and a late frame.
sys.setswitchinterval(0.0005)

# The second core is the browser's.
stay_single()

WATCH_SECONDS = 2.0
"""How often a page looks after a run that another program trains; that one saves every few seconds."""

REST_SECONDS = 30.0
"""How often a page at rest shows that it is there: its run stays in memory, and a page that has a
timer asks anew for its run when it comes back after the connection, or the server, was gone."""


@dataclass(frozen=True)
class Standing:
    """How a run stands: where this changes, more of the page than its panels has to be drawn anew.

    ``leads``: whether this page is the one that trains the run; of a run at rest, every page is.
    ``elsewhere`` says which other program trains it, if one does; ``ended`` counts analyses;
    ``trouble`` says why the run cannot be saved.
    """

    playing: bool
    leads: bool
    elsewhere: str | None
    serial: int
    ended: int
    trouble: str | None


def standing(run: LiveRun, watched: bool = True) -> Standing:
    """How ``run`` stands now; whether another program trains it is only looked up if ``watched``."""
    return Standing(
        playing=run.playing,
        leads=not run.playing or run.leads(visitors.visitor(), visitors.present),
        elsewhere=run.watch() if watched else None,
        serial=run.serial,
        ended=run.jobs.ended,
        trouble=run.place.trouble,
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
        view = _look(run, feeder, now.leads)
        if view.serial != drawn.serial:
            # The run has begun anew since the page was drawn, maybe with another text: the panels do
            # not fit it.
            st.rerun()
        board.feed(_packed(feeder.frame(view, state.next_sequence())))
        # A run of the whole page answers a click, so it leaves training to the timer.
        if now.leads and not answering:
            run.tick()
            run.pacer.end(time.perf_counter())
        answering = False
        if replace(now, playing=run.playing) != drawn:
            st.rerun()

    visitors.enter()
    CARETAKER.begin()
    beat()


def _interval(run: LiveRun, drawn: Standing, pulsing: bool) -> float:
    """Seconds between two beats: few where something moves."""
    if drawn.playing or run.jobs.working or pulsing:
        return TIMER_SECONDS
    return WATCH_SECONDS if drawn.elsewhere or run.place.saving or drawn.trouble else REST_SECONDS


def _look(run: LiveRun, feeder: Feeder, leads: bool) -> LiveView:
    if leads:
        run.pacer.begin(time.perf_counter(), TURNS.crowd())
    return run.view(leads, feeder.whole)


def _packed(frame: dict[str, Any]) -> bytes:
    """The frame's message; a panel whose content cannot travel says that it could not be drawn."""
    try:
        return encode(frame)
    except (TypeError, ValueError):
        _LOGGER.exception("a frame could not be packed")
    panels = {
        name: entry if _travels(entry) else {**BROKEN, **_stamp(entry)}
        for name, entry in frame["panels"].items()
    }
    return encode({**frame, "panels": panels})


def _travels(entry: dict[str, Any]) -> bool:
    try:
        encode(entry)
    except (TypeError, ValueError):
        return False
    return True


def _stamp(entry: dict[str, Any]) -> dict[str, Any]:
    """For which figure, and in which version, the entry was made."""
    return {"revision": entry["revision"], "version": entry["version"]}
