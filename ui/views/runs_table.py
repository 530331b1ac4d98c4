"""The table of runs: which of them are shown, and which are chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import streamlit as st

from rnn.compare import Latest, bases, bits, changes, latest, matches
from rnn.store import RunRow
from ui import desk, state
from ui.figures.strokes import MOST

_TABLE = "runs_table"
_ROW = 35
_MOST_ROWS = 9
_LATEST: dict[str, str] = {
    "all": "all runs",
    "text": "the latest on each text",
    "name": "the latest of each name",
}


def ordered(runs: Sequence[RunRow]) -> list[RunRow]:
    """The pinned runs first, then those begun last; training leaves a run where it is."""
    return sorted(runs, key=lambda run: (not run.pinned, -run.created, run.id))


# Which runs are shown


@dataclass(frozen=True)
class Filter:
    """Which runs are shown, and what they are compared with: a run's id, "" for the one before each."""

    words: str
    text: str
    status: str
    of_each: Latest
    base: str

    def shown(self, living: Sequence[RunRow]) -> list[RunRow]:
        """Those of the runs that are shown."""
        kept = [
            run
            for run in living
            if self.text in ("", run.text_digest)
            and self.status in ("", run.status)
            and matches(run, self.words)
        ]
        return latest(kept, self.of_each)


def filters(living: Sequence[RunRow]) -> Filter:
    """The widgets that choose which runs are shown."""
    texts = _texts(living)
    names = {run.id: run.name for run in living}
    with st.container(horizontal=True, vertical_alignment="bottom", key="runs_filter"):
        words = st.text_input(
            "Find",
            key="compare_find",
            placeholder="words of name, note or text",
            persist_state="session",
        )
        text = _box("Text", {"": "every text"} | texts, "compare_text")
        statuses = {status: status for status in sorted({run.status for run in living})}
        status = _box("Status", {"": "any"} | statuses, "compare_status")
        of_each = _box("Show", _LATEST, "compare_latest", _LATEST_HELP)
        base = _box("What differs from", {"": "the run before"} | names, "compare_base", _BASE_HELP)
    return Filter(words, text, status, cast(Latest, of_each), base)


def _box(label: str, options: Mapping[str, str], key: str, about: str | None = None) -> str:
    """A box of options by their keys; what is not among them (any more) falls back to the first."""
    return st.selectbox(
        label,
        list(options),
        format_func=lambda option: options.get(option, ""),
        key=key,
        help=about,
        persist_state="session",
    )


_LATEST_HELP = (
    "Names are alike if they differ only in a number at their end: verse, verse 2, verse 3."
)
_BASE_HELP = (
    "The run before is the one begun before it; for a fork, the run that it came from. "
    "The first of all is compared with the default settings."
)


def _texts(runs: Sequence[RunRow]) -> dict[str, str]:
    """The texts by their digests; told apart by their lengths, since titles may agree."""
    return {run.text_digest: f"{run.source_title} ({run.text_length:,} characters)" for run in runs}


# The table


def table(
    living: Sequence[RunRow], everything: Sequence[RunRow], shown: Sequence[RunRow], base: str
) -> None:
    """The table itself; choosing rows chooses runs. ``base`` is the id of the baseline, if any."""
    ids = [run.id for run in shown]
    chosen = desk.chosen_ids(living)
    _show_selection([ids.index(run_id) for run_id in chosen if run_id in ids])
    before = bases(living, everything)
    baseline = next((run for run in living if run.id == base), None)
    st.dataframe(
        _cells(shown, {run.id: baseline or before[run.id] for run in shown}),
        key=_TABLE,
        hide_index=True,
        height=_ROW * (1 + min(_MOST_ROWS, max(2, len(shown)))) + 3,
        on_select=partial(_picked, ids, chosen),
        selection_mode="multi-row",
        column_config=_COLUMNS,
        placeholder="",
        alt="Runs, their settings and results",
    )
    if len(chosen) > MOST:
        st.caption(
            f"{len(chosen)} runs are chosen; curves are drawn for the first {MOST} of them, since more "
            "could not be told apart."
        )


def _show_selection(places: list[int]) -> None:
    """Let the table's ticks stand at the chosen runs, wherever their rows are by now."""
    if _ticked() != sorted(places):
        state.set_widget(_TABLE, {"selection": {"rows": places, "columns": [], "cells": []}})


def _ticked() -> list[int]:
    held: Mapping[str, Any] = state.widget_value(_TABLE, None) or {}
    return sorted(held.get("selection", {}).get("rows", []))


def _picked(ids: Sequence[str], chosen: Sequence[str]) -> None:
    """Rows were ticked or unticked; what is chosen but not shown stays chosen."""
    ticked = [ids[place] for place in _ticked() if place < len(ids)]
    kept = [run_id for run_id in chosen if run_id not in ids or run_id in ticked]
    desk.choose([*kept, *(run_id for run_id in ticked if run_id not in kept)])


def _cells(runs: Sequence[RunRow], base: Mapping[str, RunRow | None]) -> dict[str, list[Any]]:
    return {
        "pinned": ["📌" if run.pinned else "" for run in runs],
        "name": [run.name for run in runs],
        "status": [run.status for run in runs],
        "text": [run.source_title for run in runs],
        "differs": [differs(run, base[run.id]) for run in runs],
        "iterations": [run.iteration for run in runs],
        "best": [bits(run.best_loss) for run in runs],
        "last": [bits(run.loss) for run in runs],
        "held_out": [bits(run.held_out) for run in runs],
        "pace": [run.pace for run in runs],
        "seconds": [run.seconds for run in runs],
        "note": [run.note for run in runs],
    }


def differs(run: RunRow, base: RunRow | None) -> str:
    """What is different in a run, in words."""
    if base is not None and base.id == run.id:
        return "the baseline"
    told = ", ".join(map(str, changes(run, base)))
    if base is None:
        return f"defaults, except {told}" if told else "all defaults"
    return told or "nothing"


_config = st.column_config
_COLUMNS: dict[str, Any] = {
    "pinned": _config.TextColumn("", width=36, help="Pinned runs come first."),
    "name": _config.TextColumn("name", width=170),
    "status": _config.TextColumn("status", width=75),
    "text": _config.TextColumn("text", width=75),
    "differs": _config.TextColumn("what differs", width=310),
    "iterations": _config.NumberColumn("iterations", format="localized", width=80),
    "best": _config.NumberColumn(
        "best, bits",
        format="%.3f",
        width=75,
        help="Bits per character: the lowest that the smoothed training loss has been.",
    ),
    "last": _config.NumberColumn(
        "last, bits",
        format="%.3f",
        width=75,
        help="Bits per character: the smoothed training loss by now.",
    ),
    "held_out": _config.NumberColumn(
        "held-out, bits",
        format="%.3f",
        width=95,
        help="Bits per character on the part of the text that was kept from training, if any was.",
    ),
    "pace": _config.NumberColumn("it/s", format="%.0f", width=55, help="Iterations a second."),
    "seconds": _config.NumberColumn(
        "time, s", format="%.0f", width=65, help="Seconds spent in training."
    ),
    "note": _config.TextColumn("note", width=200),
}
