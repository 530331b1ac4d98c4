"""The statements on the index's tables, each inside a transaction that the caller has opened."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from rnn.state import State
from rnn.store import rows
from rnn.store.errors import NameTakenError, NoRunError
from rnn.store.rows import Card, Clock
from rnn.store.snapshots import Snapshot

SELECT = (
    "SELECT runs.*, coalesce((SELECT sum(bytes) FROM states WHERE run = runs.id), 0) AS bytes FROM runs"
    " WHERE purged = 0"
)

Cell = str | int | float | None


def no_run() -> NoRunError:
    """The sentence for a run that is not there (any more)."""
    return NoRunError("This run is no longer in the store.")


def require_run(db: sqlite3.Connection, run_id: str) -> sqlite3.Row:
    """The row of a run. Raises NoRunError."""
    row: sqlite3.Row | None = db.execute(f"{SELECT} AND id = ?", (run_id,)).fetchone()
    if row is None:
        raise no_run()
    return row


def enter_run(
    db: sqlite3.Connection, run_id: str, name: str, text: str, newest: State, card: Card, now: float
) -> None:
    """Enter a new run that stands at `newest`, with its curves; its states are another matter."""
    columns: dict[str, Cell] = rows.progress(newest) | {
        "id": run_id,
        "name": name,
        "note": rows.shown_note(card.note),
        "created": now,
        "updated": now,
        "parent": card.parent,
        "fork_iteration": card.fork_iteration,
        "source_key": rows.shown_name(card.source_key),
        "source_title": rows.shown_name(card.source_title),
        "text_digest": rows.text_digest(text),
        "text_length": len(text),
        "status": card.status,
        "seconds": card.seconds,
        "pace": card.pace,
    }
    marks = ", ".join("?" * len(columns))
    db.execute(f"INSERT INTO runs ({', '.join(columns)}) VALUES ({marks})", tuple(columns.values()))
    replace_series(db, run_id, newest, card.clock)


def update(db: sqlite3.Connection, run_id: str, columns: Mapping[str, Cell]) -> None:
    """Change columns of a run. Raises NoRunError."""
    changes = ", ".join(f"{name} = ?" for name in columns)
    done = db.execute(
        f"UPDATE runs SET {changes} WHERE id = ? AND purged = 0", (*columns.values(), run_id)
    )
    if done.rowcount == 0:
        raise no_run()


def states(db: sqlite3.Connection, run_id: str) -> list[Snapshot]:
    """The states of a run, oldest first."""
    found = db.execute(
        "SELECT iteration, file, bytes FROM states WHERE run = ? ORDER BY iteration", (run_id,)
    )
    return [Snapshot(*row) for row in found]


def enter_states(db: sqlite3.Connection, run_id: str, new: Iterable[Snapshot]) -> None:
    """Enter states of a run."""
    db.executemany(
        "INSERT INTO states (run, iteration, file, bytes) VALUES (?, ?, ?, ?)",
        [(run_id, state.iteration, state.file, state.bytes) for state in new],
    )


def drop_states(db: sqlite3.Connection, run_id: str, gone: Iterable[Snapshot]) -> None:
    """Forget states of a run; their files are another matter."""
    db.executemany(
        "DELETE FROM states WHERE run = ? AND iteration = ?",
        [(run_id, state.iteration) for state in gone],
    )


def clock(db: sqlite3.Connection, run_id: str) -> Clock:
    """When the run had trained for how long. Raises NoRunError."""
    row = db.execute("SELECT clock FROM curves WHERE run = ?", (run_id,)).fetchone()
    if row is None:
        raise no_run()
    return Clock.from_bytes(row["clock"])


def replace_series(db: sqlite3.Connection, run_id: str, state: State, clock: Clock) -> None:
    """Enter the curves of a run as they are in this state."""
    db.execute(
        "INSERT OR REPLACE INTO curves (run, curve, held_out, clock) VALUES (?, ?, ?, ?)",
        (run_id, *rows.pack_series(state, clock)),
    )


def lease(db: sqlite3.Connection, run_id: str) -> sqlite3.Row | None:
    """The row of a run's lease, for `Leases.leader`."""
    row: sqlite3.Row | None = db.execute("SELECT * FROM leases WHERE run = ?", (run_id,)).fetchone()
    return row


def wish(db: sqlite3.Connection, run_id: str) -> str | None:
    """What was asked of the run's leader."""
    row = db.execute("SELECT wish FROM wishes WHERE run = ?", (run_id,)).fetchone()
    return None if row is None else str(row["wish"])


def replace_wish(db: sqlite3.Connection, run_id: str, wish: str | None) -> None:
    """Ask something of the run's leader, or take it back."""
    db.execute("DELETE FROM wishes WHERE run = ?", (run_id,))
    if wish is not None:
        db.execute("INSERT INTO wishes (run, wish) VALUES (?, ?)", (run_id, wish))


def require_free(db: sqlite3.Connection, name: str, besides: str = "") -> None:
    """Raise NameTakenError if a run other than `besides` has that name."""
    if _holders(db, name, besides):
        raise NameTakenError(f"There is a run called {name} already; choose another name.")


def free_name(db: sqlite3.Connection, name: str) -> str:
    """A name like this one that no run has: "verse", "verse 2", "verse 3" ..."""
    name = rows.shown_name(name)
    taken = {row["name"] for row in db.execute("SELECT name FROM runs WHERE deleted IS NULL")}
    number, free = 1, name
    while free in taken:
        number += 1
        ending = f" {number}"
        free = name[: rows.LONGEST_NAME - len(ending)] + ending
    return free


def _holders(db: sqlite3.Connection, name: str, besides: str) -> bool:
    found = db.execute(
        "SELECT 1 FROM runs WHERE name = ? AND id <> ? AND deleted IS NULL AND purged = 0",
        (name, besides),
    )
    return found.fetchone() is not None
