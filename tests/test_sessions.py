"""Two threads of one page take turns at its session, and what one has left is delivered before the next."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.runtime.app_session import AppSession, AppSessionState
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests
from streamlit.runtime.state import SafeSessionState, SessionState
from streamlit.runtime.state.common import WidgetMetadata

import ui.state  # noqa: F401  every page imports it, and is kept in order by that
from tests.scenes import play as played
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


class Runner:
    """A script thread that takes requests until it has ended."""

    def __init__(self, ended: bool) -> None:
        self._requests = ScriptRequests()
        if ended:
            self._requests.request_stop()
        self.asked: list[str] = []

    def request_rerun(self, data: RerunData) -> bool:
        self.asked.append(data.fragment_id or "the whole page")
        return True

    def request_stop(self) -> None:
        self._requests.request_stop()


class Session(AppSession):
    """A page's session with nothing but what a request needs."""

    def __init__(self, runner: Runner | None) -> None:
        self._event_loop = asyncio.get_running_loop()
        self._state = AppSessionState.APP_IS_RUNNING
        self._client_state = ClientState()
        self._scriptrunner = runner  # type: ignore[assignment]
        self.begun: list[str] = []

    def __del__(self) -> None:
        pass

    def has_fragment(self, fragment_id: str) -> bool:
        return True

    def _create_scriptrunner(self, data: RerunData) -> None:
        self.begun.append(data.fragment_id or "the whole page")


def beat() -> ClientState:
    return ClientState(fragment_id="beat", is_auto_rerun=True)


def test_a_fragment_waits_until_an_ended_thread_s_last_message_is_delivered() -> None:
    async def play() -> None:
        session = Session(Runner(ended=True))
        session.request_rerun(beat())
        await asyncio.sleep(10 * sessions.WAIT_SECONDS)
        assert not session.begun
        session._scriptrunner = None  # what the last message does
        await asyncio.sleep(0.1)
        assert session.begun == ["beat"]

    played(play())


def test_a_running_thread_takes_a_fragment_at_once() -> None:
    async def play() -> None:
        runner = Runner(ended=False)
        session = Session(runner)
        session.request_rerun(beat())
        assert runner.asked == ["beat"]
        assert not session.begun

    played(play())


def test_a_click_waits_for_nothing() -> None:
    async def play() -> None:
        session = Session(Runner(ended=True))
        session.request_rerun(ClientState())
        assert session.begun == ["the whole page"]

    played(play())
