"""The entry: page configuration, navigation, and the page that was asked for."""

import streamlit as st

st.set_page_config(page_title="Watch an RNN learn", page_icon="🧠", layout="wide")

st.navigation(
    [
        st.Page("pages/train.py", title="Train", default=True),
        st.Page("pages/sample.py", title="Sample"),
        st.Page("pages/memory.py", title="Memory"),
        st.Page("pages/gradients.py", title="Gradients and weights"),
        st.Page("pages/data.py", title="Data"),
        st.Page("pages/compare.py", title="Compare"),
    ],
    position="top",
).run()
