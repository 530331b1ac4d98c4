"""A page with nothing but the grid, for the tests of it."""

import streamlit as st

from ui import shell
from ui.views import grid

st.set_page_config(page_title="Grid", layout="wide")

with shell.page() as page:
    grid.block(page)
