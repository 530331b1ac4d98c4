"""The process beside the page that keeps the workers: `python -m rnn.crew FOLDER PLACES`.

It reads orders from its standard input and tells on its standard output how the runs stand, both one
JSON object a line. When its input ends, because whoever started it closed it or is no more, however
that came about, every worker saves its run and stops, and then so does the crew.

This is a process of its own because of what the page's server is: its `__main__` is a page's script,
which every worker that it started would run, and its exit would wait for the workers.

Scheduling and processes are those of concurrent.futures: as many threads as there are places, each
with a pool of one process for the run that it has in hand. One pool for all would be simpler, but
when one of its processes is killed, it ends the others too.

    in    {"order": "train", "run": ID, "goal": ITERATIONS}
          {"order": "drop", "run": ID, "kind": "paused" or "stopped"}: as long as it waits for a place
    out   {"run": ID, "phase": "waiting"}
          {"run": ID, "phase": "training", and the fields of `rnn.workers.Progress`}
          {"run": ID, "phase": one of `rnn.workers.Kind`, "sentence": WHY}
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from types import FrameType
from typing import Any

from rnn import workers
from rnn.store import Store, StoreError
from rnn.workers import STATUS, Kind, Outcome

_LOGGER = logging.getLogger(__name__)
_SPAWN = multiprocessing.get_context("spawn")

KILLED = "Its worker was ended from outside."
FAULT = (
    "Its worker failed for a reason that lies in this program; the server's log says what happened."
)

Tell = Callable[[dict[str, Any]], None]


class Crew:
    """Trains runs of one store, each in a process of its own, at most `places` at a time."""

    def __init__(self, folder: Path, places: int, tell: Tell) -> None:
        """Start without any run; `tell` hears how each of them stands, from several threads."""
        self._folder = folder
        self._store = Store(folder)
        self._tell = tell
        self._places = ThreadPoolExecutor(places, "place")
        self._lock = Lock()
        self._tasks: dict[str, Future[None]] = {}
        self._again: dict[str, int] = {}
        self._lines: dict[str, Connection] = {}
        self._closing = False

    def train(self, run_id: str, goal: int) -> None:
        """Train the run once a place is free; if it is just being paused, go on with it afterwards."""
        with self._lock:
            if run_id in self._tasks:
                self._again[run_id] = goal
            elif not self._closing:
                self._submit(run_id, goal)

    def _submit(self, run_id: str, goal: int) -> None:
        self._tell({"run": run_id, "phase": "waiting"})
        self._tasks[run_id] = self._places.submit(self._work, run_id, goal)

    def drop(self, run_id: str, kind: Kind) -> None:
        """Take the run out of the queue; one that has a place already sees the wish in the store."""
        with self._lock:
            self._again.pop(run_id, None)
            task = self._tasks.get(run_id)
            if task is None or not task.cancel():
                return
            del self._tasks[run_id]
        self._leave(run_id, kind)
        self._report(run_id, Outcome(kind))

    def _leave(self, run_id: str, kind: Kind) -> None:
        """Say in the store how a run stands that never got its place."""
        with suppress(StoreError):
            self._store.set_status(run_id, STATUS[kind])
            self._store.wish(run_id, None)

    def close(self) -> None:
        """Let every worker save its run and stop, and wait for that."""
        with self._lock:
            self._closing = True
            self._again.clear()
            waiting = [run_id for run_id, task in self._tasks.items() if task.cancel()]
            for line in self._lines.values():
                _stop(line)
        for run_id in waiting:
            self._leave(run_id, "paused")
            self._report(run_id, Outcome("paused"))
        self._places.shutdown()

    # -- in a place --------------------------------------------------------------------------------

    def _work(self, run_id: str, goal: int) -> None:
        outcome = Outcome("failed", FAULT)
        try:
            outcome = self._trained(run_id, goal)
        except BrokenProcessPool:
            outcome = Outcome("killed", KILLED)
        except Exception:
            _LOGGER.exception("a worker failed")
        with self._lock:
            del self._tasks[run_id]
            self._report(run_id, outcome)
            again = self._again.pop(run_id, None)
            if again is not None and outcome.kind in ("paused", "stopped"):
                self._submit(run_id, again)

    def _trained(self, run_id: str, goal: int) -> Outcome:
        ours, theirs = _SPAWN.Pipe()
        with (
            ours,
            ProcessPoolExecutor(
                1, mp_context=_SPAWN, initializer=workers.begin, initargs=(theirs,)
            ) as place,
        ):
            result = place.submit(workers.work, self._folder, run_id, goal)
            theirs.close()  # the worker has its own by now, and its end is to be noticed here
            self._attach(run_id, ours)
            try:
                self._relay(run_id, ours)
                return result.result()
            finally:
                self._detach(run_id)

    def _attach(self, run_id: str, line: Connection) -> None:
        with self._lock:
            self._lines[run_id] = line
            if self._closing:
                _stop(line)

    def _detach(self, run_id: str) -> None:
        with self._lock:
            del self._lines[run_id]

    def _relay(self, run_id: str, line: Connection) -> None:
        """Pass the worker's progress on until it says that it is done, or is no more."""
        with suppress(EOFError, OSError):
            while (progress := line.recv()) is not None:
                self._tell({"run": run_id, "phase": "training", **asdict(progress)})

    def _report(self, run_id: str, outcome: Outcome) -> None:
        self._tell({"run": run_id, "phase": outcome.kind, "sentence": outcome.sentence})


def _stop(line: Connection) -> None:
    with suppress(OSError):  # a worker that is no more has stopped
        line.send(None)


# -- the process -----------------------------------------------------------------------------------


def places() -> int:
    """How many runs may train at a time: as many as the cores allow, less one for the page."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, (allowed or 1) - 1)


def say(message: dict[str, Any]) -> None:
    """Write one line to standard output, whole; when nobody reads it any more, that is no error."""
    with suppress(OSError):
        os.write(1, (json.dumps(message) + "\n").encode())


def carry_out(crew: Crew, orders: Iterable[str]) -> None:
    """Carry out orders, one a line, until there are no more."""
    for line in orders:
        order = json.loads(line)
        if order["order"] == "train":
            crew.train(order["run"], order["goal"])
        else:
            crew.drop(order["run"], order["kind"])


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def main(folder: str, most: str) -> None:
    """Keep a crew until standard input ends or the process is asked to terminate."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    crew = Crew(Path(folder), int(most), say)
    signal.signal(signal.SIGTERM, _end)
    try:
        carry_out(crew, sys.stdin)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        crew.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
