"""Leases: at any time one holder leads a run, which is to say trains it and writes it.

A lease has a number that grows whenever somebody else takes the lead. Every save names its lease,
and is refused in the very transaction that would point the run at it if a later lease has been
given out: so a leader that was asleep, hung, or cut off can never write over its successor's work,
whatever the clocks say. When a lease counts as left behind is then only a question of comfort:

- at once, if its process ran on this machine and is no more;
- if this process has watched its heartbeat stand still for EXPIRES seconds of the monotonic clock,
  which is all that counts for a lease of this process;
- if its heartbeat is older than EXPIRES by the wall clock and its process cannot be looked for, or
  older than ABANDONED and there is a process of that number, which may be another by now.

A heartbeat from the future, after a clock was set back, is believed until it has been watched.
"""

from __future__ import annotations

import os
import secrets
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rnn.store import tables
from rnn.store.errors import LeaseError
from rnn.store.rows import Leader

BEAT = 4.0  # seconds between two heartbeats
EXPIRES = 20.0  # seconds
ABANDONED = 600.0  # seconds

_PROCESS = secrets.token_hex(8)  # a number of a process is given out again, in containers at once


@dataclass(frozen=True)
class Lease:
    """The lead of one run: who holds it, what that is, under which number."""

    run_id: str
    holder: str
    kind: str
    number: int


@dataclass(frozen=True)
class _Watched:
    """A heartbeat, and when this process first saw it."""

    beat: tuple[int, float]
    since: float


class Leases:
    """Gives out, prolongs and takes back leases, inside transactions of the index."""

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` is compared between processes, `monotonic` inside this one."""
        self._clock = clock
        self._monotonic = monotonic
        self._watched: dict[str, _Watched] = {}
        self._guard = threading.Lock()

    def acquire(
        self, db: sqlite3.Connection, run_id: str, holder: str, kind: str, take_over: bool
    ) -> Lease:
        """Take the lead. Raises LeaseError if another holder has it, unless it is to be taken over."""
        row = tables.lease(db, run_id)
        if row is not None and row["holder"] == holder:
            number = int(row["number"])
        else:
            leader = self.leader(row)
            if leader is not None and not take_over:
                raise refusal(leader)
            number = 1 + (int(row["number"]) if row is not None else 0)
        lease = Lease(run_id, holder, kind, number)
        self._write(db, lease)
        return lease

    def renew(self, db: sqlite3.Connection, lease: Lease) -> None:
        """Give a sign of life. Raises LeaseError if the lead has passed to somebody else since.

        A lease that has run out, or was released, revives if nobody has led the run in between.
        """
        row = tables.lease(db, lease.run_id)
        if row is None or row["number"] != lease.number:
            leader = self.leader(row)
            now = f"it is {_led(leader)}" if leader else "it was trained from elsewhere"
            raise LeaseError(f"The lead of this run was taken over: {now}.")
        self._write(db, lease)

    def release(self, db: sqlite3.Connection, lease: Lease) -> None:
        """Give the lead back; does nothing if it has passed to somebody else."""
        db.execute(
            "UPDATE leases SET holder = NULL WHERE run = ? AND number = ?",
            (lease.run_id, lease.number),
        )

    def leader(self, row: sqlite3.Row | None) -> Leader | None:
        """Who leads the run of this row of the leases; None if nobody does (any more)."""
        if row is None or row["holder"] is None or self._is_left_behind(row):
            return None
        return Leader(row["holder"], row["kind"], row["pid"])

    def _write(self, db: sqlite3.Connection, lease: Lease) -> None:
        beat, pid = self._clock(), os.getpid()
        db.execute(
            "INSERT OR REPLACE INTO leases (run, number, holder, kind, place, pid, process, beat)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (lease.run_id, lease.number, lease.holder, lease.kind, _place(), pid, _PROCESS, beat),
        )
        with self._guard:
            self._watched[lease.run_id] = _Watched((lease.number, beat), self._monotonic())

    def _is_left_behind(self, row: sqlite3.Row) -> bool:
        if self._seen_still_for(row) >= EXPIRES:
            return True
        if row["process"] == _PROCESS and row["pid"] == os.getpid():
            return False
        age = float(self._clock() - row["beat"])
        if row["place"] != _place() or sys.platform == "win32":
            return age >= EXPIRES
        return age >= ABANDONED or not _runs(row["pid"])

    def _seen_still_for(self, row: sqlite3.Row) -> float:
        """Seconds since this process first saw the heartbeat that the row still holds."""
        beat, now = (int(row["number"]), float(row["beat"])), self._monotonic()
        with self._guard:
            watched = self._watched.get(row["run"])
            if watched is None or watched.beat != beat:
                watched = self._watched[row["run"]] = _Watched(beat, now)
        return now - watched.since


def refusal(leader: Leader) -> LeaseError:
    """The sentence for whoever asks for a run that is led already."""
    return LeaseError(f"This run is {_led(leader)}; pause it there, or take it over.")


def _led(leader: Leader) -> str:
    return f"being trained by the {leader.kind} (process {leader.pid})"


@cache
def _place() -> str:
    """Where process numbers mean the same: this machine, or this container on it."""
    namespace = Path("/proc/self/ns/pid")
    inside = f" {namespace.readlink()}" if namespace.is_symlink() else ""
    return f"{socket.gethostname()}{inside}"


def _runs(pid: int) -> bool:
    """Whether another process of this place, with this number, is still there."""
    if pid == os.getpid():
        return False  # the number is ours now
    try:
        os.kill(pid, 0)  # signal 0 only asks
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass  # somebody else's; or no number of a process, which is for the heartbeat to tell
    return True
