"""What every page has: the sidebar, the buttons, the status, the notices, and the live loop.

with shell.page() as page:
    page.chart("loss", figure, caption, source)
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from rnn.analysis import Portrait, Report
from ui import board, controls, messages, notices, state
from ui.entries import Entry, Feeder, Source
from ui.figures.base import Caption, Scale
from ui.jobs import Job
from ui.live import LiveRun, LiveView
from ui.loop import run_live, standing
from ui.palette import palette
from ui.plain import plain

T = TypeVar("T")
RIBBON_HEIGHT = 180


@dataclass(frozen=True)
class Analysis(Generic[T]):
    """What a page knows of an analysis: its last result, if any, and where that came from.

    ``version`` changes with the result; ``iteration`` is that of the portrait it was made from.
    """

    result: T | None
    iteration: int | None
    version: Hashable


class Page:
    """One run of a page's script: its panels register here, and the live loop fills them."""

    def __init__(self, run: LiveRun, theme: str | None) -> None:
        """Show ``run`` in the colours of Streamlit's theme type."""
        self.run = run
        self.palette = palette(theme)
        self.feeder = Feeder()
        self.pulse: Callable[[], bool] | None = None
        """Called at every beat of the page's timer, which then runs while training rests too; once it
        returns False, the whole page runs again."""
        self._origin = f"{run.serial}/{theme}"

    def panel(
        self,
        name: str,
        kind: str,
        source: Source,
        on_pick: Callable[[Any], None] | None = None,
        **data: Any,
    ) -> None:
        """Mount the panel ``name`` of a kind that the browser knows, and let ``source`` fill it.

        ``on_pick`` is called with what the person picks in it; a full run of the page follows.
        """
        # What was composed for another figure, or another run, must not be painted into this one.
        drawn = json.dumps(data, default=str, sort_keys=True).encode("utf-8", "backslashreplace")
        revision = f"{self._origin}/{zlib.crc32(drawn):x}"
        key = board.panel_key(name)
        listener = partial(state.hand_picked, key, on_pick) if on_pick else None
        board.panel(name, kind, revision, listener, **data)
        self.feeder.add(name, source, revision)

    def chart(
        self,
        name: str,
        figure: dict[str, Any],
        caption: Caption,
        source: Source,
        on_pick: Callable[[Any], None] | None = None,
    ) -> None:
        """Mount a figure, as `ui.figures.base.plain` gives it, under its caption.

        ``source`` gives its ``arrays``; ``on_pick`` is handed the point that is clicked, a dict of
        its ``x``, ``y``, ``point`` (its number, or row and column) and ``curve``.
        """
        self.panel(name, "chart", source, on_pick, figure=figure, **asdict(caption))

    def ribbon(
        self,
        name: str,
        source: Source,
        title: str,
        reading: str,
        scale: Scale | None = None,
        height: int = RIBBON_HEIGHT,
        on_pick: Callable[[int], None] | None = None,
    ) -> None:
        """Mount a text whose characters are shaded; ``source`` gives what `ui.ribbon.content` makes.

        ``on_pick`` is handed the place of the character that is clicked.
        """
        caption = asdict(Caption(title, reading, scale))
        self.panel(name, "ribbon", source, on_pick, height=height, **caption)

    def analysis(
        self,
        name: str,
        label: str,
        work: Callable[[Portrait, Report], T],
        parameters: Hashable = (),
        of_now: bool = True,
    ) -> Analysis[T]:
        """A button that starts ``work`` on a portrait of that moment, its progress, and its last result.

        ``work`` runs on a thread of its own and must report the share done every few milliseconds.
        A ValueError in it is shown as a sentence. ``parameters`` are the choices that the result
        depends on: where they have changed since, the page says so. Where ``of_now`` is False, the
        work is about something else than this moment's network, whose iteration is then not told.
        """
        jobs = self.run.jobs
        with st.container(horizontal=True, vertical_alignment="center", key=f"{name}_analysis"):
            if state.asked_for(name, self.run.serial):
                jobs.start(name, work, self.run.portrait(), parameters)
            job = jobs.under_way(name)
            st.button(
                label,
                key=f"{name}_start",
                disabled=job is not None,
                on_click=partial(state.ask_for, name, self.run.serial),
            )
            if job is not None:
                with st.container(width="stretch"):
                    self.panel(f"{name}_progress", "progress", _progress(job))
                st.button("Cancel", key=f"{name}_cancel", on_click=partial(jobs.cancel, name))
            done = jobs.done(name)
            if done is not None and job is None:
                _tell(done, parameters, of_now)
        if done is None or done.result is None:
            return Analysis(None, None, ())
        return Analysis(done.result, done.iteration, done.number)


def _progress(job: Job[Any]) -> Source:
    def source(view: LiveView) -> Entry:
        percent = int(100 * job.share)
        words = f"Working: {percent} %" if percent else "Waiting for its turn"
        return Entry(percent, lambda: {"words": words, "share": job.share})

    return source


def _tell(done: Job[Any], parameters: Hashable, of_now: bool) -> None:
    moment = f", at iteration {done.iteration:,}" if of_now else ""
    if done.sentence:
        st.warning(plain(done.sentence), icon=":material/info:")
    elif done.parameters != parameters:
        st.caption(f"What stands here was made with other choices{moment}: press again.")
    elif of_now:
        st.caption(f"Made from the network at iteration {done.iteration:,}.")


@contextmanager
def page() -> Iterator[Page]:
    """Everything around a page's own blocks; when they stand, the live loop fills them and trains."""
    _require_entry()
    board.mount_runtime(on_return=_back)
    run = state.current_run()
    drawn = standing(run)
    controls.sidebar(run)
    state.write_address(run)
    shown = Page(run, st.context.theme.type)
    with st.container(horizontal=True, vertical_alignment="center"):
        controls.transport(run)
        with st.container(key="live-status", width="stretch"):
            shown.panel("status", "status", messages.status)
    notices.show(run, drawn)
    try:
        yield shown
    except Exception:
        if run.serial == drawn.serial:
            raise
        st.rerun()  # the run has begun anew from elsewhere meanwhile: blocks were drawn of two runs
    run_live(run, shown.feeder, drawn, shown.pulse)


def _require_entry() -> None:
    """Have the page run by way of the entry, which brings navigation and the wide layout.

    Until `st.navigation` was called for the first time, Streamlit takes the scripts in ``pages`` for
    pages of its older kind: a server whose first visitor asks for one of them runs it by itself.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()


def _back() -> None:
    """The page was hidden, and ticks have grown long: begin with short ones again."""
    state.current_run().pacer.rest()
