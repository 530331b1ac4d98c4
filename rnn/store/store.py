"""The store: every run's place on disk.

A folder holds `index.sqlite`, which says what there is, and one folder a run, named by its id, with
its states: whole checkpoints as `rnn.checkpoint` writes them, text included, each readable by itself.

A save writes a new file, flushes it to the disk, and then points the run at it in one transaction;
only after that do files go that are no longer wanted. So a kill at any instant leaves the last
complete state readable, and at worst a file that nothing points at, which the next opening removes.
A folder is filled under a hidden name and gets its own in the transaction that enters the run.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path

from rnn.state import State
from rnn.store import files, recovery, rows, snapshots, tables
from rnn.store.errors import DamagedError, NoRunError, StoreError, StoreGoneError
from rnn.store.index import Index
from rnn.store.leases import Lease, Leases, refusal
from rnn.store.rows import Card, Clock, Curve, Leader, RunRow, Status
from rnn.store.snapshots import Snapshot
from rnn.trainer import Trainer


class Store:
    """The runs in one folder, for any number of threads and processes at once.

    Every method raises StoreError, or one of its kinds, when it cannot do what it says.
    """

    def __init__(
        self,
        folder: str | PathLike[str],
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open the store in `folder`, made if it is not there, and clear up after a crash.

        `clock` (seconds since 1970) and `monotonic` are what leases go by.
        """
        self._clock = clock
        self._leases = Leases(clock, monotonic)
        self._index = Index(Path(folder))
        found = recovery.sweep(self._index, lambda row: self._leases.leader(row) is not None)
        for run_id in found.purged:
            self._finish_purge(run_id)
        for run_id in found.unknown:
            recovery.bring_back(self._index, run_id, clock())

    @property
    def folder(self) -> Path:
        """Where the store is."""
        return self._index.folder

    def close(self) -> None:
        """Let go of the index; every method still works, only slower."""
        self._index.close()

    # -- making runs -----------------------------------------------------------------------------

    def create(
        self,
        text: str,
        state: State,
        card: Card,
        *,
        exact_name: bool = False,
        run_id: str | None = None,
    ) -> str:
        """Enter a new run with its first state; returns its id, a new one that cannot be guessed.

        If another run has the card's name, a number is added to it; with `exact_name`
        NameTakenError is raised instead.
        """
        with self.staging() as folder:
            entry = files.write(folder, text, state)
            return self.adopt(
                folder, text, [entry], state, card, exact_name=exact_name, run_id=run_id
            )

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A new folder to fill for `adopt`; what is still there at the end is removed."""
        with self._present(), files.staging(self.folder) as folder:
            yield folder

    def adopt(
        self,
        folder: Path,
        text: str,
        states: Sequence[Snapshot],
        newest: State,
        card: Card,
        *,
        exact_name: bool = False,
        run_id: str | None = None,
    ) -> str:
        """Make a staged folder a run: `states`, oldest first, are its files, `newest` the last one."""
        run_id = run_id or rows.new_id()
        goal = files.run_folder(self.folder, run_id)
        try:
            with self._index.write() as db:
                name = rows.checked_name(card.name) if exact_name else card.name
                if exact_name:
                    tables.require_free(db, name)
                name = tables.free_name(db, name)
                tables.enter_run(db, run_id, name, text, newest, card, self._clock())
                tables.enter_states(db, run_id, states)
                folder.rename(goal)
        except BaseException:
            if not folder.exists():  # it has its own name already, but no row
                shutil.rmtree(goal, ignore_errors=True)
            raise
        return run_id

    def revive(self, row: RunRow, text: str, state: State) -> None:
        """Make the store and this run in it anew, after the folder was taken away underneath.

        Earlier snapshots are gone. Does nothing to a run that is there.
        """
        self._index.open()
        with suppress(NoRunError):
            self.run(row.id)
            return
        card = Card(
            name=row.name,
            note=row.note,
            source_key=row.source_key,
            source_title=row.source_title,
            parent=row.parent,
            fork_iteration=row.fork_iteration,
            clock=Clock().at(row.iteration, row.seconds),
        )
        self.create(text, state, card, run_id=row.id)

    # -- finding runs ----------------------------------------------------------------------------

    def runs(self, include_deleted: bool = False) -> list[RunRow]:
        """All runs: the pinned ones first, then those saved most recently."""
        order = "ORDER BY pinned DESC, updated DESC, id"
        with self._index.read() as db:
            leases = {row["run"]: row for row in db.execute("SELECT * FROM leases")}
            found = db.execute(
                f"{tables.SELECT} AND (? OR deleted IS NULL) {order}", (include_deleted,)
            )
            return [rows.run_row(row, self._leases.leader(leases.get(row["id"]))) for row in found]

    def run(self, run_id: str) -> RunRow:
        """One run, deleted or not. Raises NoRunError."""
        with self._index.read() as db:
            row = tables.require_run(db, run_id)
            return rows.run_row(row, self._leases.leader(tables.lease(db, run_id)))

    def find(self, name_or_id: str) -> RunRow:
        """The run of this id, or of this name among those not deleted. Raises NoRunError."""
        everything = self.runs(include_deleted=True)
        named = (run for run in everything if run.name == name_or_id and run.deleted is None)
        identified = (run for run in everything if run.id == name_or_id)
        for run in (*identified, *named):
            return run
        raise NoRunError(f"There is no run called {rows.shown_name(name_or_id)} in {self.folder}.")

    def curves(self, run_ids: Iterable[str] | None = None) -> dict[str, Curve]:
        """The curves of these runs, or of all that are not deleted, by id."""
        wanted = None if run_ids is None else set(run_ids)
        with self._index.read() as db:
            found = db.execute(
                "SELECT curves.* FROM curves JOIN runs ON runs.id = curves.run"
                " WHERE purged = 0 AND (? OR deleted IS NULL)",
                (wanted is not None,),
            )
            return {
                row["run"]: rows.unpack_curve(row)
                for row in found
                if wanted is None or row["run"] in wanted
            }

    def clock(self, run_id: str) -> Clock:
        """When the run had trained for how long."""
        with self._index.read() as db:
            return tables.clock(db, run_id)

    # -- saving ----------------------------------------------------------------------------------

    def save(
        self,
        lease: Lease,
        text: str,
        state: State,
        *,
        seconds: float,
        pace: float | None = None,
        status: Status = "training",
    ) -> None:
        """Save a state of the run that `lease` leads, and give a sign of life.

        `seconds` is how long the run has trained by now, `pace` iterations a second. A state of an
        earlier iteration than the newest (after a divergence) replaces all that came after it.
        Raises LeaseError if somebody else has taken the lead since, StoreGoneError if the store was
        taken away. Whatever is raised, the run stays as it was last saved.
        """
        folder = files.run_folder(self.folder, lease.run_id)
        with self._present():
            folder.mkdir(exist_ok=True)
            entry = files.write(folder, text, state)
        columns = rows.progress(state) | {"seconds": seconds, "pace": pace, "status": status}
        try:
            gone = self._point_at(lease, entry, text, state, columns)
        except BaseException:
            files.remove(folder, [entry.file])
            with suppress(OSError):
                folder.rmdir()  # only an empty folder goes: the run was purged meanwhile
            raise
        files.remove(folder, [old.file for old in gone])

    def _point_at(
        self,
        lease: Lease,
        entry: Snapshot,
        text: str,
        state: State,
        columns: dict[str, tables.Cell],
    ) -> list[Snapshot]:
        """The one transaction of a save; returns the states that are no longer wanted."""
        run_id, seconds = lease.run_id, float(columns["seconds"] or 0.0)
        with self._index.write() as db:
            if tables.require_run(db, run_id)["text_length"] != len(text):
                raise StoreError("The state belongs to a run on another text.")
            self._leases.renew(db, lease)
            before = tables.states(db, run_id)
            earlier = [old for old in before if old.iteration < entry.iteration]
            recorded = [*earlier, entry]
            gone = before[len(earlier) :] + snapshots.surplus(recorded)
            tables.drop_states(db, run_id, gone)
            tables.enter_states(db, run_id, [entry])
            clock = tables.clock(db, run_id).at(entry.iteration, seconds)
            tables.replace_series(db, run_id, state, clock)
            tables.update(db, run_id, columns | {"updated": self._clock()})
            if not files.state_path(files.run_folder(self.folder, run_id), entry).exists():
                raise StoreError("The file that was just saved was taken away; save again.")
        return gone

    @contextmanager
    def _present(self) -> Iterator[None]:
        """Tell a store that was taken away from one that cannot be written to."""
        with self._index.told():
            if not self._index.path.exists():
                raise StoreGoneError(f"The store {self.folder} is no longer there.")
            yield

    # -- loading ---------------------------------------------------------------------------------

    def snapshots(self, run_id: str) -> list[Snapshot]:
        """The saved states of a run, oldest first; the last one is where it stands."""
        with self._index.read() as db:
            tables.require_run(db, run_id)
            return tables.states(db, run_id)

    def load(self, run_id: str) -> Trainer:
        """The run as it was last saved; training goes on bit for bit.

        Raises DamagedError if that state cannot be read; it names the newest one that can.
        """
        try:
            return self._read(run_id, lambda: self._newest(run_id))
        except DamagedError as error:
            raise self._with_an_offer(run_id, error) from error

    def load_snapshot(self, run_id: str, iteration: int) -> Trainer:
        """The run as it was after this iteration, one of `snapshots`; a trainer of its own.

        Raises NoRunError if there is no such snapshot, DamagedError if it cannot be read.
        """
        return self._read(run_id, lambda: self._snapshot(run_id, iteration))

    def snapshot_path(self, run_id: str, iteration: int) -> Path:
        """The file of a snapshot: a checkpoint. Raises NoRunError if there is no such snapshot."""
        folder = files.run_folder(self.folder, run_id)
        return files.state_path(folder, self._snapshot(run_id, iteration))

    def _newest(self, run_id: str) -> Snapshot:
        found = self.snapshots(run_id)
        if not found:
            raise NoRunError("This run has no saved state.")
        return found[-1]

    def _snapshot(self, run_id: str, iteration: int) -> Snapshot:
        for state in self.snapshots(run_id):
            if state.iteration == iteration:
                return state
        raise NoRunError(f"This run has no snapshot at iteration {iteration:,}.")

    def _read(self, run_id: str, choose: Callable[[], Snapshot]) -> Trainer:
        """The chosen state; chosen again if another process has replaced it meanwhile."""
        state = choose()
        while True:
            try:
                return files.read(files.run_folder(self.folder, run_id), state)
            except DamagedError:
                present = choose()
                if present == state:
                    raise
                state = present

    def _with_an_offer(self, run_id: str, error: DamagedError) -> DamagedError:
        sentence, folder = str(error).rstrip("."), files.run_folder(self.folder, run_id)
        for state in reversed(self.snapshots(run_id)):
            if state.iteration < error.iteration:
                with suppress(DamagedError):
                    files.read(folder, state)
                    offer = f"iteration {state.iteration:,} is whole: go on from there"
                    return DamagedError(f"{sentence}; {offer}.", error.iteration, state.iteration)
        return DamagedError(f"{sentence}; no earlier one is whole.", error.iteration)

    # -- what a person says of a run -------------------------------------------------------------

    def rename(self, run_id: str, name: str) -> None:
        """Give the run another name. Raises NameTakenError."""
        name = rows.checked_name(name)
        with self._index.write() as db:
            tables.require_free(db, name, besides=run_id)
            tables.update(db, run_id, {"name": name})

    def annotate(self, run_id: str, note: str) -> None:
        """Give the run a note, in place of the one it had."""
        self._set(run_id, note=rows.checked_note(note))

    def pin(self, run_id: str, pinned: bool = True) -> None:
        """Keep the run at the head of the list, or not."""
        self._set(run_id, pinned=int(pinned))

    def set_status(self, run_id: str, status: Status) -> None:
        """Say how the run stands without saving a state of it, as when it waits for its turn."""
        self._set(run_id, status=status)

    def delete(self, run_id: str) -> None:
        """Put the run away; `restore` brings it back whole."""
        self._set(run_id, deleted=self._clock())

    def restore(self, run_id: str) -> None:
        """Bring a deleted run back, under another name if its own has been given out since."""
        with self._index.write() as db:
            row = tables.require_run(db, run_id)
            if row["deleted"] is not None:
                name = tables.free_name(db, row["name"])
                tables.update(db, run_id, {"deleted": None, "name": name})

    def purge(self, run_id: str) -> None:
        """Remove a run for good. Raises LeaseError while somebody trains it."""
        with self._index.write() as db:
            leader = self._leases.leader(tables.lease(db, run_id))
            if leader is not None:
                raise refusal(leader)
            tables.update(db, run_id, {"purged": 1})
        self._finish_purge(run_id)

    def _finish_purge(self, run_id: str) -> None:
        """The files first: as long as any are left, the row says that they are not wanted."""
        folder = files.run_folder(self.folder, run_id)
        with self._index.told():
            if folder.exists():
                shutil.rmtree(folder)
        with self._index.write() as db:
            db.execute("DELETE FROM runs WHERE id = ? AND purged = 1", (run_id,))

    def _set(self, run_id: str, **columns: tables.Cell) -> None:
        with self._index.write() as db:
            tables.update(db, run_id, columns)

    # -- who leads, and what others wish ---------------------------------------------------------

    def lead(
        self, run_id: str, kind: str, holder: str | None = None, take_over: bool = False
    ) -> Lease:
        """Become the one who trains and saves the run.

        `kind` says what the holder is, in words that fit "being trained by the ...". A `holder` (a
        new token if None) that leads already keeps its lease. Raises LeaseError if another one
        leads, unless `take_over`; then that one's next save or heartbeat is refused.
        """
        with self._index.write() as db:
            tables.require_run(db, run_id)
            token = holder or secrets.token_urlsafe(12)
            return self._leases.acquire(db, run_id, token, kind, take_over)

    def heartbeat(self, lease: Lease) -> str | None:
        """Give a sign of life, every few seconds; returns what others wish of the run.

        Raises LeaseError if the lead has passed to somebody else.
        """
        with self._index.write() as db:
            tables.require_run(db, lease.run_id)
            self._leases.renew(db, lease)
            return tables.wish(db, lease.run_id)

    def release(self, lease: Lease) -> None:
        """Give the lead back; does nothing if it has passed to somebody else."""
        with self._index.write() as db:
            self._leases.release(db, lease)

    def leader(self, run_id: str) -> Leader | None:
        """Who trains the run now."""
        with self._index.read() as db:
            return self._leases.leader(tables.lease(db, run_id))

    def wish(self, run_id: str, wish: str | None) -> None:
        """Ask something of whoever leads the run, such as "pause" or "stop"; None takes it back."""
        with self._index.write() as db:
            tables.require_run(db, run_id)
            tables.replace_wish(db, run_id, wish)

    def wished(self, run_id: str) -> str | None:
        """What was asked of the run's leader and not taken back."""
        with self._index.read() as db:
            return tables.wish(db, run_id)
