"""Analyses that take longer than a frame: done on a thread of their own, at training's leave.

Each run has its own `Jobs`; all runs share one worker, so that many visitors cannot crowd out training.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Generic, TypeVar

from rnn.analysis import Portrait, Report

_LOGGER = logging.getLogger(__name__)
_WORKER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="analysis")
_NUMBERS = count(1)

_FAULT = (
    "This could not be worked out for a reason that lies in this program; "
    "the server's log says what happened."
)

LONGEST_REST = 0.05
"""Seconds an analysis rests at most between two pieces of work while the run trains."""

T = TypeVar("T")


class Cancelled(Exception):
    """The analysis is not wanted any more."""


@dataclass
class Job(Generic[T]):
    """One analysis: what it was made from, how far it is, and its result or the reason for none."""

    parameters: Hashable
    iteration: int
    share: float = 0.0
    result: T | None = None
    sentence: str | None = None
    working: bool = True
    number: int = field(default_factory=lambda: next(_NUMBERS))
    cancelled: threading.Event = field(default_factory=threading.Event)


class Jobs:
    """The analyses of one run by name: the newest of each, and the last one that came to an end."""

    def __init__(self, training: Callable[[], bool]) -> None:
        """``training`` says whether the run trains now, so that an analysis gives way to it."""
        self._training = training
        self._lock = threading.Lock()
        self._newest: dict[str, Job[Any]] = {}
        self._done: dict[str, Job[Any]] = {}
        self.ended = 0

    def start(
        self,
        name: str,
        work: Callable[[Portrait, Report], T],
        portrait: Portrait,
        parameters: Hashable = (),
    ) -> None:
        """Begin the analysis ``name``, in place of one of this name that is under way."""
        self.cancel(name)
        job: Job[T] = Job(parameters, portrait.iteration)
        with self._lock:
            self._newest[name] = job
        _WORKER.submit(self._run, name, job, work, portrait)

    def cancel(self, name: str) -> None:
        """End the analysis ``name`` if it is under way; an earlier result stays."""
        with self._lock:
            job = self._newest.pop(name, None)
        if job is not None:
            job.cancelled.set()

    def drop(self, name: str) -> None:
        """End the analysis ``name`` if it is under way, and drop its last result."""
        self.cancel(name)
        with self._lock:
            self._done.pop(name, None)

    def forget(self) -> None:
        """End everything and drop all results: they are about another run."""
        with self._lock:
            for job in self._newest.values():
                job.cancelled.set()
            self._newest.clear()
            self._done.clear()
            self.ended += 1

    def under_way(self, name: str) -> Job[Any] | None:
        """The analysis ``name`` while it works or waits for its turn."""
        return self._newest.get(name)

    def done(self, name: str) -> Job[Any] | None:
        """The last analysis ``name`` that came to its end, with its result or its sentence."""
        return self._done.get(name)

    @property
    def working(self) -> bool:
        """Whether any analysis is under way."""
        return bool(self._newest)

    def _run(
        self, name: str, job: Job[T], work: Callable[[Portrait, Report], T], portrait: Portrait
    ) -> None:
        began = time.perf_counter()

        def report(share: float) -> None:
            nonlocal began
            job.share = min(1.0, max(0.0, share))
            if job.cancelled.is_set():
                raise Cancelled
            if self._training():
                time.sleep(min(LONGEST_REST, time.perf_counter() - began))
            began = time.perf_counter()

        try:
            report(0.0)
            job.result = work(portrait, report)
        except Cancelled:
            return
        except ValueError as error:
            job.sentence = str(error)
        except Exception:
            _LOGGER.exception("the analysis %s failed", name)
            job.sentence = _FAULT
        self._finish(name, job)

    def _finish(self, name: str, job: Job[T]) -> None:
        with self._lock:
            job.working = False
            if self._newest.get(name) is job:
                del self._newest[name]
                self._done[name] = job
                self.ended += 1
