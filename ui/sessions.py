"""Lets the threads of one page take turns at what Streamlit remembers of it.

A click that comes while the page is being drawn, or trains, starts a new thread at once
(`runner.fastReruns`). The thread before it ends at its next call of Streamlit; until then both work on
one session, each behind a lock of its own. So the old one may enter a widget while the new one looks
through all of them, which ends the new one with an error; or it may clear the click that the new one
is about to answer. With one lock for both, neither can happen.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from weakref import WeakValueDictionary

from streamlit.runtime.state import SafeSessionState, SessionState

_LOCKS: WeakValueDictionary[int, threading.RLock] = WeakValueDictionary()
"""The lock of each session by the session's identity, for as long as any thread of it has the lock."""

_GUARD = threading.Lock()


def share_locks() -> None:
    """From now on, let all threads of a page pass one lock to its session; call it once."""
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
