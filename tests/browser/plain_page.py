"""A page with nothing but sentences, for the test that they are shown word for word."""

import streamlit as st

from tests.nasty import NASTY
from ui.plain import plain

for number, sentence in enumerate(NASTY):
    with st.container(key=f"sentence-{number}"):
        st.warning(plain(sentence), icon=":material/info:")
        st.caption(plain(sentence))
with st.container(key="markdown"):
    st.warning("**bold** :red[red] :smile: www.example.com")
st.text("That is all.")
