"""What the person should know: why training has paused, and what could not be done."""

from __future__ import annotations

import streamlit as st

from ui import state
from ui.live import LiveRun


def show(run: LiveRun) -> None:
    """Show the run's notice and the sentences that wait, above the page's blocks."""
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
