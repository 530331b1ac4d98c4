"""The Data page: the text that the network reads, what stands in it, and how hard it is to guess."""

import streamlit as st

from ui import shell
from ui.views import data, data_text

with shell.page() as page, st.container(key="board", gap="small"):
    with st.container(key="facts"):
        data.facts(page)
    left, right = st.columns([0.56, 0.44], gap="medium")
    with left, st.container(key="text", gap="xsmall"):
        data_text.text(page)
    with right, st.container(gap="small"):
        with st.container(key="guessers", gap="xsmall"):
            data.guessers(page)
        with st.container(key="frequencies", gap="xsmall"):
            data.frequencies(page)
    left, right = st.columns([0.56, 0.44], gap="medium")
    with left, st.container(key="vocabulary", gap="xsmall"):
        data.vocabulary(page)
    with right, st.container(key="ngrams", gap="xsmall"):
        data.ngrams(page)
