"""The Train page: one text, one network, and everything it holds, live."""

import streamlit as st

from ui import shell
from ui.views import train

with shell.page() as page, st.container(key="board", gap="small"):
    left, right = st.columns([0.47, 0.53], gap="medium")
    with left, st.container(gap="small"):
        with st.container(key="loss", gap="xsmall"):
            train.loss(page)
        with st.container(key="hidden"):
            train.hidden(page)
    with right, st.container(gap="small"):
        with st.container(key="sample"):
            train.sample(page)
        with st.container(key="softmax"):
            train.softmax(page)
    with st.container(key="weights"):
        train.weights(page)
    with st.container(key="health"):
        train.health(page)
    with st.container(key="diary"):
        train.diary(page)
