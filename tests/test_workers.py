"""One worker: it trains a run as the command line does, obeys wishes, and never trains against another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType

import numpy as np
import psutil
import pytest
from threadpoolctl import threadpool_info

from rnn import Config, Trainer, cli, workers
from rnn.presets import PRESET
from rnn.store import Card, Store, StoreError
from rnn.workers import Outcome, Progress, train

TEXT = PRESET["verse"].text()
SMALL = Config(hidden_size=16, sample_interval=50, sample_length=20, held_out=0.1)
WILD = Config(hidden_size=16, optimiser="sgd", learning_rate=100.0, clip=0.0)
PATIENCE = 120.0


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


@pytest.fixture(autouse=True)
def _plain_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Streamlit's tests leave behind as `__main__` is a page, which a worker would run again."""
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))


def entered(store: Store, config: Config = SMALL, text: str = TEXT) -> str:
    card = Card(name="one", source_key="verse", source_title="Verse", status="waiting")
    return store.create(text, Trainer(text, config).state(), card)


def assert_same(one: Trainer, other: Trainer) -> None:
    """Bit for bit: weights, optimiser, hidden state, random streams and everything remembered."""
    mine, theirs = one.state(), other.state()
    assert mine.iteration == theirs.iteration
    assert mine.smooth_loss == theirs.smooth_loss
    assert (mine.pointer, mine.epoch, mine.characters_seen) == (
        theirs.pointer,
        theirs.epoch,
        theirs.characters_seen,
    )
    assert mine.generators == theirs.generators
    for name, array in mine.arrays.items():
        np.testing.assert_array_equal(array, theirs.arrays[name])
    remembered = theirs.history.to_arrays()
    for name, array in mine.history.to_arrays().items():
        np.testing.assert_array_equal(array, remembered[name])


def after(count: int) -> Callable[[], bool]:
    """Says stop once it has been asked so many times; it is asked after every step."""
    asked = iter(range(count))
    return lambda: next(asked, None) is None


# What it trains


def test_a_worker_and_the_command_line_train_the_same_run_bit_for_bit(
    store: Store, tmp_path: Path
) -> None:
    text, saved = tmp_path / "verse.txt", tmp_path / "run.npz"
    text.write_text(TEXT, encoding="utf-8")
    options = [f"--{name.replace('_', '-')}={value}" for name, value in SMALL.to_strings().items()]
    command = ["train", str(text), "--iterations", "700", "--checkpoint", str(saved), *options]
    assert cli.main(command) == 0
    run_id = entered(store)
    assert train(store, run_id, 700) == Outcome("done")
    assert store.run(run_id).status == "done"
    assert_same(store.load(run_id), Trainer.load(saved))


def test_interrupted_again_and_again_it_is_still_the_same_run(store: Store) -> None:
    broken, whole = entered(store), entered(store)
    for count in (1, 40, 3, 111):
        assert train(store, broken, 400, after(count)).kind == "interrupted"
        row = store.run(broken)
        assert (row.status, row.leader) == ("paused", None)
        assert 0 < row.iteration < 400
    assert train(store, broken, 400).kind == "done"
    assert train(store, whole, 400).kind == "done"
    assert_same(store.load(broken), store.load(whole))


def test_a_run_that_is_at_its_goal_is_done_at_once(store: Store) -> None:
    run_id = entered(store)
    train(store, run_id, 5)
    assert train(store, run_id, 5) == Outcome("done")
    assert store.run(run_id).iteration == 5


def test_it_goes_exactly_to_the_goal_and_tells_of_the_way(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "PIECE", 0.01)
    run_id = entered(store)
    told: list[Progress] = []
    train(store, run_id, 333, tell=told.append)
    iterations = [progress.iteration for progress in told]
    assert iterations[0] == 0
    assert iterations[-1] == 333
    assert iterations == sorted(set(iterations))
    assert len(iterations) > 2
    assert told[-1].loss == store.run(run_id).loss
    assert told[0].pace is None
    assert all(progress.pace for progress in told[1:])


def test_every_step_is_taken_with_one_blas_thread(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    step = Trainer._step

    def watched(trainer: Trainer) -> float:
        blas = [library for library in threadpool_info() if library["user_api"] == "blas"]
        threads.extend(library["num_threads"] for library in blas)
        return step(trainer)

    monkeypatch.setattr(Trainer, "_step", watched)
    train(store, entered(store), 20)
    assert len(threads) >= 20
    assert set(threads) == {1}


# What others wish


@pytest.mark.parametrize(
    ("wish", "kind", "status"), [("pause", "paused", "paused"), ("stop", "stopped", "done")]
)
def test_a_wish_is_obeyed_once_and_taken_back(
    store: Store, monkeypatch: pytest.MonkeyPatch, wish: str, kind: str, status: str
) -> None:
    monkeypatch.setattr(workers, "PIECE", 0.01)
    run_id = entered(store)

    def asking(progress: Progress) -> None:
        if progress.iteration:
            store.wish(run_id, wish)

    assert train(store, run_id, 10**6, tell=asking) == Outcome(kind)
    row = store.run(run_id)
    assert (row.status, row.leader, store.wished(run_id)) == (status, None, None)
    assert row.iteration > 0
    assert train(store, run_id, row.iteration + 3).kind == "done"


def test_a_run_that_is_deleted_is_trained_no_further(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "PIECE", 0.01)
    run_id = entered(store)
    assert train(store, run_id, 10**6, tell=lambda _: store.delete(run_id)).kind == "stopped"
    store.restore(run_id)
    assert train(store, run_id, store.run(run_id).iteration + 3).kind == "done"


# Divergence


def test_a_divergence_is_the_run_s_status_and_the_last_good_state_is_kept(store: Store) -> None:
    run_id = entered(store, WILD)
    outcome = train(store, run_id, 5_000)
    assert outcome.kind == "diverged"
    assert outcome.sentence.startswith("Training diverged at iteration ")
    row = store.run(run_id)
    assert (row.status, row.leader) == ("diverged", None)
    trainer = store.load(run_id)
    assert np.isfinite(trainer.network.weights).all()
    assert [event.kind for event in trainer.history.events] == ["diverged"]


# Never two trainers on one run


def test_a_run_that_somebody_else_trains_is_left_alone(store: Store) -> None:
    run_id = entered(store)
    lease = store.lead(run_id, "command line")
    outcome = train(store, run_id, 50)
    assert outcome.kind == "taken over"
    assert "being trained by the command line" in outcome.sentence
    row = store.run(run_id)
    assert (row.status, row.iteration) == ("waiting", 0)
    assert row.leader is not None
    assert row.leader.holder == lease.holder


def test_a_worker_whose_lead_is_taken_over_writes_no_more(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "PIECE", 0.01)
    run_id = entered(store)
    other = Trainer(TEXT, SMALL)
    other.advance(steps=7)
    taken = []

    def take_over(progress: Progress) -> None:
        if progress.iteration and not taken:
            taken.append(store.lead(run_id, "dashboard", take_over=True))
            store.save(taken[0], TEXT, other.state(), seconds=1.0)

    assert train(store, run_id, 10**6, tell=take_over).kind == "taken over"
    row = store.run(run_id)
    assert row.leader is not None
    assert row.leader.kind == "dashboard"
    assert_same(store.load(run_id), other)


# What can go wrong


def test_a_run_that_is_not_there_is_told(store: Store) -> None:
    assert train(store, "a" * 16, 5) == Outcome("failed", "This run is no longer in the store.")


def test_a_damaged_run_is_told_and_given_back(store: Store) -> None:
    run_id = entered(store)
    (state,) = store.snapshots(run_id)
    path = store.snapshot_path(run_id, state.iteration)
    path.write_bytes(path.read_bytes()[:100])
    outcome = train(store, run_id, 5)
    assert outcome.kind == "failed"
    assert "is damaged" in outcome.sentence
    assert store.leader(run_id) is None


def test_a_disk_that_refuses_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = entered(store)
    told: list[Progress] = []

    def full(*args: object, **named: object) -> None:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(Store, "save", full)
    outcome = train(store, run_id, 5, tell=told.append)
    assert outcome == Outcome("failed", "The disk is full.")
    assert [progress.trouble for progress in told] == ["", "The disk is full."]
    assert store.leader(run_id) is None
    assert store.run(run_id).iteration == 0


# The process


@dataclass
class Place:
    """A worker process with a run in hand, as the crew has it."""

    line: Connection
    result: Future[Outcome]
    pid: int

    def await_iteration(self, at_least: int) -> None:
        while self.line.recv().iteration < at_least:
            pass


@contextmanager
def at_work(store: Store, run_id: str, goal: int) -> Iterator[Place]:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    with ProcessPoolExecutor(
        1, mp_context=context, initializer=workers.begin, initargs=(theirs,)
    ) as pool:
        pid = pool.submit(os.getpid)
        result = pool.submit(workers.work, store.folder, run_id, goal)
        theirs.close()
        place = Place(ours, result, pid.result(PATIENCE))
        try:
            yield place
        finally:
            ours.close()


def test_a_worker_process_trains_at_the_lowest_priority(store: Store) -> None:
    run_id, alone = entered(store), entered(store)
    with at_work(store, run_id, 600) as place:
        assert psutil.Process(place.pid).nice() == 19
        assert place.result.result(PATIENCE) == Outcome("done")
        assert place.line.recv() is not None
    train(store, alone, 600)
    assert_same(store.load(run_id), store.load(alone))


@pytest.mark.parametrize("by", ["signal", "word", "silence"])
def test_a_worker_process_saves_and_stops_when_it_is_to(store: Store, by: str) -> None:
    run_id = entered(store)
    with at_work(store, run_id, 10**8) as place:
        place.await_iteration(1)
        os.kill(place.pid, signal.SIGINT)  # a Ctrl-C is for the server
        place.await_iteration(2)
        assert not place.result.done()
        if by == "signal":
            os.kill(place.pid, signal.SIGTERM)
        elif by == "word":
            place.line.send(None)
        else:
            place.line.close()
        assert place.result.result(PATIENCE) == Outcome("interrupted")
    row = store.run(run_id)
    assert (row.status, row.leader) == ("paused", None)
    assert row.iteration > 1


def test_a_worker_process_that_is_killed_leaves_a_whole_store(store: Store) -> None:
    run_id, alone = entered(store), entered(store)
    with at_work(store, run_id, 10**8) as place:
        place.await_iteration(20)
        os.kill(place.pid, signal.SIGKILL)
        assert place.result.exception(PATIENCE) is not None
    row = store.run(run_id)
    assert (row.status, row.leader) == ("paused", None)
    saved = store.load(run_id).iteration
    assert saved == row.iteration
    train(store, run_id, saved + 50)
    train(store, alone, saved + 50)
    assert_same(store.load(run_id), store.load(alone))


_ORPHANED = """
import os, sys
from multiprocessing import get_context
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from rnn import workers

if __name__ == "__main__":
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    pool = ProcessPoolExecutor(1, mp_context=context, initializer=workers.begin, initargs=(theirs,))
    pid = pool.submit(os.getpid).result()
    if sys.argv[3] == "busy":
        pool.submit(workers.work, Path(sys.argv[1]), sys.argv[2], 10**8)
        while not ours.recv().iteration:
            pass
    print(pid, flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("what", ["busy", "idle"])
def test_a_worker_process_does_not_outlive_the_one_that_started_it(
    store: Store, tmp_path: Path, what: str
) -> None:
    run_id = entered(store)
    script = tmp_path / "orphaned.py"
    script.write_text(_ORPHANED, encoding="utf-8")
    root = Path(__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, str(script), str(store.folder), run_id, what],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as parent:
        assert parent.stdout is not None
        worker = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        parent.wait()
        gone_or_dead(worker)
    row = store.run(run_id)
    assert row.leader is None
    assert (row.status == "paused") == (what == "busy")
    assert (row.iteration > 0) == (what == "busy")


def gone_or_dead(process: psutil.Process) -> None:
    """Wait until the process is no more; one that nobody has collected yet counts as that."""
    end = time.monotonic() + PATIENCE
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end, "the process goes on"
        time.sleep(0.05)


def test_workers_import_nothing_heavy() -> None:
    code = (
        "import sys, rnn.crew, rnn.workers;"
        "print(sorted({name.split('.')[0] for name in sys.modules}"
        " & {'streamlit', 'plotly', 'pandas', 'pyarrow', 'tornado', 'ui'}))"
    )
    root = Path(__file__).parents[1]
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True
    )
    assert found.stdout.strip() == "[]"
