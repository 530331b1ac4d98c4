"""Whatever fails around it, a run keeps its training, says one sentence, and goes on when it can."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.browsing import LightVisitor, visiting
from rnn import Trainer
from rnn.store import NoRunError, Store
from tests.browser.serving import free_port, serving
from tests.scenes import play
from tests.test_place import SMALL, SOURCE, TEXT, begin, bits, elsewhere, train_to
from ui import loop
from ui import place as place_module
from ui import runs as runs_module
from ui.entries import BROKEN, Entry, Feeder
from ui.live import DOZE_SECONDS, LiveRun, LiveView
from ui.runs import FORGET_SECONDS, Caretaker, Runs

HOUR = 3600.0
SENTENCE = r"[A-Z][^\n]*\."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def store(folder: Path) -> Store:
    return Store(folder)


@pytest.fixture
def runs(store: Store) -> Runs:
    return Runs(opened=lambda: store)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was refused is tried again at the next occasion, and every tick saves."""
    monkeypatch.setattr(place_module, "RETRY_SECONDS", 0.0)


def tick(run: LiveRun, times: int = 1) -> None:
    """Ticks of a few steps, each of which has a save to do."""
    for _ in range(times):
        recorder = run.place._recorder
        if recorder is not None:
            recorder._saved = -1e9
        run.pacer.tick_seconds = 0.002
        run.tick()


def written(run: LiveRun) -> None:
    """Wait until the background has done what it was told."""
    recorder = run.place._recorder
    if recorder is not None:
        recorder._finish()


def rest(run: LiveRun) -> None:
    run.pause()
    run.settle()


def is_as_in_memory(store: Store, run: LiveRun) -> bool:
    return bits(store.load(run.run_id)) == bits(run.trainer)


# -- a disk that is full, or that nobody may write to -----------------------------------------------


class Disk:
    """Lets everything below `folder` fail that would write, from a given step on.

    Steps are whatever makes, fills, renames or removes a file, and the statements of SQL that change
    something. With `reason` it is full, or read-only.
    """

    def __init__(self, folder: Path, reason: int) -> None:
        self.folder = str(folder)
        self.reason = reason
        self.code = {errno.ENOSPC: sqlite3.SQLITE_FULL, errno.EROFS: sqlite3.SQLITE_READONLY}[
            reason
        ]
        self.good_for: int | None = None
        self.steps = 0
        self._count = threading.Lock()

    def refuses(self) -> bool:
        with self._count:
            if self.good_for is None:
                return False
            self.steps += 1
            return self.steps > self.good_for

    def check(self) -> None:
        if self.refuses():
            raise OSError(self.reason, os.strerror(self.reason))

    def touched(self, event: str, arguments: tuple[Any, ...]) -> None:
        makes = event in ("os.rename", "os.mkdir") or (
            event == "open" and _is_for_writing(arguments)
        )
        if self.good_for is not None and makes and str(arguments[0]).startswith(self.folder):
            self.check()

    def written(self, descriptor: int) -> None:
        self.check()
        os.fdatasync(descriptor)

    def execute(self, statement: str) -> None:
        changes = statement.split()[0] in ("INSERT", "UPDATE", "DELETE", "COMMIT", "CREATE")
        if changes and self.refuses():
            error = sqlite3.OperationalError("the disk refuses")
            error.sqlite_errorcode = self.code
            raise error

    @contextmanager
    def failing(self, good_for: int) -> Iterator[None]:
        """Let the first so many steps pass, and none after them, until the end of the block."""
        self.steps, self.good_for = 0, good_for
        try:
            yield
        finally:
            self.good_for = None


def _is_for_writing(arguments: tuple[Any, ...]) -> bool:
    mode = arguments[1]
    return isinstance(mode, str) and any(letter in mode for letter in "wxa+")


class Refusing(sqlite3.Connection):
    """A connection to a file on that disk."""

    disk: Disk

    def execute(self, statement: str, *arguments: Any) -> sqlite3.Cursor:
        Refusing.disk.execute(statement)
        return super().execute(statement, *arguments)


_disks: list[Disk] = []


def _touched(event: str, arguments: tuple[Any, ...]) -> None:
    for disk in _disks:
        disk.touched(event, arguments)


sys.addaudithook(_touched)  # it cannot be taken away again; without a disk it does nothing


@pytest.fixture
def disk(
    request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Disk]:
    disk = Disk(folder, getattr(request, "param", errno.ENOSPC))
    connect = sqlite3.connect
    Refusing.disk = disk
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, factory=Refusing, **k))
    monkeypatch.setattr(os, "fsync", disk.written)
    _disks.append(disk)
    yield disk
    _disks.remove(disk)


both = pytest.mark.parametrize("disk", [errno.ENOSPC, errno.EROFS], indirect=True)


@both
def test_the_disk_may_refuse_at_any_step(disk: Disk, store: Store, runs: Runs) -> None:
    """From every single step on: training goes on, and nothing is lost once the disk has room again."""
    good_for, refused = 0, 0
    while refused or not good_for:
        run = begin(runs)
        with disk.failing(good_for):
            run.play()
            tick(run, 3)
            rest(run)
            refused = max(0, disk.steps - good_for)
        assert run.iteration >= 3
        assert run.notice is None
        if refused:
            assert run.place.trouble is None or str(store.folder) in run.place.trouble
        runs.tidy()
        run.settle()
        assert run.place.trouble is None, good_for
        assert is_as_in_memory(store, run), good_for
        good_for += 1
    assert good_for > 20


@both
def test_a_disk_that_refuses_is_told_in_one_sentence(disk: Disk, runs: Runs) -> None:
    run = begin(runs)
    with disk.failing(0):
        run.play()
        tick(run, 2)
        assert run.playing
        trouble = run.place.trouble
    assert trouble is not None
    assert trouble.endswith(".")
    assert "\n" not in trouble
    assert "Errno" not in trouble
    assert ("full" in trouble or "No space" in trouble) == (disk.reason == errno.ENOSPC)
    assert ("read-only" in trouble.lower()) == (disk.reason == errno.EROFS)
    tick(run)
    assert run.place.trouble is None
    rest(run)


def test_a_disk_that_fills_up_while_training_is_told_and_the_run_is_saved_later(
    disk: Disk, store: Store, runs: Runs
) -> None:
    run = begin(runs)
    run.play()
    tick(run)
    written(run)
    saved = store.run(run.run_id).iteration
    with disk.failing(0):
        tick(run, 3)
        written(run)
        assert run.place.trouble is not None
        assert store.run(run.run_id).iteration == saved
    tick(run, 2)
    written(run)
    assert run.place.trouble is None
    assert store.run(run.run_id).iteration > saved
    rest(run)
    assert is_as_in_memory(store, run)


def test_what_could_not_be_saved_at_a_pause_is_saved_when_the_server_ends(
    disk: Disk, store: Store, runs: Runs
) -> None:
    run = begin(runs)
    run.play()
    tick(run)
    with disk.failing(0):
        rest(run)
    assert run.place.unsaved
    runs.close()
    assert not run.place.unsaved
    assert is_as_in_memory(store, run)


def test_a_folder_that_cannot_be_made_leaves_training_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write_text("a file where the folder should be")
    monkeypatch.setenv("RNN_RUNS", str(folder))
    monkeypatch.setattr(runs_module, "_stores", [])
    run = begin(Runs())
    run.play()
    tick(run, 2)
    assert run.iteration > 0
    assert run.playing
    assert run.place.trouble is not None
    folder.unlink()
    tick(run)
    rest(run)
    assert is_as_in_memory(runs_module.store(), run)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="an administrator may write anywhere"
)
def test_a_read_only_folder_leaves_training_alone(store: Store, runs: Runs) -> None:
    run = begin(runs)
    store.close()
    everything = [store.folder, *store.folder.iterdir()]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    run.play()
    tick(run, 2)
    assert run.playing
    assert run.place.trouble is not None
    for path in everything:
        path.chmod(0o755 if path.is_dir() else 0o644)
    tick(run)
    rest(run)
    assert is_as_in_memory(store, run)


# -- a store that is taken away ---------------------------------------------------------------------


@pytest.fixture
def own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Runs in the server's own store, as the dashboard opens it."""
    monkeypatch.setenv("RNN_RUNS", str(folder))
    monkeypatch.setattr(runs_module, "_stores", [])
    return Runs()


def test_all_that_train_outlive_the_loss_of_the_store(own: Runs, folder: Path) -> None:
    """The first to notice makes the store anew, and the others find themselves missing in it."""
    training = [begin(own) for _ in range(3)]
    for run in training:
        run.play()
        tick(run)
        written(run)
    shutil.rmtree(folder)
    for _ in range(3):
        for run in training:
            tick(run)
            written(run)
    for run in training:
        assert run.playing, run.notice
        assert run.notice is None
        assert run.place.trouble is None
        rest(run)
        assert is_as_in_memory(runs_module.store(), run)


def test_a_run_at_rest_outlives_the_loss_of_the_store(own: Runs, folder: Path) -> None:
    run = begin(own)
    train_to(run, 20)
    shutil.rmtree(folder)
    train_to(run, 30)
    assert run.notice is not None
    assert run.notice.kind == "target"
    assert run.place.trouble is None
    assert is_as_in_memory(runs_module.store(), run)


def test_a_new_run_is_kept_after_the_loss_of_the_store(own: Runs, folder: Path) -> None:
    train_to(begin(own), 5)
    shutil.rmtree(folder)
    run = begin(own)
    train_to(run, 7)
    assert [row.iteration for row in runs_module.store().runs()] == [7]
    assert is_as_in_memory(runs_module.store(), run)


def test_the_loss_of_the_store_between_the_last_tick_and_the_pause(own: Runs, folder: Path) -> None:
    run = begin(own)
    run.play()
    tick(run)
    written(run)
    shutil.rmtree(folder)
    rest(run)
    assert is_as_in_memory(runs_module.store(), run)


# -- clocks -----------------------------------------------------------------------------------------


class WallClock:
    """Seconds since 1970, as somebody sets them."""

    def __init__(self) -> None:
        self.off = 0.0

    def __call__(self) -> float:
        return time.time() + self.off


@pytest.mark.parametrize("jump", [-5 * HOUR, 5 * HOUR, -400 * 24 * HOUR, 400 * 24 * HOUR])
def test_a_clock_that_is_set_back_or_forward_disturbs_nothing(folder: Path, jump: float) -> None:
    clock = WallClock()
    store = Store(folder, clock=clock)
    run = begin(Runs(opened=lambda: store))
    run.play()
    tick(run, 2)
    clock.off = jump
    tick(run, 2)
    written(run)
    recorder = run.place._recorder
    assert recorder is not None
    recorder._beat()  # a sign of life under the new time
    assert run.playing
    assert recorder.lost is None
    assert run.place.trouble is None
    clock.off = 0.0
    tick(run, 2)
    rest(run)
    assert is_as_in_memory(store, run)
    assert store.run(run.run_id).leader is None
    train_to(run, run.iteration + 5)
    assert store.run(run.run_id).iteration == run.iteration


def test_the_pace_goes_by_a_clock_that_nobody_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were any wall clock read in a tick, this would show."""

    def wall() -> float:
        raise AssertionError("the wall clock was read")

    run = LiveRun(TEXT, SMALL, SOURCE)
    monkeypatch.setattr(time, "time", wall)
    run.play()
    tick(run, 3)
    assert run.view().pace is not None
    assert run.leads("somebody", lambda _: True)
    run.pause()


# -- exceptions inside ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [RuntimeError("<b>x</b>"), MemoryError(), OSError(28, "No space")]
)
def test_an_exception_in_a_tick_pauses_keeps_the_run_and_lets_it_go_on(
    store: Store, runs: Runs, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    run = begin(runs)
    run.play()
    tick(run, 2)
    before = bits(run.trainer)

    def fails(*arguments: object, **options: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "advance", fails)
        tick(run)
    assert not run.playing
    assert run.notice is not None
    assert run.notice.kind == "fault"
    assert str(error) not in run.notice.sentence or not str(error)
    assert bits(run.trainer) == before
    run.settle()
    assert is_as_in_memory(store, run)
    reached = run.iteration
    run.play()
    tick(run)
    assert run.notice is None
    assert run.iteration > reached
    rest(run)


@pytest.fixture
def view() -> LiveView:
    return LiveRun(TEXT, SMALL, SOURCE).view()


@pytest.mark.parametrize("bad", [float("nan"), object(), np.array(["text"]), {1, 2}])
def test_content_that_cannot_travel_breaks_one_panel_only(
    view: LiveView, bad: object, caplog: pytest.LogCaptureFixture
) -> None:
    feeder = Feeder()
    feeder.add("good", lambda _: Entry(1, lambda: {"words": "fine"}), "r1")
    feeder.add("bad", lambda _: Entry(1, lambda: {"words": bad}), "r2")
    frame = loop._packed(feeder.frame(view, 7))
    assert b'"words":"fine"' in frame
    assert BROKEN["broken"].encode() in frame
    assert b'"revision":"r2"' in frame
    assert len(caplog.records) == 1


def test_a_caretaker_goes_on_after_an_error(caplog: pytest.LogCaptureFixture) -> None:
    rounds = threading.Semaphore(0)

    def tidy() -> None:
        rounds.release()
        raise RuntimeError("a round that fails")

    caretaker = Caretaker(tidy, seconds=0.001)
    caretaker.begin()
    caretaker.begin()
    for _ in range(3):
        assert rounds.acquire(timeout=10.0)
    caretaker.end()
    assert "could not be looked after" in caplog.text


# -- somebody else ----------------------------------------------------------------------------------


def test_a_run_that_was_taken_over_stops_and_writes_nothing_more(store: Store, runs: Runs) -> None:
    run = begin(runs)
    run.play()
    tick(run)
    written(run)
    other, theirs = elsewhere(store, run, take_over=True), store.load(run.run_id)
    theirs.advance(steps=100)
    other.save(theirs)
    tick(run, 3)
    written(run)
    tick(run)
    assert not run.playing
    assert run.notice is not None
    assert run.notice.kind == "led"
    run.settle()
    runs.close()
    assert bits(store.load(run.run_id)) == bits(theirs)
    assert run.watch() is not None
    other.close()
    reached = theirs.iteration
    train_to(run, reached + 3)
    assert is_as_in_memory(store, run)


def test_a_wish_that_was_left_over_does_not_stop_the_next_training(
    store: Store, runs: Runs
) -> None:
    run = begin(runs)
    train_to(run, 5)
    store.wish(run.run_id, "pause")
    train_to(run, 9)
    assert store.wished(run.run_id) is None


@pytest.mark.parametrize("wish", ["pause", "stop"])
def test_what_others_wish_is_done(store: Store, runs: Runs, wish: str) -> None:
    run = begin(runs)
    run.play()
    tick(run)
    store.wish(run.run_id, wish)
    recorder = run.place._recorder
    assert recorder is not None
    recorder._beat()
    tick(run)
    assert not run.playing
    assert run.notice is not None
    run.settle()
    assert is_as_in_memory(store, run)
    train_to(run, run.iteration + 3)


def test_unsaved_training_never_overwrites_what_was_trained_elsewhere_meanwhile(
    disk: Disk, store: Store, runs: Runs
) -> None:
    """The disk refuses us, somebody else gets through and trains further: that is what stays."""
    run = begin(runs)
    train_to(run, 5)
    with disk.failing(0):
        run.play()
        tick(run)
        assert run.place.trouble is not None
    other, theirs = elsewhere(store, run), store.load(run.run_id)
    theirs.advance(steps=2000)
    other.save(theirs)
    tick(run)
    assert not run.playing  # it is being trained there
    assert run.notice is not None
    other.close()
    run.play()
    assert run.iteration == theirs.iteration
    rest(run)
    assert bits(store.load(run.run_id)) == bits(theirs)


# -- a page that goes away --------------------------------------------------------------------------


def left_for(run: LiveRun, seconds: float) -> None:
    """As if no page had shown it for so long."""
    run._leader_seen -= seconds
    run.looked_at -= seconds


def test_a_run_whose_page_is_gone_is_saved_and_its_lead_released(store: Store, runs: Runs) -> None:
    run = begin(runs)
    run.play()
    run.leads("me", lambda _: True)
    tick(run, 2)
    runs.tidy()
    leader = store.run(run.run_id).leader
    assert leader is not None
    left_for(run, DOZE_SECONDS)
    runs.tidy()
    run.settle()
    assert store.run(run.run_id).leader is None
    assert store.run(run.run_id).status == "paused"
    assert is_as_in_memory(store, run)
    assert run.playing  # it goes on by itself as soon as a page asks
    reached = run.iteration
    run.leads("me", lambda _: True)
    tick(run)
    assert run.iteration > reached
    assert store.run(run.run_id).leader is not None
    rest(run)
    assert is_as_in_memory(store, run)


def test_a_dozing_run_takes_up_what_others_trained_and_gives_way_to_them(
    store: Store, runs: Runs
) -> None:
    run = begin(runs)
    run.play()
    tick(run)
    left_for(run, DOZE_SECONDS + 1e9)
    runs.tidy()
    run.settle()
    other, theirs = elsewhere(store, run), store.load(run.run_id)
    theirs.advance(steps=500)
    other.save(theirs)
    tick(run)
    assert not run.playing
    assert run.notice is not None
    other.close()
    run.play()
    assert run.iteration == theirs.iteration
    rest(run)


def test_a_run_that_nobody_looks_at_leaves_memory_and_comes_back_as_it_was(
    store: Store, runs: Runs
) -> None:
    run = begin(runs)
    train_to(run, 30)
    expected, run_id = bits(run.trainer), run.run_id
    runs.tidy()
    assert run in runs._seen
    runs._seen[run] -= FORGET_SECONDS
    left_for(run, FORGET_SECONDS)
    runs.tidy()
    assert run not in runs._seen
    del run
    assert not list(runs._known)  # its memory is given back at once, without a collection
    found = runs.reach(run_id)
    assert bits(found.trainer) == expected
    assert not found.playing


def test_a_run_that_left_memory_while_training_goes_on_when_a_page_returns(runs: Runs) -> None:
    run = begin(runs)
    run.play()
    tick(run)
    run_id, reached = run.run_id, run.iteration
    runs._seen[run] -= 1e9
    left_for(run, 1e9)
    runs.tidy()
    run.settle()
    runs.tidy()
    run.settle()
    assert not run.playing
    del run
    found = runs.reach(run_id)
    assert found.playing
    tick(found)
    assert found.iteration > reached
    rest(found)


def test_a_run_that_a_page_still_holds_is_not_opened_twice(runs: Runs) -> None:
    run = begin(runs)
    train_to(run, 3)
    runs._seen[run] -= 1e9
    left_for(run, 1e9)
    runs.tidy()
    assert run not in runs._seen
    assert runs.reach(run.run_id) is run
    assert run in runs._seen


def test_what_is_nowhere_else_stays_in_memory(disk: Disk, runs: Runs) -> None:
    untrained = begin(runs)
    unsaved = begin(runs)
    with disk.failing(0):
        unsaved.play()
        tick(unsaved)
        rest(unsaved)
        for run in (untrained, unsaved):
            runs._seen[run] -= 2 * FORGET_SECONDS
            left_for(run, 2 * FORGET_SECONDS)
        runs.tidy()
        assert set(runs._seen) == {untrained, unsaved}
        runs._seen[untrained] -= 2 * HOUR
        left_for(untrained, 2 * HOUR)
        runs._seen[unsaved] -= 200 * HOUR
        left_for(unsaved, 200 * HOUR)
        runs.tidy()
        assert set(runs._seen) == {unsaved}


def test_when_there_are_too_many_the_saved_go_first(disk: Disk, store: Store) -> None:
    runs = Runs(2, lambda: store)
    unsaved = begin(runs)
    with disk.failing(0):
        unsaved.play()
        tick(unsaved)
        rest(unsaved)
    saved = begin(runs)
    train_to(saved, 3)
    newest = begin(runs)
    assert set(runs._seen) == {unsaved, newest}


def test_a_run_that_is_no_more_is_no_reason_to_stop(store: Store, runs: Runs) -> None:
    """Removed for good while it dozed: who trains it on wants it to be there."""
    run = begin(runs)
    train_to(run, 5)
    store.purge(run.run_id)
    with pytest.raises(NoRunError):
        store.run(run.run_id)
    train_to(run, 8)
    assert is_as_in_memory(store, run)


# -- a real server ----------------------------------------------------------------------------------


async def train_until(url: str, iteration: int) -> LightVisitor:
    async with visiting(url, "autoplay=1") as visitor:
        await visitor.wait_for(lambda it: it.iteration >= iteration)
    return visitor


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_when_the_server_is_told_to_end_everything_is_saved(name: str, runs_folder: str) -> None:
    with serving() as (url, server):

        async def visit() -> LightVisitor:
            async with visiting(url, "autoplay=1") as visitor:
                await visitor.wait_for(lambda it: it.iteration >= 300)
                server.send_signal(getattr(signal, name))
                while visitor.is_open:
                    await asyncio.sleep(0.02)
            return visitor

        visitor = play(visit())
        assert server.wait(timeout=30) == 0
        row = Store(runs_folder).run(visitor.run_id)
        assert row.iteration >= visitor.iteration
        assert row.status == "paused"
        assert row.leader is None


def test_a_page_that_lost_its_connection_goes_on_by_itself() -> None:
    async def visit(url: str) -> None:
        visitor = LightVisitor(url, "autoplay=1")
        await visitor.open()
        await visitor.wait_for(lambda it: it.iteration >= 200)
        session = visitor.session
        await visitor.close()
        reached = visitor.iteration
        await asyncio.sleep(1.0)
        await visitor.open()
        await visitor.wait_for(lambda it: it.iteration >= reached + 200)
        assert visitor.session == session
        assert visitor.sentences == []
        assert visitor.exceptions == []
        await visitor.close()

    with serving() as (url, _):
        play(visit(url))


def test_a_page_finds_its_run_on_a_server_that_was_started_anew() -> None:
    port = free_port()
    with serving(port) as (url, server):
        visitor = play(train_until(url, 1000))
        server.kill()
        server.wait(timeout=20)

    async def return_to(url: str) -> None:
        visitor.buttons.clear()
        seen = visitor.iteration
        await visitor.open()
        await visitor.wait_for(lambda it: "Train" in it.buttons and it.sentences)
        assert visitor.iteration > 0
        assert len(visitor.sentences) == 1
        assert "last saved" in visitor.sentences[0]
        await visitor.press("Train")
        await visitor.wait_for(lambda it: it.iteration > seen)
        assert visitor.sentences == []
        assert visitor.exceptions == []
        await visitor.close()

    with serving(port) as (url, _):
        play(return_to(url))
