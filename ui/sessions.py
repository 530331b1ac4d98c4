"""Keeps what Streamlit does for one page in order, where a click may come at any moment.

A click that comes while the page is being drawn, or trains, starts a new thread at once
(`runner.fastReruns`). The thread before it ends at its next call of Streamlit; until then both work on
one session, each behind a lock of its own. So the old one may enter a widget while the new one looks
through all of them, which ends the new one with an error; or it may clear the click that the new one
is about to answer. With one lock for both, neither can happen.

A thread that has ended leaves messages, which the server's event loop delivers one by one. A timer that
asks for a fragment just then is given a new thread, and what the old one has left is dropped: a new page
without its first parts, into which the fragment's part cannot be put, and the browser gives the page
up. So whoever asks for a fragment waits until everything has been delivered.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from weakref import WeakValueDictionary

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType
from streamlit.runtime.state import SafeSessionState, SessionState

WAIT_SECONDS = 0.002
"""From one look whether everything has been delivered to the next."""

_LOCKS: WeakValueDictionary[int, threading.RLock] = WeakValueDictionary()
"""The lock of each session by the session's identity, for as long as any thread of it has the lock."""

_GUARD = threading.Lock()


def keep_order() -> None:
    """Have all pages kept in order from now on; call it once."""
    _share_locks()
    _deliver_first()


def _share_locks() -> None:
    """Let all threads of a page pass one lock to its session."""
    begin = SafeSessionState.__init__

    @wraps(begin)
    def begin_with_shared_lock(
        self: SafeSessionState, state: SessionState, yield_callback: Callable[[], None]
    ) -> None:
        begin(self, state, yield_callback)
        object.__setattr__(self, "_lock", _lock_of(state))

    SafeSessionState.__init__ = begin_with_shared_lock  # type: ignore[method-assign]


def _lock_of(state: SessionState) -> threading.RLock:
    with _GUARD:
        return _LOCKS.setdefault(id(state), threading.RLock())


def _deliver_first() -> None:
    """Let no fragment begin before what an ended thread has left is delivered."""
    request = AppSession.request_rerun

    @wraps(request)
    def request_in_order(self: AppSession, client_state: ClientState | None) -> None:
        if client_state and client_state.fragment_id and _ended(self._scriptrunner):
            self._event_loop.call_later(WAIT_SECONDS, self.request_rerun, client_state)
        else:
            request(self, client_state)

    AppSession.request_rerun = request_in_order  # type: ignore[method-assign]


def _ended(runner: ScriptRunner | None) -> bool:
    """Whether the thread takes no more requests; the session forgets it with its last message."""
    return runner is not None and runner._requests._state is ScriptRequestType.STOP
