"""What the person should know: why training has paused, and what could not be done."""

from __future__ import annotations

import streamlit as st

from ui import state, visitors
from ui.live import LiveRun


def show(run: LiveRun, leads: bool) -> None:
    """Show what there is to say above the page's blocks; ``leads``: whether this page trains the run."""
    if not leads:
        st.info("Another tab trains this run; this one follows it.", icon=":material/visibility:")
        st.button("Train it from here", on_click=run.take_lead, args=(visitors.visitor(),))
    if run.notice is not None:
        if run.notice.kind == "diverged":
            st.error(run.notice.sentence, icon=":material/trending_up:")
            st.button(
                "Go on with a tenth of the learning rate",
                on_click=_recover,
                args=(run,),
                icon=":material/healing:",
            )
        elif run.notice.kind == "fault":
            st.error(run.notice.sentence, icon=":material/error:")
        else:
            st.success(run.notice.sentence, icon=":material/flag:")
    for sentence in state.complaints():
        st.warning(sentence, icon=":material/info:")


def _recover(run: LiveRun) -> None:
    run.recover()
    state.follow(run.config)
