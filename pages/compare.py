"""The Compare page: all runs that are kept, side by side; forks, and films of single runs."""

import streamlit as st

from ui import shell
from ui.views import compare

with shell.page() as page, st.container(key="board", gap="medium"):
    compare.blocks(page)
