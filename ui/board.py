"""The board: Streamlit components that draw each panel on one kept node.

Three messages make a page. The *runtime* carries Plotly and the client code, once a page. A *panel*
carries its figure or its words that do not change. The *feed* carries frames: one message for all
panels, drawn together in the browser, where a frame that is overtaken is skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st
from plotly.offline import get_plotlyjs

from ui.plotlyjs import served_path

_CLIENT = Path(__file__).parent / "client"
_RUNTIME_PARTS = (
    "frame.js",
    "board.js",
    "labels.js",
    "sample.js",
    "picture.js",
    "chart.js",
    "words.js",
    "ribbon.js",
    "compare.js",
    "moments.js",
    "runtime.js",
)


def _client(name: str) -> str:
    return (_CLIENT / name).read_text(encoding="utf-8")


@cache
def _plotly_path() -> str | None:
    return served_path()


@cache
def _components() -> dict[str, Callable[..., Any]]:
    carried = [] if _plotly_path() else [get_plotlyjs()]
    runtime = "\n".join([*carried, *map(_client, _RUNTIME_PARTS)])
    component = st.components.v2.component
    return {
        "runtime": component(
            "rnn_runtime", css=_client("board.css"), js=runtime, isolate_styles=False
        ),
        "panel": component("rnn_panel", js=_client("panel.js"), isolate_styles=False),
    }


def mount_runtime(on_return: Callable[[], None]) -> None:
    """Delivers the client code; every page calls it once, before its panels.

    When the page returns from having been hidden for long, it asks for a run of the whole script,
    which ends a long tick; ``on_return`` is called before that.
    """
    with st.container(key="plumbing"):
        path = _plotly_path()
        if path is not None:
            loader = _client("library.js").replace("PATH", path)
            st.html(f"<script>{loader}</script>", unsafe_allow_javascript=True)
        _components()["runtime"](key="runtime", on_returned_change=on_return)


def panel_key(name: str) -> str:
    """The key under which the panel ``name`` stands in the session."""
    return f"panel_{name}"


def panel(
    name: str, kind: str, revision: str, on_pick: Callable[[], None] | None = None, **data: Any
) -> None:
    """Mounts the panel ``name``; frames reach it while their revision for it is the same.

    ``on_pick`` is called when the person has picked something in it, before the page's next run.
    """
    told = {"panel": name, "kind": kind, "revision": revision, "picks": on_pick is not None}
    listeners = {"on_picked_change": on_pick} if on_pick else {}
    _components()["panel"](key=panel_key(name), data={**told, **data}, **listeners)


def feed(frame: bytes) -> None:
    """Hands one frame, made by `ui.frames.encode`, to all panels of the page."""
    with st.container(key="feed"):
        _components()["panel"](key="frames", data=frame)
