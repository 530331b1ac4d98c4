"""Two threads of one page take turns at its session, and a page that was left is not answered."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from streamlit.runtime.app_session import AppSession, AppSessionState
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData
from streamlit.runtime.state import SafeSessionState, SessionState
from streamlit.runtime.state.common import WidgetMetadata

import ui.state  # noqa: F401  every page imports it, and is kept in order by that
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


class Session(AppSession):
    """A page's session with nothing but what a request needs; every run that it would begin is noted."""

    def __init__(self, page: str) -> None:
        self._state = AppSessionState.APP_NOT_RUNNING
        self._client_state = ClientState(page_script_hash=page)
        self._scriptrunner = None
        self.begun: list[tuple[str, str | None]] = []
        self.told: list[WidgetStates | None] = []

    def __del__(self) -> None:
        pass

    def has_fragment(self, fragment_id: str) -> bool:
        return True

    def _create_scriptrunner(self, data: RerunData) -> None:
        self.begun.append((data.page_script_hash, data.fragment_id))
        self.told.append(data.widget_states)


def beat_of(page: str) -> ClientState:
    return ClientState(page_script_hash=page, fragment_id="beat", is_auto_rerun=True)


def test_the_present_page_has_its_beats() -> None:
    session = Session("train")
    session.request_rerun(beat_of("train"))
    assert session.begun == [("train", "beat")]


def test_a_page_that_was_left_has_none_from_the_moment_another_is_asked_for() -> None:
    session = Session("train")
    session.request_rerun(ClientState(page_script_hash="data"))
    session.request_rerun(beat_of("train"))
    session.request_rerun(beat_of("data"))
    assert session.begun == [("data", None), ("data", "beat")]


def test_a_page_that_the_server_chose_has_its_beats() -> None:
    session = Session("compare")
    session._client_state.page_script_hash = "train"  # as `st.switch_page` leaves it
    session.request_rerun(beat_of("train"))
    session.request_rerun(beat_of("compare"))
    assert session.begun == [("train", "beat")]


def test_a_click_in_a_part_of_the_present_page_is_answered_there() -> None:
    session = Session("train")
    session.request_rerun(ClientState(page_script_hash="train", fragment_id="button"))
    assert session.begun == [("train", "button")]


def test_a_change_on_a_page_that_was_left_is_answered_by_the_present_one() -> None:
    session = Session("compare")
    session.request_rerun(ClientState(page_script_hash="memory"))
    ticked = WidgetStates(widgets=[WidgetState(id="row", int_value=1)])
    session.request_rerun(ClientState(page_script_hash="compare", widget_states=ticked))
    session.request_rerun(ClientState(page_script_hash="compare", fragment_id="button"))
    session.request_rerun(beat_of("memory"))
    assert session.begun == [("memory", None)] * 3 + [("memory", "beat")]
    assert session.told[1] == ticked


def test_a_page_that_was_left_can_be_returned_to() -> None:
    session = Session("compare")
    session.request_rerun(ClientState(page_script_hash="memory"))
    session.request_rerun(ClientState(page_script_hash="compare"))
    session.request_rerun(beat_of("compare"))
    assert session.begun == [("memory", None), ("compare", None), ("compare", "beat")]


def test_a_visit_that_names_no_page_is_answered() -> None:
    session = Session("train")
    session.request_rerun(ClientState())
    session.request_rerun(None)
    session.request_rerun(beat_of("train"))
    assert session.begun == [("", None), ("", None), ("train", "beat")]
