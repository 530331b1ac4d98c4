"""Two threads of one page take turns at its session, which Streamlit alone would not make them do."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.runtime.state import SafeSessionState, SessionState
from streamlit.runtime.state.common import WidgetMetadata

import ui.state  # noqa: F401  every page imports it, and has locks shared by that
from ui import sessions

PATIENCE = 60.0  # seconds; for a slow machine, not a measure
A_WHILE = 0.3  # seconds in which a thread that is free would be done many times over


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def thread_on(state: SessionState) -> SafeSessionState:
    """What one script thread sees of a session."""
    return SafeSessionState(state, lambda: None)


def widget(name: str, deserializer: object = lambda value: value) -> WidgetMetadata[object]:
    return WidgetMetadata(
        id=f"$$ID-{name}-{name}",
        deserializer=deserializer,  # type: ignore[arg-type]
        serializer=lambda value: value,
        value_type="bool_value",
    )


class Slow:
    """A widget that is being entered until it is let go."""

    def __init__(self) -> None:
        self.inside = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, value: object) -> object:
        self.inside.set()
        assert self.let_go.wait(PATIENCE)
        return value


def entering(pool: ThreadPoolExecutor, state: SessionState, slow: Slow) -> Future[object]:
    """An old thread, in the middle of entering a widget."""
    old = pool.submit(thread_on(state).register_widget, widget("slow", slow), None)
    assert slow.inside.wait(PATIENCE)
    return old


def answering(pool: ThreadPoolExecutor, state: SessionState) -> Future[None]:
    """A new thread, which answers a click."""
    return pool.submit(thread_on(state).on_script_will_rerun, WidgetStates())


def test_a_click_is_answered_once_the_old_thread_has_entered_its_widget(
    pool: ThreadPoolExecutor,
) -> None:
    state, slow = SessionState(), Slow()
    old, new = entering(pool, state, slow), answering(pool, state)
    with pytest.raises(TimeoutError):
        new.result(A_WHILE)
    slow.let_go.set()
    new.result(PATIENCE)
    old.result(PATIENCE)


def test_one_page_does_not_wait_for_another(pool: ThreadPoolExecutor) -> None:
    slow = Slow()
    old = entering(pool, SessionState(), slow)
    answering(pool, SessionState()).result(PATIENCE)
    slow.let_go.set()
    old.result(PATIENCE)


def test_a_thread_may_come_back_to_its_own_session() -> None:
    state = SessionState()
    seen = thread_on(state)

    def callback(value: object) -> object:
        seen["noted"] = True
        return value

    seen.register_widget(widget("calling", callback), None)
    assert seen["noted"] is True


def test_the_lock_goes_with_the_last_thread() -> None:
    state = SessionState()
    seen = thread_on(state)
    assert id(state) in sessions._LOCKS
    del seen
    gc.collect()
    assert id(state) not in sessions._LOCKS
