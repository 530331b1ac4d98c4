"""What the person should know: why training has paused, and what could not be done."""

from __future__ import annotations

import streamlit as st

from ui import state, visitors
from ui.live import LiveRun, Notice
from ui.loop import Standing
from ui.plain import plain

_WATCHING = ":material/visibility:"


def show(run: LiveRun, standing: Standing) -> None:
    """Show what there is to say above the page's blocks about the run and how it stands."""
    if not standing.leads:
        st.info("Another tab trains this run; this one follows it.", icon=_WATCHING)
        st.button("Train it from here", on_click=run.take_lead, args=(visitors.visitor(),))
    if standing.elsewhere:
        st.info(plain(standing.elsewhere), icon=_WATCHING)
        st.button("Take it over", on_click=run.take_over)
    elif run.notice is not None:
        _notice(run, run.notice)
    if run.place.trouble:
        st.warning(plain(_unsaved(run, run.place.trouble)), icon=":material/save:")
    for sentence in state.complaints():
        st.warning(plain(sentence), icon=":material/info:")


def _unsaved(run: LiveRun, trouble: str) -> str:
    goes_on = "training goes on" if run.playing else "the run stays in memory"
    return f"{trouble.rstrip('.')}; {goes_on}, and saving is tried again."


def _notice(run: LiveRun, notice: Notice) -> None:
    if notice.kind == "diverged":
        st.error(plain(notice.sentence), icon=":material/trending_up:")
        st.button(
            "Go on with a tenth of the learning rate",
            on_click=_recover,
            args=(run,),
            icon=":material/healing:",
        )
    elif notice.kind == "target":
        st.success(plain(notice.sentence), icon=":material/flag:")
    elif notice.kind == "opened":
        st.info(plain(notice.sentence), icon=":material/save:")
    else:
        st.error(plain(notice.sentence), icon=":material/error:")


def _recover(run: LiveRun) -> None:
    run.recover()
    state.follow(run.config)
