"""Who is looking: each open page is a visitor; of several on one run, one leads; and whose runs are listed.

Streamlit keeps the page of a visitor who has left until somebody else comes, and with it the run that
it showed. So pages that have been gone for long are closed here.

Where the server can only be reached from its own computer, lists hold every run in the store. Where
others can reach it, a browser's lists hold the runs that it has begun or opened itself; to any other
run, the link with its id is the only way. Ids cannot be guessed.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

import streamlit as st
from streamlit import config, runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.web.server.starlette.starlette_app_utils import decode_xsrf_token_string

_COOKIE = "_streamlit_xsrf"
"""Streamlit gives each browser a random token in this cookie, before a page can ask for anything."""

_FORWARDED = "X-Forwarded-For"


def visitor() -> str:
    """What tells this page from all others that are open."""
    context = get_script_run_ctx()
    return context.session_id if context else ""


def present(visitor: str) -> bool:
    """Whether that visitor's page is still open."""
    return not runtime.exists() or runtime.get_instance().is_active_session(visitor)


# Pages that are gone


class Pages:
    """The pages that are open, or were a while ago; for several threads."""

    def __init__(
        self,
        present: Callable[[str], bool],
        close: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``present`` says whether a page is open, ``close`` gives one up for good; ``clock`` in seconds."""
        self._present = present
        self._close = close
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, float] = {}
        self._closed = False

    def note(self, page: str) -> None:
        """Note that the page is open now."""
        with self._lock:
            self._seen[page] = self._clock()

    def tidy(self, seconds: float) -> None:
        """Close the pages that have been gone for so many ``seconds``, and take their memory back."""
        if self._closed:
            _collect()
        for page in self._gone(seconds):
            self._close(page)

    def _gone(self, seconds: float) -> list[str]:
        with self._lock:
            now = self._clock()
            self._seen.update((page, now) for page in self._seen if self._present(page))
            gone = [page for page, seen in self._seen.items() if now - seen >= seconds]
            for page in gone:
                del self._seen[page]
            self._closed = bool(gone)
            return gone


def _collect() -> None:
    """Take back the memory of closed pages, and hand it to the system."""
    # A page is a knot that only the collector undoes, and it does not run where nobody is.
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def _give_up(page: str) -> None:
    """Have Streamlit close a page that nobody has open; should somebody return to it, it begins anew."""
    if runtime.exists():
        runtime.get_instance().clear_user_info_for_session(page)


_PAGES = Pages(present, _give_up)


def enter() -> None:
    """Note that this visitor's page is open."""
    _PAGES.note(visitor())


def tidy() -> None:
    """Close the pages of visitors who have left, shortly before they could no longer come back to them."""
    _PAGES.tidy(0.9 * config.get_option("server.disconnectedSessionTTL"))


# Whose runs are listed


class Met:
    """Which runs each browser has begun or opened; what was met longest ago goes. For several threads."""

    def __init__(self, most_browsers: int = 1_000, most_runs: int = 1_000) -> None:
        """Remember at most so many browsers, and so many runs of each."""
        self._most_browsers = most_browsers
        self._most_runs = most_runs
        self._lock = threading.Lock()
        self._runs: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()

    def add(self, browser: str, run_id: str) -> None:
        """Remember that ``browser`` has met the run."""
        with self._lock:
            met = self._runs.setdefault(browser, OrderedDict())
            self._runs.move_to_end(browser)
            met[run_id] = None
            met.move_to_end(run_id)
            if len(met) > self._most_runs:
                met.popitem(last=False)
            if len(self._runs) > self._most_browsers:
                self._runs.popitem(last=False)

    def of(self, browser: str) -> frozenset[str]:
        """The ids of the runs that ``browser`` has met."""
        with self._lock:
            return frozenset(self._runs.get(browser, ()))


_MET = Met()


def meet(run_id: str) -> None:
    """Let the lists of this browser hold the run from now on."""
    _MET.add(_browser(), run_id)


def listed() -> Callable[[str], bool]:
    """A test of ids: whether this browser's lists hold that run."""
    if not shared():
        return lambda run_id: True
    return _MET.of(_browser()).__contains__


def shared() -> bool:
    """Whether this page may be open on another computer than the server's."""
    return is_shared(config.get_option("server.address"), st.context.headers)


def is_shared(address: str | None, headers: Mapping[str, str]) -> bool:
    """Whether a visit with these headers, to a server that listens on ``address``, may be from elsewhere.

    A server that listens on loopback can still be reached through a proxy or a tunnel: then a header
    says so, or the browser asked for another host than this one.
    """
    host = urlsplit(f"//{headers.get('Host', 'localhost')}").hostname
    return not (_is_loopback(address) and _is_loopback(host)) or _FORWARDED in headers


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False


def _browser() -> str:
    """What tells this visitor's browser from all others: its token, or else the one page."""
    token, _ = decode_xsrf_token_string(st.context.cookies.get(_COOKIE, ""))
    return token.hex() if token else visitor()
