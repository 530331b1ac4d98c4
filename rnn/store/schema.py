"""The tables of the index, their version, and how an older version becomes the present one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from rnn.store.errors import StoreError

VERSION = 1
APPLICATION = 0x524E4E31  # "RNN1" in the file's header, so that no other database is taken for ours

TABLES = (
    """
    CREATE TABLE runs (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        note TEXT NOT NULL,
        pinned INTEGER NOT NULL DEFAULT 0,
        created REAL NOT NULL,
        updated REAL NOT NULL,
        deleted REAL,
        purged INTEGER NOT NULL DEFAULT 0,
        parent TEXT,
        fork_iteration INTEGER,
        source_key TEXT NOT NULL,
        source_title TEXT NOT NULL,
        text_digest TEXT NOT NULL,
        text_length INTEGER NOT NULL,
        settings TEXT NOT NULL,
        status TEXT NOT NULL,
        iteration INTEGER NOT NULL,
        characters INTEGER NOT NULL,
        seconds REAL NOT NULL,
        pace REAL,
        loss REAL NOT NULL,
        best_loss REAL NOT NULL,
        held_out REAL
    ) STRICT
    """,
    """
    CREATE TABLE states (
        run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        iteration INTEGER NOT NULL,
        file TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        PRIMARY KEY (run, iteration)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE curves (
        run TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
        curve BLOB NOT NULL,
        held_out BLOB NOT NULL,
        clock BLOB NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE leases (
        run TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        holder TEXT,
        kind TEXT NOT NULL,
        place TEXT NOT NULL,
        pid INTEGER NOT NULL,
        process TEXT NOT NULL,
        beat REAL NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE wishes (
        run TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
        wish TEXT NOT NULL
    ) STRICT
    """,
)

Migration = Callable[[sqlite3.Connection], None]

MIGRATIONS: dict[int, Migration] = {}
"""By version: what makes the next version of it. Each runs inside the one transaction of `prepare`."""


def prepare(db: sqlite3.Connection) -> None:
    """Create the tables in a new file, or bring an older version up to date, all or nothing.

    Raises StoreError for another program's database, a newer version, or one too old to migrate.
    """
    _require_ours(db)
    if db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        db.execute("PRAGMA journal_mode = WAL")
    db.execute("BEGIN IMMEDIATE")
    try:
        version = version_of(db)  # again: another process may have been quicker
        if version == 0:
            _create(db)
        else:
            _migrate(db, version)
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def require_present(db: sqlite3.Connection) -> None:
    """Raise StoreError unless the tables have the version that this program writes."""
    version = version_of(db)
    if version != VERSION:
        raise _refusal(version)


def version_of(db: sqlite3.Connection) -> int:
    """The version of the tables; 0 for a file without any."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _require_ours(db: sqlite3.Connection) -> None:
    application = db.execute("PRAGMA application_id").fetchone()[0]
    empty = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if application != APPLICATION and not (empty and version_of(db) == 0):
        raise StoreError(
            "The index in this folder was not written by this program; choose another folder."
        )


def _create(db: sqlite3.Connection) -> None:
    for table in TABLES:
        db.execute(table)
    db.execute(f"PRAGMA application_id = {APPLICATION}")
    db.execute(f"PRAGMA user_version = {VERSION}")


def _migrate(db: sqlite3.Connection, version: int) -> None:
    if version > VERSION:
        raise _refusal(version)
    for step in range(version, VERSION):
        if step not in MIGRATIONS:
            raise _refusal(version)
        MIGRATIONS[step](db)
    db.execute(f"PRAGMA user_version = {VERSION}")


def _refusal(version: int) -> StoreError:
    what = "a newer version of this program" if version > VERSION else "a version that is too old"
    advice = "update the program" if version > VERSION else "open it with an older program"
    return StoreError(
        f"The store was written by {what} (format {version}, here {VERSION}); "
        f"{advice}, or choose another folder."
    )
