"""The blocks of the Gradients and weights page; one group of them is shown, and worked out, at a time."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache, partial
from typing import Any

import numpy as np
import streamlit as st

from rnn.analysis.flow import flow
from rnn.analysis.gradcheck import AGREEMENT, ENTRIES, Entry, GradientCheck, check
from rnn.analysis.spectrum import Spectrum, spectrum, spectrum_of
from rnn.moments import Moment
from rnn.network import PARAMETERS
from rnn.vocabulary import Vocabulary, char_name
from ui import state
from ui.entries import Entry as Shown
from ui.entries import Source
from ui.figures import (
    eigenvalues,
    extremes,
    flow_map,
    matrices,
    measures,
    spread,
    step_table,
)
from ui.figures import flow as flow_figure
from ui.figures.base import plain
from ui.figures.iterations import NAMES
from ui.figures.measures import Measured
from ui.figures.spread import Spread
from ui.live import LiveRun, LiveView
from ui.shell import Page

QUICK_SPECTRUM = 128
"""Units up to which the eigenvalues follow the training; for more they are worked out when asked."""
MOST_ENTRIES = 100

_NEWEST = 0
_MOMENT, _LOG = "gradients_moment", "gradients_log"
_KINDS = {"weights": "Weights", "gradients": "Gradients", "activations": "Activations"}


def groups(page: Page) -> None:
    """The choice of what to look at, and that group."""
    with st.container(key="gradients_choice", gap="xsmall"):
        chosen = st.segmented_control(
            "Look at",
            list(_GROUPS),
            default=next(iter(_GROUPS)),
            required=True,
            key="gradients_group",
            label_visibility="collapsed",
            persist_state="session",
        )
        chosen = chosen or next(iter(_GROUPS))
        if chosen in _OVER_ITERATIONS:
            state.set_widget(_LOG, _logarithmic())  # what is not given anew counts as dropped
            st.toggle(
                "Logarithmic iterations",
                key=_LOG,
                help="Gives the first steps, when most happens, as much room as the later ones.",
                persist_state="session",
            )
    _GROUPS[chosen](page)


def _logarithmic() -> bool:
    return bool(state.widget_value(_LOG, True))


def _over_iterations(arrays: Callable[..., dict[str, Any]], *arguments: Any) -> Source:
    """A chart of the moments noted so far, made anew when one is added."""

    def source(view: LiveView) -> Shown:
        moments = view.snapshot.moments
        return Shown(_noted(moments), lambda: {"arrays": arrays(*arguments, moments)})

    return source


def _noted(moments: tuple[Moment, ...]) -> Hashable:
    return (len(moments), moments[-1].iteration if moments else None)


# Through time: how gradients flow back, and what Whh does


def _through_time(page: Page) -> None:
    left, right = st.columns(2, gap="medium")
    with left, st.container(key="flow"):
        page.chart(
            "flow", plain(flow_figure.skeleton, page.palette), flow_figure.CAPTION, _flow_now
        )
    with right, st.container(key="flow_map"):
        page.chart(
            "flow_map",
            plain(flow_map.skeleton, page.palette, _logarithmic()),
            flow_map.caption(page.palette),
            _over_iterations(flow_map.arrays),
        )
    left, right = st.columns(2, gap="medium")
    with left, st.container(key="eigenvalues", gap="xsmall"):
        _eigenvalues(page)
    with right, st.container(key="extremes"):
        page.chart(
            "extremes",
            plain(extremes.skeleton, page.palette, _logarithmic()),
            extremes.CAPTION,
            _over_iterations(extremes.arrays),
        )


def _flow_now(view: LiveView) -> Shown:
    portrait = view.portrait
    return Shown(
        (portrait.iteration, portrait.config.seq_length),
        lambda: {"arrays": flow_figure.arrays(flow(portrait))},
    )


def _eigenvalues(page: Page) -> None:
    units = page.run.config.hidden_size
    source: Source = _spectrum_now
    text = ""
    if units > QUICK_SPECTRUM:
        found = page.analysis("spectrum", "Find the eigenvalues", spectrum_of)
        source = _spectrum_found(found.result, found.version)
        text = f"With {units:,} units this takes a while: press the button."
    figure = plain(eigenvalues.skeleton, page.palette, text)
    page.chart("eigenvalues", figure, eigenvalues.CAPTION, source)


def _spectrum_now(view: LiveView) -> Shown:
    portrait = view.portrait

    def content() -> dict[str, Any]:
        return {"arrays": eigenvalues.arrays(spectrum(portrait.params["Whh"]))}

    return Shown(portrait.iteration, content)


def _spectrum_found(found: Spectrum | None, version: Hashable) -> Source:
    return lambda view: Shown(version, lambda: {"arrays": eigenvalues.arrays(found)})


# Norms and rates


def _norms(page: Page) -> None:
    optimiser = page.run.config.optimiser
    with st.container(key="step_table"):
        page.chart(
            "step_table",
            plain(step_table.skeleton, page.palette, optimiser),
            step_table.caption(page.run.config.hidden_size),
            _step_now(page.run),
        )
    shown = (
        measures.NORMS,
        measures.CLIPPED,
        measures.UPDATES,
        measures.rates(optimiser),
        measures.memory(optimiser),
    )
    for number in range(0, len(shown), 2):
        for column, measured in zip(st.columns(2, gap="medium"), shown[number:], strict=False):
            with column, st.container(key=measured.key):
                _measure(page, measured)


def _measure(page: Page, measured: Measured) -> None:
    page.chart(
        measured.key,
        plain(measures.skeleton, page.palette, measured, _logarithmic()),
        measured.caption,
        _over_iterations(measures.arrays, measured),
    )


def _step_now(run: LiveRun) -> Source:
    quick = run.config.hidden_size <= step_table.QUICK

    def source(view: LiveView) -> Shown:
        optimiser = view.portrait.config.optimiser
        if view.playing and not quick:
            moments = view.snapshot.moments
            return Shown(
                _noted(moments),
                lambda: {"arrays": step_table.arrays(moments[-1], optimiser) if moments else {}},
            )
        return Shown(
            (view.portrait.iteration, view.portrait.config),
            lambda: {"arrays": step_table.arrays(run.rehearsal(), optimiser)},
        )

    return source


# Histograms


def _histograms(page: Page) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="spread_choice"):
        kind = st.segmented_control(
            "Of",
            list(_KINDS),
            format_func=_KINDS.__getitem__,
            default="weights",
            required=True,
            key="gradients_kind",
            persist_state="session",
        )
        parameter = "Whh"
        if kind != "activations":
            parameter = (
                st.segmented_control(
                    "Parameter",
                    list(PARAMETERS),
                    default="Whh",
                    required=True,
                    key="gradients_parameter",
                    persist_state="session",
                )
                or "Whh"
            )
        _choose_moment(page.run)
    chosen = Spread(kind or "weights", parameter)
    wide, narrow = st.columns([0.6, 0.4], gap="medium")
    with wide, st.container(key="spread_map"):
        page.chart(
            "spread_map",
            plain(spread.map_skeleton, page.palette, chosen, _logarithmic(), page.run.config.clip),
            spread.map_caption(page.palette, chosen),
            _spread(spread.map_arrays, chosen),
            on_pick=_pick_moment,
        )
    with narrow, st.container(key="spread_bars"):
        page.chart(
            "spread_bars",
            plain(spread.bars_skeleton, page.palette, chosen),
            spread.bars_caption(),
            _spread(spread.bars_arrays, chosen),
        )


def _choose_moment(run: LiveRun) -> None:
    """A slider over the moments noted by now; its right end follows the training."""
    places = [moment.iteration for moment in run.view(whole=False).snapshot.moments]
    chosen = state.widget_value(_MOMENT, _NEWEST)
    if chosen not in (_NEWEST, *places):
        chosen = min(places, key=lambda place: abs(place - chosen), default=_NEWEST)
    state.set_widget(_MOMENT, chosen)  # at every run: what is not given anew counts as dropped
    st.select_slider(
        "Moment",
        [*places, _NEWEST],
        format_func=lambda place: f"iteration {place:,}" if place else "the newest",
        key=_MOMENT,
        disabled=not places,
        persist_state="session",
    )


def _pick_moment(point: dict[str, Any]) -> None:
    state.set_widget(_MOMENT, int(point["x"]))


def _spread(arrays: Callable[..., dict[str, Any]], chosen: Spread) -> Source:
    wanted = int(state.widget_value(_MOMENT, _NEWEST))

    def source(view: LiveView) -> Shown:
        moments = view.snapshot.moments
        return Shown(_noted(moments), lambda: {"arrays": drawn(moments)})

    def drawn(moments: tuple[Moment, ...]) -> dict[str, Any]:
        moment = moments[-1] if moments else None
        if wanted != _NEWEST and moments:
            # What was chosen may have been thinned out since.
            moment = min(moments, key=lambda one: abs(one.iteration - wanted))
        if arrays is spread.map_arrays:
            return spread.map_arrays(moments, chosen, moment if wanted != _NEWEST else None)
        return spread.bars_arrays(moments, chosen, moment)

    return source


# Matrices


def _matrices(page: Page) -> None:
    name = st.segmented_control(
        "Matrix",
        ["Wxh", "Whh", "Why"],
        format_func=NAMES.__getitem__,
        default="Whh",
        required=True,
        key="gradients_matrix",
        persist_state="session",
    )
    chars = page.run.chars
    shape = matrices.Shape(name or "Whh", page.run.config.hidden_size, len(chars))
    frequent = _most_frequent(page.run.text, chars)

    def source(view: LiveView) -> Shown:
        weights = view.portrait.params[shape.name]
        return Shown(
            view.portrait.iteration,
            lambda: {"arrays": matrices.arrays(weights, shape, chars, frequent)},
        )

    with st.container(key="matrix"):
        page.chart(
            "matrix",
            plain(matrices.skeleton, page.palette, shape),
            matrices.caption(shape),
            source,
        )


@lru_cache(maxsize=2)
def _most_frequent(text: str, chars: tuple[str, ...]) -> tuple[int, ...]:
    """The indices of the characters that are shown along an axis, in the vocabulary's order."""
    if len(chars) <= matrices.MOST:
        return tuple(range(len(chars)))
    counts = np.bincount(Vocabulary(chars).encode(text), minlength=len(chars))
    return tuple(np.sort(np.argsort(-counts, kind="stable")[: matrices.MOST]).tolist())


# The gradient check


def _gradient_check(page: Page) -> None:
    st.caption(
        "Backpropagation works out how the loss answers to every single weight. Here some weights, drawn at "
        "random, are moved a little up and down instead, and the loss of the next window is measured again: "
        "both must give the same derivative. All in float64, and without the clip."
    )
    with st.container(horizontal=True, vertical_alignment="bottom", key="check_choice"):
        entries = st.number_input(
            "Entries of each parameter",
            min_value=1,
            max_value=MOST_ENTRIES,
            value=ENTRIES,
            key="gradients_entries",
            width=180,
            persist_state="session",
        )
        seed = st.number_input(
            "Seed of the draw",
            min_value=0,
            max_value=2**32 - 1,
            value=0,
            key="gradients_seed",
            width=180,
            persist_state="session",
        )
    work = partial(check, entries=int(entries), seed=int(seed))
    found = page.analysis("gradient_check", "Check the gradients", work, (int(entries), int(seed)))
    if found.result is not None:
        with st.container(key="check_result"):
            _verdict(found.result)
            _table(found.result, page.run.chars)


def _verdict(found: GradientCheck) -> None:
    total = len(found.entries)
    worst = f"the largest relative error is {found.worst:.1g}"
    if found.differing:
        st.error(
            f"{found.differing} of {total} derivatives differ: {worst}. That should not happen.",
            icon=":material/error:",
        )
        return
    if found.undecided:
        st.warning(
            f"{found.agreeing} of {total} derivatives agree, and {found.undecided} cannot be judged: "
            "gradients explode here, so that even a tiny change of a weight bends the loss.",
            icon=":material/info:",
        )
        return
    st.success(f"All {total} derivatives agree: {worst}.", icon=":material/check:")


def _table(found: GradientCheck, chars: tuple[str, ...]) -> None:
    st.dataframe(
        {
            "parameter": [entry.parameter for entry in found.entries],
            "weight": [_weight_name(entry, chars) for entry in found.entries],
            "verdict": [_said(entry) for entry in found.entries],
            "error": [f"{entry.error:.1e}" for entry in found.entries],
            "analytic": [f"{entry.analytic:+.8e}" for entry in found.entries],
            "numeric": [f"{entry.numeric:+.8e}" for entry in found.entries],
        },
        hide_index=True,
        height=420,
        key="gradients_check_table",
        column_config={
            "parameter": st.column_config.TextColumn(width="small"),
            "analytic": st.column_config.TextColumn(
                "analytic (nats per unit)", help="From backpropagation."
            ),
            "numeric": st.column_config.TextColumn(
                "numeric (nats per unit)",
                help="From the loss with the weight a little larger and a little smaller.",
            ),
            "error": st.column_config.TextColumn(
                "relative error",
                help=f"The difference over the larger of the two; up to {AGREEMENT:.0e} they agree.",
            ),
        },
    )


def _weight_name(entry: Entry, chars: tuple[str, ...]) -> str:
    """Which weight it is, in words: from where to where, or of what."""
    first, *second = entry.place
    if entry.parameter == "bh":
        return f"unit {first}"
    if entry.parameter == "by":
        return f"“{char_name(chars[first])}”"
    to = f"“{char_name(chars[first])}”" if entry.parameter == "Why" else f"unit {first}"
    origin = f"“{char_name(chars[second[0]])}”" if entry.parameter == "Wxh" else f"unit {second[0]}"
    return f"{origin} → {to}"


def _said(entry: Entry) -> str:
    if entry.undecided:
        return "cannot tell: the loss bends too much"
    if not entry.agrees:
        return "differs"
    if entry.analytic == entry.numeric == 0.0:
        return "agrees: both are 0"
    return "agrees, to rounding" if entry.tiny else "agrees"


_GROUPS: dict[str, Callable[[Page], None]] = {
    "Through time": _through_time,
    "Norms and rates": _norms,
    "Histograms": _histograms,
    "Matrices": _matrices,
    "Gradient check": _gradient_check,
}
_OVER_ITERATIONS = ("Through time", "Norms and rates", "Histograms")
