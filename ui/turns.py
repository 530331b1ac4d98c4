"""The turnstile: where several runs train on one server, their ticks take turns.

All ticks share one interpreter. Side by side they would fight over its lock after every small product
of matrices, and how much each gets would be chance. One after the other, in the order in which they
come, each gets its share and loses nothing to the others.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

REMEMBERED = 3.0
"""Seconds for which a run that asked for a turn counts among those that train."""

OVERLONG = 1.0
"""Seconds after which a turn is no longer one's own: a single step of a large network can take many,
most of them outside the interpreter, and the others train beside it then."""


class Turnstile:
    """Lets in one at a time, those who wait in the order in which they came; for several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with nobody inside; ``clock`` gives seconds."""
        self._clock = clock
        self._guard = threading.Lock()
        self._inside: Hashable | None = None
        self._since = 0.0
        self._waiting: deque[tuple[Hashable, threading.Event]] = deque()
        self._asked: dict[Hashable, float] = {}

    def crowd(self) -> int:
        """How many have asked for a turn in the last few seconds."""
        with self._guard:
            since = self._clock() - REMEMBERED
            self._asked = {who: at for who, at in self._asked.items() if at >= since}
            return len(self._asked)

    @contextmanager
    def turn(self, who: Hashable) -> Iterator[bool]:
        """Wait for a turn, and hold it inside; False, at once, for one who waits or is inside already."""
        entered = self._enter(who)
        try:
            yield entered
        finally:
            if entered:
                self._leave(who)

    def _enter(self, who: Hashable) -> bool:
        called = threading.Event()
        with self._guard:
            self._asked[who] = self._clock()
            if who == self._inside or any(who == waiting for waiting, _ in self._waiting):
                return False
            self._waiting.append((who, called))
            if self._inside is None:
                self._call()
        while not called.wait(OVERLONG):
            self._pass_overlong()
        return True

    def _call(self) -> None:
        """Let in the one who has waited longest."""
        self._inside, called = self._waiting.popleft()
        self._since = self._clock()
        called.set()

    def _pass_overlong(self) -> None:
        with self._guard:
            if self._waiting and self._clock() - self._since >= OVERLONG:
                self._call()

    def _leave(self, who: Hashable) -> None:
        with self._guard:
            self._asked[who] = self._clock()
            if who == self._inside:
                self._inside = None
                if self._waiting:
                    self._call()


TURNS = Turnstile()
