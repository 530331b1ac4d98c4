"""The Compare page: the table of runs, their curves, and what can be looked at side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import get_args

import numpy as np
import streamlit as st

from rnn.compare import (
    COLUMN,
    RESULT_COLUMNS,
    SETTING_COLUMNS,
    SMOOTHINGS,
    Column,
    Kind,
    along,
    bits,
    line,
    varied,
)
from rnn.store import Curve, RunRow, Store, StoreError
from ui import desk, runs, stored, visitors
from ui.desk import Desk
from ui.entries import Entry
from ui.figures import overlay, parallel, scatter
from ui.figures.base import plain
from ui.figures.overlay import Drawn, OverlayView
from ui.shell import Page
from ui.views import forks, grid, replay, run_actions, runs_table, sides

_WATCH_SECONDS = 5.0
_UNITS = list(overlay.UNIT)
_UNIT_LABELS = {key: unit.label for key, unit in overlay.UNIT.items()}


def blocks(page: Page) -> None:
    """Everything on the page."""
    run_actions.leave_if_asked()
    try:
        store = runs.store()
        everything = _listed(store)
    except StoreError as error:
        st.text(str(error))
        return
    living = runs_table.ordered([run for run in everything if run.deleted is None])
    with st.container(key="runs", gap="small"):
        at = _table(page, store, everything, living)
    if living:
        with st.container(key="curves", gap="small"):
            curves(at)
        part(at)
    _watch(store, living)
    grid.block(page)


def _listed(store: Store) -> list[RunRow]:
    """The runs that this visitor's lists hold, the deleted ones too. Raises StoreError."""
    listed = visitors.listed()
    return [run for run in store.runs(include_deleted=True) if listed(run.id)]


def _table(page: Page, store: Store, everything: list[RunRow], living: list[RunRow]) -> Desk:
    st.markdown("**Runs**")
    if not living:
        st.caption("No runs yet. Train a little, and runs appear here.")
        at = Desk(page, store, everything, living, living)
    else:
        chosen = runs_table.filters(living)
        shown = chosen.shown(living)
        runs_table.table(living, everything, shown, chosen.base)
        at = Desk(page, store, everything, living, shown)
    run_actions.actions(at)
    return at


def _watch(store: Store, living: list[RunRow]) -> None:
    """Look every few seconds whether there is something new to show: other programs train runs too."""
    drawn = _standing(living)
    first = True

    @st.fragment(run_every=_WATCH_SECONDS)
    def look() -> None:
        nonlocal first
        if not first and _standing_now(store) != drawn:
            st.rerun()
        first = False

    look()


def _standing(living: Iterable[RunRow]) -> set[tuple[str, float, str]]:
    return {(run.id, run.updated, run.status) for run in living}


def _standing_now(store: Store) -> set[tuple[str, float, str]] | None:
    """None where the store cannot be read, which a run of the whole page says."""
    try:
        return _standing(run for run in _listed(store) if run.deleted is None)
    except StoreError:
        return None


# Curves


def curves(at: Desk) -> None:
    """The losses of the chosen runs over each other, and which line is whose."""
    view = _overlay_view()
    drawn_runs = [run for run in at.chosen if run.id in at.places]
    found = stored.curves(at.store, drawn_runs)
    drawn_runs = [run for run in drawn_runs if run.id in found]
    places = tuple(at.places[run.id] for run in drawn_runs)
    version = (view, tuple((run.id, run.updated, run.name) for run in drawn_runs))
    at.page.chart(
        "overlay",
        plain(overlay.skeleton, view, places, at.palette),
        overlay.CAPTION,
        lambda _: Entry(
            version,
            lambda: {
                "arrays": overlay.arrays(
                    view, [_drawn(run, found[run.id], view) for run in drawn_runs]
                )
            },
        ),
    )
    legend(at, drawn_runs)


def _drawn(run: RunRow, curve: Curve, view: OverlayView) -> Drawn:
    mark = None
    if run.fork_iteration is not None:
        mark = float(along(curve, view.axis, np.array([float(run.fork_iteration)]))[0])
    return Drawn(run.name, line(curve, view.axis, view.kind, view.smoothing), mark)


def legend(at: Desk, drawn: list[RunRow]) -> None:
    """Which line is whose, as plain words."""
    entries = []
    for run in drawn:
        look = at.stroke(run.id)
        assert look is not None
        entries.append(
            {
                "name": run.name,
                "colour": look.colour,
                "dash": look.dash,
                "words": f"best {bits(run.best_loss):.3f} bits/char",
            }
        )
    at.page.panel(
        "overlay_legend", "legend", lambda _: Entry(str(entries), lambda: {"runs": entries})
    )


def _overlay_view() -> OverlayView:
    with st.container(horizontal=True, vertical_alignment="bottom", key="overlay_options"):
        across = st.selectbox(
            "Over",
            list(overlay.AXES),
            format_func=lambda key: overlay.AXES[key],
            key="overlay_axis",
            persist_state="session",
            width=190,
        )
        unit = st.selectbox(
            "Unit of the loss",
            _UNITS,
            index=_UNITS.index(OverlayView.unit),
            format_func=lambda key: _UNIT_LABELS[key],
            key="overlay_unit",
            persist_state="session",
            width=190,
        )
        kind = st.selectbox(
            "Loss on",
            get_args(Kind),
            format_func=lambda kind: f"{kind} text",
            key="overlay_kind",
            persist_state="session",
            width=160,
        )
        smoothing = st.select_slider(
            "Smoothed over (iterations)",
            SMOOTHINGS,
            value=OverlayView.smoothing,
            format_func=lambda over: f"{over:,}" if over else "not",
            key="overlay_smoothing",
            persist_state="session",
            disabled=kind == "held-out",
            help="A loss counts e times less every so many iterations back.",
            width=220,
        )
        log_x = st.toggle("log axis across", key="overlay_log_x", persist_state="session")
        log_y = st.toggle("log loss", key="overlay_log_y", persist_state="session")
    return OverlayView(across, unit, kind, smoothing, log_x, log_y)


# Settings and results


def results(at: Desk) -> None:
    """Any setting against any result, and all settings at once beside one result."""
    differing = [column.key for column in varied(at.shown)]
    first = differing[0] if differing else "learning_rate"
    with st.container(horizontal=True, vertical_alignment="bottom", key="results_options"):
        x = _column_box("Across", SETTING_COLUMNS + RESULT_COLUMNS, "scatter_x", first)
        y = _column_box("Up", RESULT_COLUMNS + SETTING_COLUMNS, "scatter_y")
        log_x = st.toggle("log across", key="scatter_log_x", persist_state="session")
        log_y = st.toggle("log up", key="scatter_log_y", persist_state="session")
        result = _column_box("Result at the right", RESULT_COLUMNS, "parallel_result")
    left, right = st.columns([0.45, 0.55], gap="medium")
    with left:
        _scatter(at, x, y, (log_x, log_y))
    with right:
        _parallel(at, result)


def _column_box(label: str, columns: tuple[Column, ...], key: str, first: str = "") -> Column:
    keys = [column.key for column in columns]
    picked = st.selectbox(
        label,
        keys,
        index=keys.index(first) if first in keys else 0,
        format_func=lambda key: COLUMN[key].label,
        key=key,
        persist_state="session",
        width=150,
    )
    return COLUMN[picked]


def _scatter(at: Desk, x: Column, y: Column, wanted: tuple[bool, bool]) -> None:
    # Chosen runs come last, so that no other point covers them.
    points = scatter.points(sorted(at.shown, key=lambda run: run.id in at.places), x, y)
    named = (_are_names(points.x), _are_names(points.y))
    logs = (wanted[0] and not named[0], wanted[1] and not named[1])
    brought = scatter.arrays(points, at.colour, at.palette)
    at.page.chart(
        "scatter",
        plain(scatter.skeleton, x.title, y.title, logs, named, at.palette),
        scatter.caption(x, y, any(logs)),
        lambda _: Entry(str(brought), lambda: {"arrays": brought}),
        on_pick=lambda picked: _toggle(at, points.ids[int(picked["point"])]),
    )


def _are_names(values: tuple[float | str, ...]) -> bool:
    return any(isinstance(value, str) for value in values)


def _toggle(at: Desk, run_id: str) -> None:
    """Choose a run, or no longer."""
    ids = [run.id for run in at.chosen]
    desk.choose([each for each in ids if each != run_id] if run_id in ids else [*ids, run_id])


def _parallel(at: Desk, result: Column) -> None:
    columns = varied(at.shown)
    chosen = [run.id for run in at.chosen]
    version = (result.key, tuple((run.id, run.updated) for run in at.shown), tuple(chosen))
    at.page.chart(
        "parallel",
        plain(parallel.skeleton, at.palette),
        parallel.caption(at.palette, result),
        lambda _: Entry(
            version,
            lambda: {"arrays": parallel.arrays(at.shown, columns, result, chosen, at.palette)},
        ),
    )


# What is shown below the curves


PARTS: dict[str, Callable[[Desk], None]] = {
    "Settings and results": results,
    "Side by side": sides.block,
    "Fork": forks.block,
    "Replay": replay.block,
}


def part(at: Desk) -> None:
    """One of the parts, as the person chooses: each costs time, and room on the page."""
    picked = st.segmented_control(
        "Look closer",
        list(PARTS),
        default=next(iter(PARTS)),
        required=True,
        key="compare_part",
        persist_state="session",
    )
    with st.container(key="part", gap="small"):
        PARTS[str(picked)](at)
