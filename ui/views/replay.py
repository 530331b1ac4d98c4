"""Replay: one slider over a run's saved states moves everything at once; or it plays as a film."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import streamlit as st

from rnn.analysis import Portrait, Report
from rnn.analysis import passage as passages
from rnn.analysis.passage import Passage
from rnn.compare import Line
from rnn.stills import Lens, shared_passage
from rnn.store import RunRow, Snapshot, Store, StoreError
from ui import film, state, stored
from ui.desk import Desk
from ui.entries import Entry, Source
from ui.figures import overlay, sides
from ui.figures import weights as weights_figure
from ui.figures.base import Caption, plain
from ui.figures.overlay import Drawn, OverlayView
from ui.film import Film, Picture, Projector
from ui.live import LiveView
from ui.views.forks import pick_run
from ui.views.sides import PASSAGE

_PROJECTOR = "replay_projector"
_SAMPLE = 160
_SAMPLE_HEIGHT = 170
_LOSS_HEIGHT = 250
_VIEW = OverlayView(log_x=True)
_LOSS = Caption(
    "Where in the run this is",
    "The smoothed loss over iterations on a logarithmic axis; the diamond moves with the slider.",
)


def block(at: Desk) -> None:
    """Which run, its film, and what the film shows."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="replay_options"):
        run = pick_run(at, "Run to replay", "replay_run")
        typed = st.text_input(
            "Passage that it reads, and then goes on from",
            key="replay_passage",
            max_chars=PASSAGE,
            placeholder="the beginning of its text",
            persist_state="session",
        )
    try:
        states = at.store.snapshots(run.id)
        lens = Lens(_passage(at.store, run, states[-1], typed), _SAMPLE)
    except StoreError as error:
        st.text(str(error))
        return
    at.page.analysis(
        "replay",
        "Load the film",
        partial(_work, at.store, run.id, states, lens),
        of_now=False,
    )
    shown = film.found(at.store, run.id, lens)
    if shown is None:
        st.caption(f"{_moments(len(states))} of this run are kept; loading reads them all.")
        return
    if shown.pictures[-1].iteration != states[-1].iteration:
        st.caption("The run has gone on since this film was loaded; load it again to see the rest.")
    _show(at, run, shown)


def _moments(count: int) -> str:
    return "1 moment" if count == 1 else f"{count} moments"


def _passage(store: Store, run: RunRow, newest: Snapshot, typed: str) -> Passage:
    setup = stored.setup(store, run.id, newest)
    if not typed:
        return passages.from_text(setup.text, 0, PASSAGE)
    known = shared_passage(typed, [setup.chars])
    if known != typed:
        st.caption("Characters that this run has never seen are left out.")
    return Passage(known)


def _work(
    store: Store,
    run_id: str,
    states: Sequence[Snapshot],
    lens: Lens,
    portrait: Portrait,
    report: Report,
) -> Film:
    """For `Page.analysis`: the film of a stored run, whatever the live run's portrait is."""
    return film.shoot(store, run_id, states, lens, report)


def _projector() -> Projector:
    """This visit's projector."""
    projector: Projector | None = state.widget_value(_PROJECTOR, None)
    if projector is None:
        projector = Projector()
        state.set_widget(_PROJECTOR, projector)
    return projector


def _show(at: Desk, run: RunRow, shown: Film) -> None:
    projector = _projector()
    projector.load(shown)
    if projector.playing:
        at.page.pulse = projector.beat
    _steering(at, projector, shown)

    def panel(content: Callable[[Picture], dict[str, Any]]) -> Source:
        """A source that shows the picture at which the film stands."""

        def source(view: LiveView) -> Entry:
            picture = shown.pictures[projector.place]
            return Entry((shown.key, picture.iteration), lambda: content(picture))

        return source

    _pictures(at, run, shown, panel)


def _steering(at: Desk, projector: Projector, shown: Film) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="replay_steering"):
        if projector.playing:
            st.button("Stop", icon=":material/stop:", on_click=projector.pause, key="replay_stop")
        else:
            st.button("Play", icon=":material/movie:", on_click=projector.play, key="replay_play")
        per_second = st.selectbox(
            "Pictures a second",
            film.PER_SECOND,
            index=film.PER_SECOND.index(projector.per_second),
            key="replay_speed",
            label_visibility="collapsed",
            format_func=lambda count: f"{count} a second",
            width=130,
        )
        projector.speed(per_second)
        with st.container(width="stretch", key="replay_moment"):
            at.page.panel(
                "replay_slider",
                "scrubber",
                lambda _: Entry((shown.key, projector.place), lambda: {"place": projector.place}),
                on_pick=projector.seek,
                names=[film.moment(picture) for picture in shown.pictures],
                label="Moment of the run",
            )


def _pictures(
    at: Desk,
    run: RunRow,
    shown: Film,
    panel: Callable[[Callable[[Picture], dict[str, Any]]], Source],
) -> None:
    page, palette = at.page, at.palette
    left, right = st.columns([0.5, 0.5], gap="medium")
    with left:
        _loss(at, run, shown, panel)
        page.chart(
            "replay_states",
            plain(sides.states_skeleton, palette),
            sides.states_caption("Hidden state while reading the passage", palette),
            panel(lambda picture: {"arrays": picture.states}),
        )
    with right:
        page.ribbon(
            "replay_sample",
            panel(lambda picture: picture.sample),
            title="How it goes on from the passage",
            reading="Always with the same random numbers: blue where it was sure, orange where not.",
            height=_SAMPLE_HEIGHT,
        )
        page.chart(
            "replay_expected",
            plain(sides.expected_skeleton, palette),
            sides.expected_caption(palette),
            panel(lambda picture: {"arrays": picture.expected}),
        )
    page.chart(
        "replay_weights",
        plain(weights_figure.skeleton, palette),
        weights_figure.CAPTION,
        panel(lambda picture: {"arrays": picture.weights}),
    )


def _loss(
    at: Desk,
    run: RunRow,
    shown: Film,
    panel: Callable[[Callable[[Picture], dict[str, Any]]], Source],
) -> None:
    curve = stored.curves(at.store, [run])[run.id]
    smooth = Line(curve.iteration, curve.smooth)

    def content(picture: Picture) -> dict[str, Any]:
        marked = Drawn(run.name, smooth, float(picture.iteration))
        return {"arrays": overlay.arrays(_VIEW, [marked], mark=film.moment(picture))}

    at.page.chart(
        "replay_loss",
        plain(overlay.skeleton, _VIEW, (at.places.get(run.id, 0),), at.palette, _LOSS_HEIGHT),
        _LOSS,
        panel(content),
    )
