"""The Memory page: what the network holds while it reads, and what each unit is there for."""

import streamlit as st

from ui import shell
from ui.views import memory, recall, units

with shell.page() as page, st.container(key="board", gap="medium"):
    with st.container(key="passage", gap="small"):
        memory.passage(page)
    with st.container(key="finder_block", gap="xsmall"):
        units.finder(page)
    with st.container(key="ablation", gap="small"):
        units.silencing(page)
        units.worth(page)
    with st.container(key="similar_moments", gap="small"):
        recall.similar_moments(page)
    with st.container(key="how_far_back", gap="small"):
        recall.how_far_back(page)
    with st.container(key="projection", gap="small"):
        recall.projection(page)
