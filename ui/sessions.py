"""Keeps what Streamlit does for one page in order, where a click may come at any moment.

A click that comes while the page is being drawn, or trains, starts a new thread at once
(`runner.fastReruns`). The thread before it ends at its next call of Streamlit; until then both work on
one session, each behind a lock of its own. So the old one may enter a widget while the new one looks
through all of them, which ends the new one with an error; or it may clear the click that the new one
is about to answer. With one lock for both, neither can happen.

A page that has just been left may still ask for its beats, for its timer learns late that the page is
gone. All pages have the same beat, so the server would answer, in the name of the page that was left;
the browser would clear the new page for it, and then find no place for what comes. So the timer of a
page that is not the present one is not answered. Nor is a page that was left brought back by a change
that was made there just before: a table tells of a tick only after a moment, and by then another page may
have been asked for. The present page answers it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from weakref import WeakValueDictionary

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.state import SafeSessionState, SessionState

_LOCKS: WeakValueDictionary[int, threading.RLock] = WeakValueDictionary()
"""The lock of each session by the session's identity, for as long as any thread of it has the lock."""

_GUARD = threading.Lock()


def keep_order() -> None:
    """Have all pages kept in order from now on; call it once."""
    _share_locks()
    _answer_the_present_page()


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


def _answer_the_present_page() -> None:
    """Let the present page, the last that was asked for, answer all but timers of a page that was left."""
    request = AppSession.request_rerun

    @wraps(request)
    def request_for_present_page(self: AppSession, client_state: ClientState | None) -> None:
        if client_state and client_state.page_script_hash:
            present = self._client_state.page_script_hash
            if not present or _is_turn(client_state):
                # Streamlit notes the page itself, once the page's thread has begun.
                self._client_state.page_script_hash = client_state.page_script_hash
            elif client_state.page_script_hash != present:
                if client_state.is_auto_rerun:
                    return
                client_state.page_script_hash, client_state.fragment_id = present, ""
        request(self, client_state)

    AppSession.request_rerun = request_for_present_page  # type: ignore[method-assign]


def _is_turn(client_state: ClientState) -> bool:
    """Whether a page is asked for, by its link or by going back, and not by a widget that is on it.

    Then the browser tells of no widgets but those that all pages share, and here there are none.
    """
    return not (client_state.fragment_id or client_state.widget_states.widgets)
