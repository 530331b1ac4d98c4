"""Forks: train on from any saved state of a run with other settings; and the tree of such runs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from rnn.compare import nearest, shown, tree
from rnn.settings import SETTING, SETTINGS, Config, Setting
from rnn.store import RunRow, Snapshot, StoreError, fork
from rnn.store.forks import REASONS
from ui import desk, state, stored
from ui.desk import Desk
from ui.entries import Entry
from ui.figures import tree as tree_figure
from ui.figures.base import plain
from ui.views.run_actions import attempt, open_and_leave

_CHANGES = "fork_changes"


def block(at: Desk) -> None:
    """The form, and the tree of what has been forked."""
    left, right = st.columns([0.55, 0.45], gap="medium")
    with left, st.container(key="fork", gap="small"):
        form(at)
    with right, st.container(key="tree"):
        family_tree(at)


def form(at: Desk) -> None:
    """Which run, from which of its saved states, and with which settings."""
    st.markdown("**Fork: train on from a saved moment, with other settings**")
    st.caption(
        "The new run has the weights, the optimiser's memory, the hidden state and the random numbers of "
        "that moment. Without a change it goes on exactly as the first one did."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        run = pick_run(at, "Run to fork", "fork_run")
        name = st.text_input(
            "Name of the new run", key="fork_name", placeholder="the same, with a number"
        )
    try:
        states = at.store.snapshots(run.id)
        moment = pick_state(states, f"fork_state_{run.id}", "Saved at iteration")
        config = stored.setup(at.store, run.id, moment).config
    except StoreError as error:
        st.text(str(error))
        return
    changed = _changed_settings(config)
    st.button(
        "Fork, and open it on the Train page",
        type="primary",
        icon=":material/fork_right:",
        on_click=partial(attempt, partial(_fork, at, run.id, moment.iteration, name, changed)),
    )


def pick_run(at: Desk, label: str, key: str, place: int = 0) -> RunRow:
    """A box with all shown runs, the chosen ones first; it begins with the one at ``place``."""
    chosen = {run.id: run for run in at.chosen}
    runs = chosen | {run.id: run for run in (*at.shown, *at.living) if run.id not in chosen}
    run_id = st.selectbox(
        label,
        list(runs),
        index=min(place, len(runs) - 1),
        format_func=lambda run_id: runs[run_id].name if run_id in runs else "",
        key=key,
        persist_state="session",
    )
    return runs[run_id]


def pick_state(states: Sequence[Snapshot], key: str, label: str) -> Snapshot:
    """A slider over the saved states of a run, which begins at the newest."""
    by_iteration = {state.iteration: state for state in states}
    if len(states) == 1:
        st.caption(
            f"{label} {states[0].iteration:,}, the only moment that is kept of this run so far."
        )
        return states[0]
    if state.widget_value(key, None) not in by_iteration:
        state.set_widget(key, _standing(list(by_iteration), key))
    iteration = st.select_slider(label, list(by_iteration), format_func="{:,}".format, key=key)
    return by_iteration[iteration]


def _standing(iterations: Sequence[int], key: str) -> int:
    """Where the slider stands when what it stood at is kept no longer: at the nearest, or the newest."""
    wanted = state.widget_value(key, None)
    found = nearest(iterations, wanted) if wanted is not None else None
    return iterations[-1] if found is None else found


def _changed_settings(config: Config) -> dict[str, object]:
    """Widgets for the settings that are to change; a structural one says why it cannot."""
    names = st.multiselect(
        "Settings to change",
        [setting.name for setting in sorted(SETTINGS, key=lambda setting: not setting.live)],
        format_func=lambda name: SETTING[name].label,
        key=_CHANGES,
        placeholder="none yet",
    )
    live = [SETTING[name] for name in names if SETTING[name].live]
    for name in names:
        if not SETTING[name].live:
            st.info(
                f"{SETTING[name].label} cannot change in a fork: {REASONS[name]}. "
                "Begin a new run with it on the Train page instead.",
                icon=":material/block:",
            )
    if not live:
        return {}
    values: dict[str, object] = {}
    with st.container(horizontal=True):
        for setting in live:
            values[setting.name] = _value(setting, getattr(config, setting.name))
    return values


def _value(setting: Setting, present: Any) -> object:
    assert setting.low is not None
    assert setting.high is not None
    label, key = f"{setting.label}, so far {shown(setting, present)}", f"fork_{setting.name}"
    if setting.kind is int:
        low, high = int(setting.low), int(setting.high)
        return st.number_input(
            label, low, high, int(present), int(setting.step), "%d", key, setting.help, width=230
        )
    low_, high_ = float(setting.low), float(setting.high)
    return st.number_input(
        label, low_, high_, float(present), float(setting.step), "%g", key, setting.help, width=230
    )


def _fork(at: Desk, run_id: str, iteration: int, name: str, changed: dict[str, object]) -> None:
    # A widget that was changed by the very click that forks holds its value in the session already.
    changes = {key: state.widget_value(f"fork_{key}", value) for key, value in changed.items()}
    name = str(state.widget_value("fork_name", name) or "").strip()
    new = fork(at.store, run_id, iteration, name or None, **changes)
    # So that both curves are there to see when the person comes back.
    others = [run.id for run in at.chosen if run.id != run_id]
    desk.choose([run_id, new, *others])
    open_and_leave(new)


def family_tree(at: Desk) -> None:
    """The runs' tree."""
    parents = {run.parent for run in at.living}
    runs = [run for run in at.everything if run.deleted is None or run.id in parents]
    branches = tree(runs, tree_figure.MOST_ROWS)
    if not branches:
        st.caption("No run has been forked yet; forks grow into a tree here.")
        return
    palette = at.palette
    brought = tree_figure.arrays(branches, at.colour, palette)
    version = tuple((branch.run.id, branch.end, at.colour(branch.run.id)) for branch in branches)
    page = at.page
    page.chart(
        "tree",
        plain(tree_figure.skeleton, len(branches), palette),
        tree_figure.CAPTION,
        lambda view: Entry(version, lambda: {"arrays": brought}),
    )
