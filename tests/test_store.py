"""The store: runs are saved whole, found again, listed fast, and never taken for something else."""

from __future__ import annotations

import csv
import errno
import io
import json
import math
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from rnn import Config, DiaryEntry, Divergence, Event, History, Trainer, checkpoint
from rnn.history import CAPACITY
from rnn.store import (
    Card,
    Clock,
    DamagedError,
    NameTakenError,
    NoRunError,
    Recorder,
    Snapshot,
    Store,
    StoreError,
    StoreGoneError,
    default_folder,
    diary_text,
    history_csv,
    recovery,
    rows,
    schema,
    snapshots,
)
from rnn.store.index import Index
from rnn.store.recorder import MOST_WAITING
from tests.test_trainer import assert_same_run

ROOT = Path(__file__).resolve().parent.parent
VERSE = "three blind mice, see how they run. 🐭 \ud83d lone\r\n" * 10
CONFIG = Config(hidden_size=6, seq_length=5, sample_interval=20, held_out=0.1, learning_rate=0.01)
CARD = Card("mice", "verse", "Three blind mice")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "runs")
    yield made
    made.close()


def begun(store: Store, trainer: Trainer | None = None, card: Card = CARD) -> tuple[str, Trainer]:
    trainer = trainer or Trainer(VERSE, CONFIG)
    return store.create(trainer.text, trainer.state(), card), trainer


def trained(store: Store, *iterations: int) -> tuple[str, Trainer]:
    """A run saved at these iterations."""
    run_id, trainer = begun(store)
    lease = store.lead(run_id, "dashboard")
    for iteration in iterations:
        trainer.advance(steps=iteration - trainer.iteration)
        store.save(lease, VERSE, trainer.state(), seconds=iteration / 100)
    store.release(lease)
    return run_id, trainer


def state_files(store: Store, run_id: str) -> list[str]:
    return sorted(path.name for path in (store.folder / run_id).iterdir())


class TestSaving:
    def test_a_saved_run_goes_on_bit_for_bit(self, store: Store) -> None:
        run_id, trainer = trained(store, 150)
        loaded = Store(store.folder).load(run_id)
        assert loaded.text == VERSE
        assert_same_run(loaded, trainer)
        for one in (loaded, trainer):
            one.apply(learning_rate=0.03, seq_length=7)
            one.advance(steps=520)
        assert_same_run(loaded, trainer)

    def test_what_the_table_says(self, store: Store) -> None:
        run_id, trainer = trained(store, 40, 600)
        trainer.apply(seq_length=7)
        lease = store.lead(run_id, "dashboard")
        store.save(lease, VERSE, trainer.state(), seconds=7.0, pace=123.0, status="done")
        (row,) = store.runs()
        assert row == store.run(run_id) == store.find("mice") == store.find(run_id)
        assert (row.id, row.name, row.note, row.pinned) == (run_id, "mice", "", False)
        assert (row.source_key, row.source_title) == ("verse", "Three blind mice")
        assert (row.text_length, row.text_digest) == (len(VERSE), rows.text_digest(VERSE))
        assert row.settings == trainer.config.as_dict()
        assert (row.status, row.iteration, row.seconds, row.pace) == ("done", 600, 7.0, 123.0)
        assert row.characters == 3_000
        assert row.loss == trainer.smooth_loss / 7
        smooth = trainer.history.curve().smooth
        assert row.best_loss == min(row.loss, smooth.min())
        assert row.held_out == trainer.history.held_out()[1][-1]
        assert row.bytes == sum(path.stat().st_size for path in (store.folder / run_id).iterdir())

    def test_curves_to_lay_over_each_other(self, store: Store) -> None:
        run_id, trainer = trained(store, 100, 600)
        curve = store.curves()[run_id]
        own = trainer.history.curve()
        np.testing.assert_array_equal(curve.iteration, own.last + 1)
        np.testing.assert_array_equal(curve.characters, 5 * curve.iteration)
        np.testing.assert_allclose(curve.seconds, curve.iteration / 100)
        np.testing.assert_array_equal(curve.loss, own.loss_mean)
        np.testing.assert_array_equal(curve.smooth, own.smooth)
        np.testing.assert_array_equal(curve.held_out_iteration, trainer.history.held_out()[0])
        np.testing.assert_array_equal(curve.held_out, trainer.history.held_out()[1])
        assert list(store.curves([run_id, "nobody"])) == [run_id]
        assert store.curves([]) == {}

    def test_a_run_that_has_not_begun_has_an_empty_curve(self, store: Store) -> None:
        run_id, _ = begun(store)
        assert len(store.curves()[run_id].iteration) == 0
        assert store.run(run_id).best_loss == store.run(run_id).loss > 0

    def test_after_a_divergence_what_came_later_is_gone(self, store: Store) -> None:
        run_id, _ = trained(store, 10, 50, 100)
        back = store.load_snapshot(run_id, 50)
        back.advance(steps=20)
        store.save(store.lead(run_id, "dashboard"), VERSE, back.state(), seconds=0.8)
        assert [state.iteration for state in store.snapshots(run_id)] == [0, 10, 50, 70]
        assert len(state_files(store, run_id)) == 4
        assert store.clock(run_id).pairs == ((0, 0.0), (10, 0.1), (50, 0.5), (70, 0.8))
        assert_same_run(store.load(run_id), back)

    def test_a_state_of_another_text_is_refused(self, store: Store) -> None:
        run_id, _ = begun(store)
        other = Trainer(VERSE + "!", CONFIG)
        with pytest.raises(StoreError, match="another text"):
            store.save(store.lead(run_id, "dashboard"), other.text, other.state(), seconds=0.0)

    def test_threads_and_readers_do_not_disturb_each_other(self, store: Store) -> None:
        failures: list[Exception] = []

        def keep_saving(number: int) -> None:
            try:
                run_id, trainer = begun(store)
                lease = store.lead(run_id, f"thread {number}")
                for _ in range(5):
                    trainer.advance(steps=3)
                    store.save(lease, VERSE, trainer.state(), seconds=1.0)
                    assert store.load(run_id).iteration == trainer.iteration
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=keep_saving, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            for row in store.runs():
                assert store.load(row.id).iteration >= row.iteration
        for thread in threads:
            thread.join()
        assert not failures
        assert [row.iteration for row in store.runs()] == [15] * 3


class TestNames:
    def test_ids_cannot_be_guessed_and_name_folders(self, store: Store) -> None:
        run_id, _ = begun(store)
        assert rows.is_id(run_id)
        assert run_id[0].isalnum()
        assert (store.folder / run_id).is_dir()

    @pytest.mark.parametrize(
        "bad", ["", "..", "../../etc/passwd", "a" * 15, "a" * 17, "a" * 15 + "/", "a" * 15 + "\n"]
    )
    def test_what_is_no_id_never_becomes_a_path(self, store: Store, bad: str) -> None:
        for attempt in (store.run, store.load, store.snapshots, store.purge, store.pin):
            with pytest.raises(NoRunError):
                attempt(bad)

    def test_a_name_is_given_once(self, store: Store) -> None:
        first, second, third = (begun(store)[0] for _ in range(3))
        assert [store.run(one).name for one in (first, second, third)] == [
            "mice",
            "mice 2",
            "mice 3",
        ]
        with pytest.raises(NameTakenError, match="a run called mice already"):
            store.rename(second, "mice")
        with pytest.raises(NameTakenError):
            store.create(VERSE, Trainer(VERSE, CONFIG).state(), CARD, exact_name=True)
        store.rename(first, " mice ")
        store.rename(first, "rats")
        store.rename(second, "mice")
        assert store.find("mice").id == second
        assert len(list(store.folder.glob(".new-*"))) == 0

    @pytest.mark.parametrize("bad", ["", "  ", "a\nb", "x" * 81, "\ud83d", "\x1b[2J", "\u202e"])
    def test_names_that_cannot_be_shown(self, store: Store, bad: str) -> None:
        run_id, _ = begun(store)
        with pytest.raises(StoreError, match="between 1 and 80 characters"):
            store.rename(run_id, bad)
        assert rows.checked_name(rows.shown_name(bad)) == rows.shown_name(bad)
        begun(store, card=Card(bad, "own", bad))

    def test_long_names_leave_room_for_a_number(self, store: Store) -> None:
        names = [store.run(begun(store, card=Card("x" * 80, "own", "x"))[0]).name for _ in "12"]
        assert names == ["x" * 80, "x" * 78 + " 2"]

    def test_notes_pins_and_order(self, tmp_path: Path) -> None:
        moments = iter(range(1_000))
        store = Store(tmp_path / "runs", clock=lambda: float(next(moments)))
        old, middle, new = (begun(store)[0] for _ in range(3))
        assert [row.id for row in store.runs()] == [new, middle, old]
        store.pin(old)
        store.annotate(middle, "learns *slowly* \ud83d")
        assert [row.id for row in store.runs()] == [old, new, middle]
        assert store.run(old).pinned
        assert store.run(middle).note == "learns *slowly* ?"
        store.pin(old, False)
        store.set_status(old, "waiting")
        assert store.run(old).status == "waiting"
        with pytest.raises(StoreError, match="2,000 characters"):
            store.annotate(middle, "x" * 2_001)
        store.close()

    def test_deleting_can_be_undone(self, store: Store) -> None:
        run_id, trainer = trained(store, 20)
        store.delete(run_id)
        assert store.runs() == []
        assert store.curves() == {}
        assert [row.id for row in store.runs(include_deleted=True)] == [run_id]
        with pytest.raises(NoRunError, match="no run called mice"):
            store.find("mice")
        assert store.find(run_id).deleted is not None
        other, _ = begun(store)
        assert store.run(other).name == "mice"
        store.restore(run_id)
        assert store.run(run_id).name == "mice 2"
        assert_same_run(store.load(run_id), trainer)

    def test_purging_leaves_nothing(self, store: Store) -> None:
        run_id, _ = trained(store, 20)
        other, _ = begun(store)
        store.delete(run_id)
        store.purge(run_id)
        assert [row.id for row in store.runs(include_deleted=True)] == [other]
        assert not (store.folder / run_id).exists()
        for attempt in (store.run, store.load, store.restore, store.purge, store.clock):
            with pytest.raises(NoRunError):
                attempt(run_id)


class TestSnapshots:
    SERIES = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1_000)

    def test_the_series(self) -> None:
        due, iteration = [], 0
        while iteration < 1_000:
            iteration = snapshots.next_due(iteration)
            due.append(iteration)
        assert tuple(due) == self.SERIES
        assert snapshots.next_due(999_999) == 1_000_000
        assert snapshots.next_due(10**9) == 1_500_000_000
        for iteration in range(2_000):
            assert snapshots.next_due(iteration) > iteration

    @staticmethod
    def kept(iterations: list[int], size: int = 1) -> list[Snapshot]:
        """What is left when states are recorded at these iterations, one after another."""
        kept: list[Snapshot] = []
        for iteration in iterations:
            kept.append(Snapshot(iteration, "", size))
            gone = snapshots.surplus(kept)
            kept = [state for state in kept if state not in gone]
        return kept

    def test_timed_saves_between_two_snapshots_go(self) -> None:
        recorded = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 17]
        kept = [state.iteration for state in self.kept(recorded)]
        assert kept == [0, 1, 2, 3, 5, 7, 10, 15, 16, 17]  # the newest two stay in any case

    def test_coarse_saves_stand_in_for_the_snapshots_they_missed(self) -> None:
        kept = [state.iteration for state in self.kept([0, *range(4_000, 100_000, 4_000)])]
        assert kept == [
            0,
            4_000,
            8_000,
            12_000,
            16_000,
            20_000,
            32_000,
            52_000,
            72_000,
            92_000,
            96_000,
        ]

    @pytest.mark.parametrize("decades", [5, 9, 14])
    def test_the_number_is_bounded_and_the_spacing_even(self, decades: int) -> None:
        iterations, iteration = [0], 0
        while iteration < 10**decades:
            iteration = snapshots.next_due(iteration)
            iterations.append(iteration)
        kept = [state.iteration for state in self.kept(iterations)]
        assert kept[0] == 0
        assert kept[-1] == iterations[-1]
        assert len(kept) == min(len(iterations), snapshots.MOST)
        gaps = [math.log((b + 1) / (a + 1)) for a, b in pairwise(kept[:-2])]
        assert max(gaps) <= 2.2 * decades * math.log(10) / (len(kept) - 1)

    def test_the_bytes_are_bounded(self) -> None:
        tenth = snapshots.MOST_BYTES // 10
        iterations = [0, *self.SERIES]
        kept = [state.iteration for state in self.kept(iterations, tenth)]
        assert len(kept) == 10
        assert kept[0] == 0
        assert kept[-2:] == [700, 1_000]
        huge = self.kept(iterations, snapshots.MOST_BYTES)
        assert [state.iteration for state in huge] == [0, 700, 1_000]

    def test_the_store_keeps_what_they_say_and_no_other_file(self, store: Store) -> None:
        run_id, trainer = trained(store, 1, 2, 4, 5, 6, 8, 9, 21, 22, 23)
        kept = [0, 1, 2, 4, 5, 8, 21, 22, 23]
        assert [state.iteration for state in store.snapshots(run_id)] == kept
        assert [rows.iteration_of(name) for name in state_files(store, run_id)] == kept
        early = Trainer(VERSE, CONFIG)
        early.advance(steps=8)
        assert_same_run(store.load_snapshot(run_id, 8), early)
        assert_same_run(Trainer.load(store.snapshot_path(run_id, 23)), trainer)
        for attempt in (store.load_snapshot, store.snapshot_path):
            with pytest.raises(NoRunError, match="no snapshot at iteration 9"):
                attempt(run_id, 9)


def test_the_clock_of_a_run_stays_small_and_exact_at_its_ends() -> None:
    clock = Clock()
    for iteration in range(1, 10_001):
        clock = clock.at(iteration, iteration / 50)
    assert len(clock.pairs) <= rows.CLOCK
    np.testing.assert_allclose(clock.seconds(np.array([0.0, 7_777.0, 10_000.0])), [0, 155.54, 200])
    assert clock.until(0).pairs == ((0, 0.0),)
    assert Clock.from_bytes(clock.to_bytes()) == clock
    assert clock.at(0, 5.0).pairs == ((0, 5.0),)
    np.testing.assert_array_equal(Clock(()).seconds(np.array([3.0])), [0.0])


class TestDamage:
    def damage(self, store: Store, run_id: str, iteration: int, data: bytes = b"rot") -> None:
        store.snapshot_path(run_id, iteration).write_bytes(data)

    def test_the_newest_whole_state_is_offered(self, store: Store) -> None:
        run_id, _ = trained(store, 10, 50, 55, 60)
        self.damage(store, run_id, 60)
        self.damage(store, run_id, 55)
        with pytest.raises(DamagedError) as told:
            store.load(run_id)
        assert str(told.value) == (
            "The state that was saved at iteration 60 is damaged; "
            "iteration 50 is whole: go on from there."
        )
        assert (told.value.iteration, told.value.whole) == (60, 50)
        whole = store.load_snapshot(run_id, 50)
        whole.advance(steps=1)
        store.save(store.lead(run_id, "dashboard"), VERSE, whole.state(), seconds=1.0)
        assert_same_run(store.load(run_id), whole)

    def test_nothing_is_whole(self, store: Store) -> None:
        run_id, _ = trained(store, 10)
        for iteration in (0, 10):
            self.damage(store, run_id, iteration)
        with pytest.raises(DamagedError, match="; no earlier one is whole") as told:
            store.load(run_id)
        assert told.value.whole is None

    def test_any_damage_is_one_sentence(self, store: Store) -> None:
        run_id, _ = trained(store, 10)
        whole = store.snapshot_path(run_id, 10).read_bytes()
        rng = np.random.default_rng(0)
        damaged = [b"", whole[: len(whole) // 2], whole[:-1], b"\x80\x05K\x01."]
        damaged += [
            whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :]
            for place in rng.integers(0, len(whole), 60).tolist()
        ]
        told: list[DamagedError] = []
        for data in damaged:
            self.damage(store, run_id, 10, data)
            try:
                store.load(run_id)
            except DamagedError as error:
                told.append(error)
        assert len(told) > 40
        for error in told:
            assert error.whole == 0
            assert str(error).endswith(".")
            assert ". " not in str(error)

    def test_a_state_of_another_version_is_no_damage(self, store: Store) -> None:
        run_id, _ = trained(store, 10)
        path = store.snapshot_path(run_id, 10)
        with np.load(path) as arrays:
            parts = dict(arrays)
        description = json.loads(parts["description"].tobytes()) | {"version": 77}
        parts["description"] = np.frombuffer(json.dumps(description).encode(), np.uint8)
        np.savez(path, **parts)
        with pytest.raises(DamagedError) as told:
            store.load(run_id)
        assert str(told.value) == (
            "The state that was saved at iteration 10 cannot be used: it has version 77, but this "
            f"program reads {checkpoint.VERSION}; iteration 0 is whole: go on from there."
        )

    def test_a_file_of_another_iteration_is_no_stand_in(self, store: Store) -> None:
        run_id, _ = trained(store, 10, 50)
        shutil.copy(store.snapshot_path(run_id, 10), store.snapshot_path(run_id, 50))
        with pytest.raises(DamagedError, match="iteration 50 is damaged; iteration 10"):
            store.load(run_id)

    def test_a_file_that_is_missing(self, store: Store) -> None:
        run_id, _ = trained(store, 10)
        store.snapshot_path(run_id, 10).unlink()
        with pytest.raises(DamagedError, match="iteration 0 is whole"):
            store.load(run_id)

    def test_a_name_in_the_index_never_leads_out_of_the_folder(self, store: Store) -> None:
        run_id, trainer = trained(store, 10)
        trainer.save(store.folder / "elsewhere.npz")
        with Index(store.folder).write() as db:
            db.execute("UPDATE states SET file = '../elsewhere.npz' WHERE iteration = 10")
        with pytest.raises(DamagedError, match="no saved state"):
            store.load_snapshot(run_id, 10)
        shutil.rmtree(store.folder / run_id)
        with pytest.raises(NoRunError):
            store.snapshot_path("../runs", 10)


class TestOpening:
    def test_the_folder_is_made(self, tmp_path: Path) -> None:
        store = Store(tmp_path / "a" / "b")
        assert store.folder == tmp_path / "a" / "b"
        assert store.runs() == []
        store.close()
        assert store.runs() == []

    def test_what_a_crash_left_is_swept_up(self, store: Store) -> None:
        run_id, _ = trained(store, 10)
        folder = store.folder / run_id
        names = state_files(store, run_id)
        whole = (folder / names[-1]).read_bytes()
        (folder / "000000000011-0123abcd.npz").write_bytes(whole)
        (folder / ".000000000012-0123abcd.npz.89abcdef.tmp").write_bytes(b"half")
        (folder / "notes.txt").write_text("a person's own file stays")
        for name, age in ((".new-0123", 2 * recovery.OLD), (".new-4567", 0.0)):
            (store.folder / name).mkdir()
            then = (store.folder / name).stat().st_mtime - age
            os.utime(store.folder / name, (then, then))
        Store(store.folder)
        assert state_files(store, run_id) == [*names, "notes.txt"]
        assert [path.name for path in store.folder.glob(".new-*")] == [".new-4567"]

    def test_not_while_somebody_is_writing(self, store: Store) -> None:
        run_id, _ = trained(store, 10)
        lease = store.lead(run_id, "dashboard")
        (store.folder / run_id / "000000000011-0123abcd.npz").write_bytes(b"about to be entered")
        Store(store.folder)
        assert len(state_files(store, run_id)) == 3
        store.release(lease)
        Store(store.folder)
        assert len(state_files(store, run_id)) == 2

    def test_a_file_that_was_swept_from_under_a_save_is_noticed(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The run was not led for a while, so that an opening took the new file for a leftover."""
        run_id, trainer = trained(store, 10)
        lease = store.lead(run_id, "dashboard")
        store.release(lease)
        before = rows.progress

        def sweep_meanwhile(state: object) -> dict[str, str | int | float | None]:
            Store(store.folder)
            return before(trainer.state())

        monkeypatch.setattr(rows, "progress", sweep_meanwhile)
        trainer.advance(steps=5)
        with pytest.raises(StoreError, match="taken away; save again"):
            store.save(lease, VERSE, trainer.state(), seconds=1.0)
        monkeypatch.undo()
        assert store.load(run_id).iteration == 10
        store.save(lease, VERSE, trainer.state(), seconds=1.0)
        assert_same_run(store.load(run_id), trainer)

    def test_an_interrupted_purge_is_finished(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id, _ = trained(store, 10)

        def killed(path: Path, **_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            store.purge(run_id)
        monkeypatch.undo()
        assert (store.folder / run_id).exists()
        assert store.runs(include_deleted=True) == []
        assert Store(store.folder).runs(include_deleted=True) == []
        assert not (store.folder / run_id).exists()

    @pytest.mark.parametrize("rest", ["nothing", "write-ahead log"])
    def test_runs_are_found_again_without_the_index(self, store: Store, rest: str) -> None:
        run_id, trainer = trained(store, 10, 50)
        store.snapshot_path(run_id, 50).write_bytes(b"rot")
        empty = store.folder / ("e" * 16)
        empty.mkdir()
        if rest == "nothing":
            store.close()
            assert [path.name for path in store.folder.glob("index*")] == ["index.sqlite"]
        (store.folder / "index.sqlite").unlink()
        found = Store(store.folder)
        (row,) = found.runs()
        assert (row.id, row.name, row.iteration) == (run_id, "recovered run", 10)
        assert [state.iteration for state in found.snapshots(run_id)] == [0, 10]
        expected = Trainer(VERSE, CONFIG)
        expected.advance(steps=10)
        assert_same_run(found.load(run_id), expected)
        assert found.load(run_id).text == trainer.text
        assert empty.exists()
        assert len(Store(store.folder).runs()) == 1

    def test_many_processes_open_a_new_store_at_once(self, tmp_path: Path) -> None:
        code = f"from rnn.store import Store; print(len(Store({str(tmp_path / 'new')!r}).runs()))"
        started = [
            subprocess.Popen(
                [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
            )
            for _ in range(4)
        ]
        assert [process.communicate()[0] for process in started] == ["0\n"] * 4

    def test_the_default_folder(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("RNN_RUNS", raising=False)
        assert default_folder() == ROOT / "runs"
        monkeypatch.setenv("RNN_RUNS", "/elsewhere")
        assert default_folder() == Path("/elsewhere")


def test_no_more_descriptors_stay_open_than_were_needed_at_once(tmp_path: Path) -> None:
    index = Index(tmp_path)
    path = str(index.path.resolve())

    def read_at_once(readers: int) -> None:
        all_are_in = threading.Barrier(readers)

        def read() -> None:
            with index.read():
                all_are_in.wait(30)

        with ThreadPoolExecutor(readers) as pool:
            for reading in [pool.submit(read) for _ in range(readers)]:
                reading.result()

    def descriptors() -> int:
        return [file.path for file in psutil.Process().open_files()].count(path)

    for readers in (1, 4, 2, 4) * 5:
        read_at_once(readers)
    assert descriptors() <= 4 + 1  # one idle connection stays open
    index.close()
    assert descriptors() == 0


class TestVersions:
    @staticmethod
    def database(folder: Path, *statements: str) -> None:
        folder.mkdir(exist_ok=True)
        db = sqlite3.connect(folder / "index.sqlite")
        for statement in statements:
            db.execute(statement)
        db.commit()
        db.close()

    def test_a_newer_one_is_refused_and_left_alone(self, store: Store) -> None:
        run_id, _ = begun(store)
        self.database(store.folder, f"PRAGMA user_version = {schema.VERSION + 1}")
        sentence = (
            f"The store was written by a newer version of this program (format {schema.VERSION + 1},"
            f" here {schema.VERSION}); update the program, or choose another folder."
        )
        for attempt in (lambda: Store(store.folder), store.runs, lambda: store.delete(run_id)):
            with pytest.raises(StoreError) as refused:
                attempt()
            assert str(refused.value) == sentence
        self.database(store.folder, f"PRAGMA user_version = {schema.VERSION}")
        assert store.run(run_id).deleted is None

    def test_an_older_one_migrates(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """As if the next version called the notes remarks, and the one after that had moods."""
        run_id, _ = begun(store)
        store.annotate(run_id, "as good as new")
        present = schema.VERSION
        steps: dict[int, Callable[[sqlite3.Connection], None]] = {
            present: lambda db: (
                db.execute("ALTER TABLE runs RENAME COLUMN note TO remark") and None
            ),
            present + 1: lambda db: db.execute("ALTER TABLE runs ADD COLUMN mood TEXT") and None,
        }
        monkeypatch.setattr(schema, "VERSION", present + 2)
        monkeypatch.setattr(schema, "MIGRATIONS", steps)
        with Index(store.folder).read() as db:
            row = db.execute("SELECT remark, mood FROM runs").fetchone()
            assert tuple(row) == ("as good as new", None)
            assert schema.version_of(db) == present + 2

    def test_a_migration_happens_whole_or_not_at_all(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id, _ = begun(store)
        present = schema.VERSION

        def half(db: sqlite3.Connection) -> None:
            db.execute("ALTER TABLE runs RENAME COLUMN note TO remark")
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(schema, "VERSION", present + 1)
        monkeypatch.setattr(schema, "MIGRATIONS", {present: half})
        with pytest.raises(StoreError, match="disk is full"):
            Index(store.folder)
        monkeypatch.undo()
        assert store.run(run_id).note == ""

    def test_one_too_old_to_migrate(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
        with pytest.raises(StoreError, match="a version that is too old"):
            Index(store.folder)

    def test_settings_that_another_version_knew(self, store: Store) -> None:
        run_id, _ = begun(store)
        settings = CONFIG.as_dict() | {"magic": 3}
        del settings["top_k"]
        with Index(store.folder).write() as db:
            db.execute("UPDATE runs SET settings = ?", (json.dumps(settings),))
        assert store.run(run_id).settings == CONFIG.as_dict()

    def test_another_programs_database(self, tmp_path: Path) -> None:
        self.database(tmp_path, "CREATE TABLE bookmarks (address TEXT)")
        before = (tmp_path / "index.sqlite").read_bytes()
        with pytest.raises(StoreError, match="not written by this program"):
            Store(tmp_path)
        assert (tmp_path / "index.sqlite").read_bytes() == before

    def test_an_index_that_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "index.sqlite").write_bytes(b"hello, I am a text file\n" * 100)
        with pytest.raises(StoreError, match=r"index\.sqlite is damaged; move it away and start"):
            Store(tmp_path)

    def test_an_index_with_damaged_pages(self, store: Store) -> None:
        trained(store, 10)
        store.close()
        path = store.folder / "index.sqlite"
        data = bytearray(path.read_bytes())
        data[4096:] = b"\xff" * (len(data) - 4096)
        path.write_bytes(data)
        with pytest.raises(StoreError, match="is damaged; move it away"):
            store.runs()


class TestTheDisk:
    """What the disk refuses becomes one sentence, the run stays as it was, the next save works."""

    def test_a_full_disk(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        run_id, trainer = trained(store, 10)
        lease = store.lead(run_id, "dashboard")
        names = state_files(store, run_id)

        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", full)
        trainer.advance(steps=5)
        with pytest.raises(StoreError) as refused:
            store.save(lease, VERSE, trainer.state(), seconds=1.0)
        assert str(refused.value) == (
            f"The run could not be saved in {store.folder}: {os.strerror(errno.ENOSPC)}."
        )
        monkeypatch.undo()
        assert state_files(store, run_id) == names
        assert store.load(run_id).iteration == 10
        store.save(lease, VERSE, trainer.state(), seconds=1.0)
        assert_same_run(store.load(run_id), trainer)

    def test_a_full_index(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        run_id, trainer = trained(store, 10)
        lease = store.lead(run_id, "dashboard")
        names = state_files(store, run_id)
        connect = Index._connect

        def small(index: Index, mode: str) -> sqlite3.Connection:
            connection = connect(index, mode)
            connection.execute("PRAGMA max_page_count = 1")
            return connection

        monkeypatch.setattr(Index, "_connect", small)
        trainer.advance(steps=300)
        with pytest.raises(StoreError, match="cannot be used: the disk is full"):
            store.save(lease, VERSE, trainer.state(), seconds=1.0)
        monkeypatch.undo()
        assert state_files(store, run_id) == names
        assert_same_run(store.load(run_id), store.load_snapshot(run_id, 10))

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(StoreError, match="cannot be used: Not a directory"):
            Store(tmp_path / "file" / "runs")
        with pytest.raises(StoreError, match="cannot be used: File exists"):
            Store(tmp_path / "file")

    def test_a_read_only_index(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        run_id, _ = begun(store)
        connect = Index._connect

        def read_only(index: Index, mode: str) -> sqlite3.Connection:
            connection = connect(index, mode)
            connection.execute("PRAGMA query_only = ON")
            return connection

        monkeypatch.setattr(Index, "_connect", read_only)
        with pytest.raises(StoreError, match="cannot be used: it is read-only"):
            store.delete(run_id)

    def test_a_store_that_was_taken_away(self, store: Store) -> None:
        run_id, trainer = trained(store, 10)
        lease = store.lead(run_id, "dashboard")
        shutil.rmtree(store.folder)
        for attempt in (
            store.runs,
            lambda: store.save(lease, VERSE, trainer.state(), seconds=1.0),
            lambda: begun(store),
            lambda: store.load(run_id),
        ):
            with pytest.raises(StoreGoneError, match="is no longer there"):
                attempt()
        assert not store.folder.exists()

    def test_a_run_folder_that_was_taken_away(self, store: Store) -> None:
        run_id, trainer = trained(store, 10)
        lease = store.lead(run_id, "dashboard")
        shutil.rmtree(store.folder / run_id)
        with pytest.raises(DamagedError, match="no earlier one is whole"):
            store.load(run_id)
        store.save(lease, VERSE, trainer.state(), seconds=1.0)
        assert_same_run(store.load(run_id), trainer)

    def test_a_busy_store(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        run_id, _ = begun(store)
        monkeypatch.setattr("rnn.store.index.PATIENCE", 0.01)
        with Index(store.folder).write(), pytest.raises(StoreError, match="another program is"):
            store.pin(run_id)
        store.pin(run_id)


class Ticks:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=[False, True], ids=["in line", "background"])
def background(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


class TestRecorder:
    def recorder(
        self, store: Store, trainer: Trainer, background: bool = False, clock: Ticks | None = None
    ) -> Recorder:
        run_id, _ = begun(store, trainer)
        lease = store.lead(run_id, "dashboard")
        return Recorder(store, lease, trainer, background=background, clock=clock or Ticks())

    def only(self, store: Store) -> str:
        (row,) = store.runs()
        return row.id

    def test_every_snapshot_is_taken_and_nothing_disturbed(
        self, store: Store, background: bool
    ) -> None:
        trainer, alone = Trainer(VERSE, CONFIG), Trainer(VERSE, CONFIG)
        recorder = self.recorder(store, trainer, background)
        while trainer.iteration < 100:
            recorder.advance(trainer, 1.0, lambda: trainer.iteration >= 100)
        recorder.save(trainer)
        recorder.close()
        run_id = self.only(store)
        taken = [state.iteration for state in store.snapshots(run_id)]
        exact = [0, *[due for due in TestSnapshots.SERIES if due <= 100]]
        assert (taken[0], taken[1], taken[-1]) == (0, 1, 100)
        assert taken == exact or (background and len(taken) < len(exact))
        alone.advance(steps=100)
        assert_same_run(store.load(run_id), alone)
        assert store.leader(run_id) is None
        assert store.run(run_id).seconds == recorder.seconds > 0.0

    def test_in_the_background_training_never_waits_for_the_disk(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trainer = Trainer(VERSE, CONFIG)
        recorder = self.recorder(store, trainer, background=True)
        disk = threading.Event()
        write = recorder._write
        monkeypatch.setattr(recorder, "_write", lambda *state: disk.wait(20) and write(*state))
        while trainer.iteration < 100:
            recorder.advance(trainer, 1.0, lambda: trainer.iteration >= 100)
        assert len(recorder._waiting) <= MOST_WAITING
        disk.set()
        recorder.close()
        taken = [state.iteration for state in store.snapshots(self.only(store))]
        assert taken == [0, 1, 2]

    def test_saves_every_few_seconds(self, store: Store) -> None:
        trainer, clock = Trainer(VERSE, CONFIG), Ticks()
        recorder = self.recorder(store, trainer, clock=clock)
        trainer.advance(steps=1_000)
        recorder.note(trainer, 2.0)
        run_id, saved = self.only(store), []
        for _ in range(30):
            clock.now += 0.5
            trainer.advance(steps=1)
            recorder.note(trainer, 0.5)
            saved.append(store.run(run_id).iteration)
        assert sorted(set(saved)) == [1_000, 1_010, 1_020, 1_030]
        assert store.run(run_id).seconds == 17.0
        assert store.run(run_id).pace == pytest.approx(2.0)

    def test_a_slow_disk_is_written_to_less_often_but_within_ten_seconds(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trainer, clock = Trainer(VERSE, CONFIG), Ticks()
        recorder = self.recorder(store, trainer, clock=clock)
        recorder._cost = 60.0
        trainer.advance(steps=1_010)
        recorder.note(trainer, 2.0)
        recorder._cost = 60.0
        for expected in (1_010, 1_013):
            clock.now += 8.9 if expected == 1_010 else 0.2
            trainer.advance(steps=1 if expected == 1_010 else 2)
            recorder.note(trainer, 1.0)
            assert store.run(self.only(store)).iteration == expected

    def test_between_saves_it_gives_signs_of_life_and_hears_wishes(self, store: Store) -> None:
        trainer, clock = Trainer(VERSE, CONFIG), Ticks()
        recorder = self.recorder(store, trainer, clock=clock)
        store.wish(self.only(store), "pause")
        recorder.note(trainer, 0.0)
        assert recorder.wish is None
        clock.now += 4.0
        recorder.note(trainer, 0.0)
        assert recorder.wish == "pause"

    def test_a_divergence_is_saved_at_once(self, store: Store, background: bool) -> None:
        config = CONFIG.replace(optimiser="sgd", learning_rate=1e-3, clip=0.0)
        trainer = Trainer(VERSE, config)
        recorder = self.recorder(store, trainer, background)
        while trainer.iteration < 350:
            recorder.advance(trainer, 1.0, lambda: trainer.iteration >= 350)
        recorder.save(trainer)
        trainer.apply(learning_rate=100.0)
        with pytest.raises(Divergence):
            recorder.advance(trainer, 30.0)
        assert trainer.iteration == 200
        recorder.note(trainer, 0.0)
        recorder.save(trainer, "diverged")
        recorder.close()
        run_id = self.only(store)
        assert store.snapshots(run_id)[-1].iteration == 200
        assert store.run(run_id).status == "diverged"
        assert_same_run(store.load(run_id), trainer)

    def test_trouble_is_told_and_passes(
        self, store: Store, background: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trainer, clock = Trainer(VERSE, CONFIG), Ticks()
        recorder = self.recorder(store, trainer, background, clock)
        run_id = self.only(store)

        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            trainer.advance(steps=1)
            recorder.note(trainer, 1.0)
            with pytest.raises(StoreError, match="could not be saved"):
                recorder.save(trainer)
            assert recorder.trouble is not None
            recorder.save(trainer, wait=False)
            assert store.run(run_id).iteration == 0
            clock.now += 4.5
            recorder.note(trainer, 0.0)  # a sign of life gets through, and is no save
            assert recorder.trouble is not None
            recorder.close()
        again = Recorder(store, store.lead(run_id, "dashboard"), trainer)
        again.save(trainer)
        assert again.trouble is None
        assert_same_run(store.load(run_id), trainer)

    def test_a_store_that_was_taken_away_is_made_anew(self, store: Store, background: bool) -> None:
        trainer = Trainer(VERSE, CONFIG)
        recorder = self.recorder(store, trainer, background)
        run_id = self.only(store)
        store.rename(run_id, "mice in the barn")
        recorder = Recorder(store, store.lead(run_id, "dashboard", take_over=True), trainer)
        shutil.rmtree(store.folder)
        trainer.advance(steps=7)
        recorder.save(trainer)
        row = store.run(run_id)
        assert (row.id, row.name, row.iteration) == (run_id, "mice in the barn", 7)
        trainer.advance(steps=1)
        recorder.save(trainer, "done")
        recorder.close()
        assert_same_run(Store(store.folder).load(run_id), trainer)

    @pytest.mark.parametrize("how", ["taken over", "purged"])
    def test_a_run_that_is_no_longer_ours_is_left_alone(
        self, store: Store, background: bool, how: str
    ) -> None:
        trainer = Trainer(VERSE, CONFIG)
        recorder = self.recorder(store, trainer, background)
        run_id = self.only(store)
        if how == "purged":
            store.release(recorder._lease)
            store.purge(run_id)
        else:
            store.lead(run_id, "command line", take_over=True)
        trainer.advance(steps=1)
        recorder.note(trainer, 1.0)
        with pytest.raises(StoreError, match=r"taken over|no longer in the store"):
            recorder.save(trainer)
        assert recorder.lost is not None
        assert not recorder.wants(10**9)
        recorder.note(trainer, 1.0)
        recorder.close()
        if how == "purged":
            assert not (store.folder / run_id).exists()
        else:
            assert store.run(run_id).iteration == 0
            assert store.leader(run_id) is not None

    def test_snapshots_wait_for_a_slow_disk_and_training_does_not(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trainer = Trainer(VERSE, CONFIG)
        recorder = self.recorder(store, trainer, background=True)
        gate, saved = threading.Event(), store.save

        def slow(*arguments: Any, **named: Any) -> None:
            assert gate.wait(30)
            saved(*arguments, **named)

        monkeypatch.setattr(store, "save", slow)
        for _ in range(100):
            recorder.advance(trainer, 0.0)
        assert trainer.iteration == 100
        assert not recorder.wants(trainer.iteration)
        gate.set()
        recorder.save(trainer)
        assert recorder.wants(150)
        recorder.close()
        run_id = self.only(store)
        assert [state.iteration for state in store.snapshots(run_id)] == [0, 1, 2, 100]
        assert store.run(run_id).seconds == recorder.seconds


class TestReports:
    def history(self) -> History:
        history = History()
        for iteration in range(600):
            history.record(iteration, 2.0 + iteration % 2, 2.5, 1.0 + iteration % 3, 5)
            if iteration % 100 == 0:
                history.record_held_out(iteration, 3.0 + iteration)
        history.add_event(Event(3, "setting", "clip: 5 → 1"))
        history.add_sample(DiaryEntry(0, 'a "quoted",\nsample', 1.0, 0, 2.0 * math.log(2)))
        history.add_sample(DiaryEntry(1_500, "another", 0.7, 5, math.log(2)))
        return history

    def test_the_history_as_csv(self) -> None:
        written = list(csv.DictReader(io.StringIO(history_csv(self.history(), streams=3))))
        curve = self.history().curve()
        assert len(written) == len(curve) < CAPACITY
        assert [int(row["last_iteration"]) for row in written] == curve.last.tolist()
        assert [float(row["loss_mean"]) for row in written] == curve.loss_mean.tolist()
        assert int(written[-1]["characters"]) == 600 * 5 * 3
        assert float(written[7]["smooth_bits"]) == 2.5 / math.log(2)
        held_out = {
            int(r["first_iteration"]): float(r["held_out"]) for r in written if r["held_out"]
        }
        assert held_out == {100 * k: 3.0 + 100 * k for k in range(6)}
        assert history_csv(History()).count("\n") == 1

    def test_the_diary_as_text(self) -> None:
        assert diary_text(self.history()) == (
            "--- after iteration 0 · 2.000 bits per character · temperature 1 · top-k 0\n"
            'a "quoted",\nsample\n'
            "\n"
            "--- after iteration 1,500 · 1.000 bits per character · temperature 0.7 · top-k 5\n"
            "another\n"
        )
        assert diary_text(History()) == ""
