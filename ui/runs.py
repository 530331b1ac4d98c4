"""The runs that this server holds in memory, each under an id that cannot be guessed.

A page that is loaded again finds its run here by the id in its address.
"""

from __future__ import annotations

import secrets
import threading
import time

from ui.live import LiveRun

MOST_RUNS = 24
"""More than this, and the one that was looked at longest ago goes. A run with the largest network holds
tens of megabytes, so that this many fit a laptop's memory."""


class Runs:
    """Live runs by id; the longest unseen goes when there are too many."""

    def __init__(self, most: int = MOST_RUNS) -> None:
        """Hold at most ``most`` runs."""
        self._most = most
        self._lock = threading.Lock()
        self._runs: dict[str, tuple[LiveRun, float]] = {}

    def add(self, run: LiveRun) -> str:
        """Hold ``run``; returns its id."""
        run_id = secrets.token_urlsafe(12)
        with self._lock:
            self._runs[run_id] = (run, time.monotonic())
            while len(self._runs) > self._most:
                del self._runs[min(self._runs, key=lambda held: self._runs[held][1])]
        return run_id

    def find(self, run_id: str) -> LiveRun | None:
        """The run of this id, or ``None`` if there is none (any more)."""
        with self._lock:
            held = self._runs.get(run_id)
            if held is None:
                return None
            self._runs[run_id] = (held[0], time.monotonic())
            return held[0]


RUNS = Runs()
