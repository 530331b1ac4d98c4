"""Train several at once: the form that begins a grid of runs, and the table of how they stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache, partial
from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from rnn.grid import (
    MOST_ITERATIONS,
    MOST_RUNS,
    MOST_SETTINGS,
    VARIABLE,
    Grid,
    grid,
    listed,
    parse_values,
    require_trainable,
    shown,
)
from rnn.plans import Plan
from rnn.settings import SETTING, Setting, Value
from rnn.store import StoreError
from ui import runs, state, visitors
from ui.entries import Entry, Source
from ui.grids import Line, Watch, known_plans
from ui.live import LiveRun, LiveView
from ui.pool import Pool, Wish, pool_of
from ui.shell import Page

_USUAL = ("learning_rate", "hidden_size")
_USUAL_GOAL = 5_000
_SHOWN = "grid_shown"
_TALL = 12  # runs; a longer table scrolls
_HEIGHT = 560  # pixels
_BUTTON_WIDTH = 92  # pixels


def block(page: Page) -> None:
    """The form and the table; what stands in the way is one sentence."""
    with st.container(key="grid", gap="small"):
        try:
            pool = pool_of(runs.store())
            plans = _listed(known_plans(pool.store))
            _form(page.run, pool, first=not plans)
            if plans:
                _table(page, pool, plans)
        except StoreError as error:
            st.text(str(error))


def _listed(plans: Sequence[Plan]) -> list[Plan]:
    """The grids with those of their runs that this visitor's lists hold, if any."""
    listed = visitors.listed()
    narrowed = (replace(plan, runs=tuple(filter(listed, plan.runs))) for plan in plans)
    return [plan for plan in narrowed if plan.runs]


# The form


def _form(run: LiveRun, pool: Pool, first: bool) -> None:
    with st.expander("Train several at once", icon=":material/grid_view:", expanded=first):
        st.caption(
            f"One run for every combination, at most {MOST_RUNS} of them. They train beside the live "
            f"run, {_at_a_time(pool.most)}, and appear in the table of runs. The text and all other "
            "settings are those of the live run."
        )
        st.multiselect(
            f"Settings to vary, up to {MOST_SETTINGS}",
            [setting.name for setting in VARIABLE],
            default=list(_USUAL),
            format_func=lambda name: SETTING[name].label,
            max_selections=MOST_SETTINGS,
            key="grid_settings",
            persist_state="session",
        )
        with st.container(horizontal=True, vertical_alignment="bottom", key="grid_values"):
            for name in _chosen():
                _values_field(run, SETTING[name])
            _seeds_field(run)
            _goal_field()
        _start_row(run, pool)


def _at_a_time(most: int) -> str:
    return "one at a time" if most == 1 else f"{most} at a time"


def _chosen() -> list[str]:
    return list(state.widget_value("grid_settings", _USUAL))


def _key(setting: Setting) -> str:
    return f"grid_values_{setting.name}"


def _values_field(run: LiveRun, setting: Setting) -> None:
    if setting.kind is str:
        labels = dict(zip(setting.choices, setting.choice_labels, strict=True))
        st.multiselect(
            setting.label,
            setting.choices,
            default=list(setting.choices),
            format_func=lambda choice: labels[choice],
            key=_key(setting),
            persist_state="session",
        )
        return
    st.text_input(
        f"{setting.label}: values",
        value=_usual_values(run, setting),
        key=_key(setting),
        help=f"{setting.range_text.capitalize()}, with commas between the values.",
        persist_state="session",
    )


def _usual_values(run: LiveRun, setting: Setting) -> str:
    return listed(setting, run.config.as_dict()[setting.name])


def _seeds_field(run: LiveRun) -> None:
    st.text_input(
        "Seeds",
        value=shown(run.config.seed),
        key=_key(SETTING["seed"]),
        help="Several seeds show how much of a difference is chance; with commas between them.",
        persist_state="session",
    )


def _goal_field() -> None:
    st.number_input(
        "Iterations of each run",
        min_value=1,
        max_value=MOST_ITERATIONS,
        value=_USUAL_GOAL,
        step=1_000,
        key="grid_goal",
        persist_state="session",
    )


def _goal() -> int:
    return int(state.widget_value("grid_goal", _USUAL_GOAL))


def _start_row(run: LiveRun, pool: Pool) -> None:
    """The button with the number of runs, or one sentence on what is wrong with the values."""
    goal = _goal()
    chosen, sentence = _planned(run)
    count = len(chosen.configs) if chosen else 0
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            f"Start {count} runs" if count > 1 else "Start the run",
            key="grid_start",
            type="primary",
            icon=":material/rocket_launch:",
            disabled=chosen is None,
            on_click=partial(_start, run, pool),
        )
        st.text(sentence or f"{count} × {goal:,} iterations", width="stretch")


def _planned(run: LiveRun) -> tuple[Grid | None, str]:
    """The grid that the fields describe, or one sentence on why there is none.

    The sentence may quote what was typed.
    """
    try:
        axes = {name: _values(run, SETTING[name]) for name in _chosen()}
        chosen = grid(run.config, axes, _values(run, SETTING["seed"]))
    except ValueError as error:
        return None, str(error)
    sentence = _refusal(run.text, chosen)
    return (None, sentence) if sentence else (chosen, "")


def _values(run: LiveRun, setting: Setting) -> Sequence[Value]:
    if setting.kind is str:
        return list(state.widget_value(_key(setting), setting.choices))
    usual = shown(run.config.seed) if setting.name == "seed" else _usual_values(run, setting)
    return parse_values(setting, state.widget_value(_key(setting), usual))


@lru_cache(maxsize=4)
def _refusal(text: str, chosen: Grid) -> str:
    """Why a run of the grid cannot be made; empty if all can."""
    try:
        require_trainable(text, chosen.configs)
    except ValueError as error:
        return str(error)
    return ""


def _start(run: LiveRun, pool: Pool) -> None:
    """Begin what the fields describe now, which may be newer than what the page was drawn with."""

    def begin() -> None:
        chosen, sentence = _planned(run)
        if chosen is None:
            raise ValueError(sentence)
        plan = pool.begin(run.text, run.source, chosen, _goal())
        for run_id in plan.runs:
            visitors.meet(run_id)
        state.set_widget(_SHOWN, plan.number)

    state.guarded(begin)


# The table


def _table(page: Page, pool: Pool, plans: Sequence[Plan]) -> None:
    plan = _shown_plan(plans)
    watch = Watch(plan, pool)
    st.text(watch.about)
    _all_at_once(pool, watch)
    with _home_of(watch):
        for place, (run_id, line) in enumerate(watch.lines.items()):
            _row(page, pool, watch, place, run_id, line)
    if watch.active:
        _keep_current(page, watch)


def _home_of(watch: Watch) -> DeltaGenerator:
    if len(watch.lines) > _TALL:
        return st.container(height=_HEIGHT, border=False, gap="xsmall", key="grid_table")
    return st.container(gap="xsmall", key="grid_table")


def _shown_plan(plans: Sequence[Plan]) -> Plan:
    numbered = {plan.number: plan for plan in plans}
    number = state.widget_value(_SHOWN, plans[0].number)
    if number not in numbered:
        number = plans[0].number
        state.set_widget(_SHOWN, number)
    if len(numbered) > 1:
        st.selectbox(
            "Grid",
            list(numbered),
            format_func=lambda some: _title(numbered[some]),
            key=_SHOWN,
            persist_state="session",
        )
    else:
        st.markdown(f"**{_title(numbered[number])}**")
    return numbered[number]


def _title(plan: Plan) -> str:
    varied = " × ".join(SETTING[name].label.lower() for name in plan.varied) or "one run"
    return f"Grid {plan.number}: {varied}, {plan.goal:,} iterations each"


def _all_at_once(pool: Pool, watch: Watch) -> None:
    lines = watch.lines
    resting = [run_id for run_id, line in lines.items() if line.can_rest]
    paused = [run_id for run_id, line in lines.items() if line.can_go_on and not line.stopped]
    ending = [run_id for run_id, line in lines.items() if line.can_end]
    if ending or paused:
        with st.container(horizontal=True, key="grid_all"):
            _button("Pause all", "pause_all", resting, partial(_ask, pool, resting, "pause"))
            _button("Resume all", "resume_all", paused, partial(_go_on, pool, paused, watch.plan))
            _button("Stop all", "stop_all", ending, partial(_ask, pool, ending, "stop"))


def _row(page: Page, pool: Pool, watch: Watch, place: int, run_id: str, line: Line) -> None:
    # A panel is named by its place: an id may hold two underscores, which Streamlit refuses there.
    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", key=f"grid_row_{run_id}"
    ):
        with st.container(width="stretch", gap=None):
            st.text(line.label)
            page.panel(f"grid_{place}", "progress", _progress(watch, run_id))
        with st.container(horizontal=True, width="content", gap="small"):
            _steer(pool, watch.plan, run_id, line)


def _steer(pool: Pool, plan: Plan, run_id: str, line: Line) -> None:
    """Two buttons in every row, so that nothing moves when what they do changes."""
    one = [run_id]
    if line.can_go_on:
        action = partial(_go_on, pool, one, plan)
        _button("Resume", f"resume_{run_id}", one, action, _BUTTON_WIDTH)
    else:
        action = partial(_ask, pool, one, "pause")
        _button("Pause", f"pause_{run_id}", one if line.can_rest else [], action, _BUTTON_WIDTH)
    action = partial(_ask, pool, one, "stop")
    _button("Stop", f"stop_{run_id}", one if line.can_end else [], action)


def _button(
    label: str,
    key: str,
    run_ids: Sequence[str],
    action: Callable[[], None],
    width: int | Literal["content"] = "content",
) -> None:
    """A button for what can be done with these runs, if there are any."""
    act = partial(state.guarded, action)
    st.button(label, key=f"grid_{key}", disabled=not run_ids, on_click=act, width=width)


def _ask(pool: Pool, run_ids: Sequence[str], wish: Wish) -> None:
    for run_id in run_ids:
        pool.ask(run_id, wish)


def _go_on(pool: Pool, run_ids: Sequence[str], plan: Plan) -> None:
    pool.train(run_ids, plan.goal)


def _progress(watch: Watch, run_id: str) -> Source:
    def source(view: LiveView) -> Entry:
        line = watch.lines.get(run_id)
        words, share = (line.words, line.share) if line else ("no longer in the store", 0.0)
        return Entry((words, share), lambda: {"words": words, "share": share})

    return source


def _keep_current(page: Page, watch: Watch) -> None:
    """While any run trains or waits, every beat brings the table up to date, at rest too."""
    drawn, before = watch.buttons(), page.pulse

    def pulse() -> bool:
        with suppress(StoreError):  # it is tried again at the next beat
            watch.look()
        others = before is None or before()
        return others and watch.buttons() == drawn

    page.pulse = pulse
