"""The index: one SQLite file that says which runs there are and where each of them stands.

Every call has a connection of its own, opened by the file's name, so that threads share nothing and
an index that was taken away is noticed instead of being written to where nobody can find it. One
idle connection stays open: without it, each call would be the last one to leave and would tidy the
write-ahead log into the file, at some twenty milliseconds instead of one.
"""

from __future__ import annotations

import sqlite3
import time
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from rnn.store import schema
from rnn.store.errors import StoreError, StoreGoneError

FILE = "index.sqlite"
PATIENCE = 10.0  # seconds to wait for another process that is writing

_WHY = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "it is read-only",
    sqlite3.SQLITE_PERM: "it is read-only",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_BUSY: "another program is writing to it",
    sqlite3.SQLITE_LOCKED: "another program is writing to it",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
}
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Index:
    """Transactions on the index of one folder. Every error becomes a StoreError."""

    def __init__(self, folder: Path) -> None:
        """Open the index in `folder`; both are made if they are not there."""
        self.folder = folder.absolute()
        self.path = self.folder / FILE
        self._anchor: weakref.finalize[[], Index] | None = None
        self.open()

    def open(self) -> None:
        """Make what is missing, and bring an older version up to date."""
        self.close()
        with self.told():
            self.folder.mkdir(parents=True, exist_ok=True)
            connection = self._connect("rwc")
            anchor = weakref.finalize(self, connection.close)
            try:
                _patiently(connection)
            except BaseException:
                anchor()
                raise
            self._anchor = anchor

    def close(self) -> None:
        """Close the idle connection."""
        if self._anchor is not None:
            self._anchor()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one moment of the index throughout."""
        with self.told(), closing(self._connect("rw")) as db:
            schema.require_present(db)
            db.execute("BEGIN")
            yield db

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A connection whose changes all happen at the end, or not at all if an error passes.

        Inside, no other process writes to the index.
        """
        with self.told(), closing(self._connect("rw")) as db:
            schema.require_present(db)
            db.execute("BEGIN IMMEDIATE")
            yield db  # after an error the connection is closed, which undoes the transaction
            db.execute("COMMIT")

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turn what the disk or SQLite refuse inside into one sentence."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._error(error) from error
        except OSError as error:
            raise StoreError(
                f"The store {self.folder} cannot be used: {error.strerror or error}."
            ) from error

    def _connect(self, mode: str) -> sqlite3.Connection:
        uri = f"{self.path.as_uri()}?mode={mode}"
        connection = sqlite3.connect(
            uri, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")  # what is pointed at may then be removed
        return connection

    def _error(self, error: sqlite3.Error) -> StoreError:
        kind = _kind(error)
        if kind in _DAMAGED:
            return StoreError(
                f"The index {self.path} is damaged; move it away and start again: the runs are found "
                "again from their folders, only their names and notes are lost."
            )
        if kind == sqlite3.SQLITE_CANTOPEN and self._anchor and not self.path.exists():
            return StoreGoneError(f"The store {self.folder} is no longer there.")
        why = _WHY.get(kind, str(error))
        return StoreError(f"The store {self.folder} cannot be used: {why}.")


def _kind(error: sqlite3.Error) -> int:
    """The primary result code, https://www.sqlite.org/rescode.html; 0 for Python's own errors."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _patiently(connection: sqlite3.Connection) -> None:
    """Prepare the tables, again while another process is doing so.

    SQLite does not wait by itself when two processes switch a new file to its write-ahead log.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return schema.prepare(connection)
        except sqlite3.OperationalError as error:
            if _kind(error) not in _BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.02)
