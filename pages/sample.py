"""The Sample page: what the network writes, how it chooses, and what surprises it."""

import streamlit as st

from ui import shell
from ui.views import sample, surprise, temperatures

with shell.page() as page, st.container(key="board", gap="small"):
    left, right = st.columns([0.38, 0.62], gap="medium")
    with left, st.container(key="writing", gap="small"):
        sample.settings()
    with right, st.container(key="sheet", gap="small"):
        sample.sheet(page)
    with st.container(key="choice"):
        sample.choice(page)
    with st.container(key="temperatures", gap="xsmall"):
        temperatures.side_by_side(page)
    with st.container(key="surprise", gap="xsmall"):
        surprise.surprise(page)
