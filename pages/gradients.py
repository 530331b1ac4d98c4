"""The Gradients and weights page: what learning does to the network, and whether it reaches back."""

import streamlit as st

from ui import shell
from ui.views import gradients

with shell.page() as page, st.container(key="board", gap="small"):
    gradients.groups(page)
