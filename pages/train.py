"""The Train page: one text, one network, and everything it holds, live."""

import streamlit as st

from ui import board, controls, panels, state
from ui.loop import run_live

board.mount_runtime()
run = state.current_run()
controls.sidebar(run)
state.write_address(run)
scene = panels.scene(run, st.context.theme.type)

with st.container(horizontal=True, vertical_alignment="center"):
    controls.transport(run)
    with st.container(key="live-status", width="stretch"):
        panels.status(scene)
panels.notices(run)
with st.container(key="board", gap="small"):
    left, right = st.columns([0.47, 0.53], gap="medium")
    with left, st.container(gap="small"):
        with st.container(key="loss", gap="xsmall"):
            controls.loss_options()
            panels.loss(run, scene)
        with st.container(key="hidden"):
            panels.hidden(scene)
    with right, st.container(gap="small"):
        with st.container(key="sample"):
            panels.sample(run, scene)
        with st.container(key="softmax"):
            panels.softmax(scene)
    with st.container(key="weights"):
        panels.weights(scene)
    with st.container(key="health"):
        panels.health(scene)
    with st.container(key="diary"):
        panels.diary(scene)
run_live(run, scene)
