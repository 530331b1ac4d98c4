"""Processes are killed at random instants and at every step of a change: the store stays whole.

`RNN_CRASHES=50` kills a training process more often than the normal suite does.
"""

from __future__ import annotations

import io
import itertools
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnn import Config, Trainer
from rnn.store import Card, RunRow, Store, export_run, fork, import_run
from rnn.store.index import Index
from tests.test_trainer import assert_same_run

ROOT = Path(__file__).resolve().parent.parent
TEXT = "the cat sat on the mat\n" * 12
CONFIG = Config(hidden_size=8, seq_length=5, sample_interval=1000, sample_length=20)
SETTINGS = CONFIG.to_strings()
CRASHES = int(os.environ.get("RNN_CRASHES", "12"))
LONGEST_LIFE = 0.4  # seconds of training before a kill
PATIENCE = 60.0  # seconds for a process to start on a busy machine

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "SIGKILL"), reason="needs a signal that cannot be caught"
)


def started(text: Path, folder: Path) -> subprocess.Popen[bytes]:
    """The real command, saving as often as it can, so that most kills hit a save."""
    options = [f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items()]
    command = ["train", str(text), "--run", "cat", "--runs", str(folder), "--save-every", "0.01"]
    return subprocess.Popen(
        [sys.executable, "-m", "rnn", *command, *options],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_for_training(store: Store, process: subprocess.Popen[bytes], before: int) -> None:
    """Until the process has saved something of its own."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if any(row.iteration > before for row in store.runs()):
            return
        time.sleep(0.01)
    raise AssertionError(f"the process did not train; it ended with {process.returncode}")


def check_whole(folder: Path) -> RunRow:
    """What a restart finds: an index without a fault, and every state in it readable."""
    store = Store(folder)
    with Index(folder).read() as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    (row,) = store.runs(include_deleted=True)
    assert (row.status, row.leader) == ("paused", None)
    states = store.snapshots(row.id)
    assert states[-1].iteration == row.iteration
    files = {path.name: path.stat().st_size for path in (folder / row.id).iterdir()}
    assert files == {state.file: state.bytes for state in states}
    return row


def test_killed_again_and_again_it_loses_no_more_than_since_its_last_save(tmp_path: Path) -> None:
    text, folder = tmp_path / "cat.txt", tmp_path / "runs"
    text.write_text(TEXT, encoding="utf-8")
    watcher, chance = Store(folder), random.Random(0)
    unbroken, iteration = Trainer(TEXT, CONFIG), -1
    for _ in range(CRASHES):
        with started(text, folder) as process:
            try:
                wait_for_training(watcher, process, iteration)
                time.sleep(chance.uniform(0.0, LONGEST_LIFE))
                (saved,) = watcher.runs()
            finally:
                process.kill()
        row = check_whole(folder)
        assert row.name == "cat"
        assert row.iteration >= saved.iteration > iteration
        assert row.seconds >= saved.seconds
        iteration = row.iteration
        if unbroken.iteration < iteration:
            unbroken.advance(steps=iteration - unbroken.iteration)
        assert_same_run(watcher.load(row.id), unbroken)
    for state in watcher.snapshots(row.id):
        assert watcher.load_snapshot(row.id, state.iteration).iteration == state.iteration


# -- at every step -------------------------------------------------------------------------------


def saves(store: Store) -> None:
    (row,) = store.runs()
    trainer = store.load(row.id)
    trainer.advance(steps=5)
    store.save(store.lead(row.id, "test"), TEXT, trainer.state(), seconds=1.0)


def creates(store: Store) -> None:
    store.create(TEXT, Trainer(TEXT, CONFIG).state(), Card("new", "own", "cat"))


def forks(store: Store) -> None:
    fork(store, store.runs()[0].id, 0)


def imports(store: Store) -> None:
    out = io.BytesIO()
    export_run(store, store.runs()[0].id, out)
    import_run(store, out)


def purges(store: Store) -> None:
    store.purge(store.runs()[0].id)


def opens_without_an_index(store: Store) -> None:
    for file in sorted(store.folder.glob("index*")):
        file.unlink()
    Store(store.folder)


# What is done, how many runs there may be afterwards, and where the one that was there may stand.
CHANGES: dict[str, tuple[Callable[[Store], None], set[int], set[int]]] = {
    "saves": (saves, {1}, {10, 15}),
    "creates": (creates, {1, 2}, {0, 10}),
    "forks": (forks, {1, 2}, {0, 10}),
    "imports": (imports, {1, 2}, {10}),
    "purges": (purges, {0, 1}, {10}),
    "opens": (opens_without_an_index, {1}, {10}),
}


class Dying(sqlite3.Connection):
    """Counts every statement as a step."""

    step: Callable[[], None]

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        Dying.step()
        return super().execute(*arguments)


def die_at(number: int) -> None:
    """End this process, as a kill would, before its `number`-th step.

    Steps are statements of SQL and whatever touches files.
    """
    count = itertools.count(1)

    def step() -> None:
        if next(count) == number:
            os._exit(9)

    def touched(event: str, arguments: tuple[object, ...]) -> None:
        if event in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"):
            step()

    connect = sqlite3.connect
    Dying.step = staticmethod(step)
    sqlite3.connect = lambda *a, **k: connect(*a, factory=Dying, **k)  # type: ignore[assignment]
    sys.addaudithook(touched)


def check_all(folder: Path, runs: set[int], iterations: set[int]) -> None:
    store = Store(folder)
    with Index(folder).read() as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    found = store.runs(include_deleted=True)
    assert len(found) in runs, found
    folders = {path.name for path in folder.iterdir() if path.is_dir() and path.name[0] != "."}
    assert folders == {row.id for row in found}
    for row in found:
        assert row.iteration in iterations
        assert store.load(row.id).iteration == row.iteration
        states = store.snapshots(row.id)
        for state in states:
            store.load_snapshot(row.id, state.iteration)
        files = {path.name for path in (folder / row.id).iterdir()}
        assert files == {state.file for state in states}
    store.close()


def die_at_every_step(name: str, place: Path) -> int:
    """Let a child do it again and again, each time dying one step later; returns how many died."""
    change, runs, iterations = CHANGES[name]
    trainer = Trainer(TEXT, CONFIG)
    store = Store(place / "before")
    run_id = store.create(TEXT, trainer.state(), Card("cat", "own", "cat"))
    trainer.advance(steps=10)
    lease = store.lead(run_id, "test")
    store.save(lease, TEXT, trainer.state(), seconds=1.0)
    store.release(lease)
    store.close()
    for number in itertools.count(1):
        folder = place / str(number)
        shutil.copytree(place / "before", folder)
        child = os.fork()
        if child == 0:
            opened = Store(folder)
            die_at(number)
            change(opened)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        assert code in (0, 9), f"the child failed at step {number}"
        check_all(folder, runs, iterations)
        shutil.rmtree(folder)
        if code == 0:
            return number - 1
    raise AssertionError


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that can fork")
@pytest.mark.parametrize("name", CHANGES)
def test_killed_at_every_step_of_a_change(name: str, tmp_path: Path) -> None:
    """In a process of its own, which has no threads that a fork would lose."""
    command = [sys.executable, "-m", "tests.test_store_crash", name, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10


if __name__ == "__main__":
    sys.stdout.write(str(die_at_every_step(sys.argv[1], Path(sys.argv[2]))))
