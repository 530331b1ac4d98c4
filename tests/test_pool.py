"""The pool and its crew: runs wait their turn, are steered one by one, and outlive what ends beside them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import ModuleType, SimpleNamespace

import psutil
import pytest

from rnn import Config, Trainer, crew
from rnn.crew import Crew, places
from rnn.grid import Grid, grid
from rnn.plans import plans
from rnn.presets import PRESET
from rnn.store import Card, Store
from rnn.workers import Progress, train
from tests.test_workers import assert_same, gone_or_dead
from ui import pool as module
from ui.place import Source
from ui.pool import Pool, pool_of

TEXT = PRESET["verse"].text()
SOURCE = Source("verse", "Verse")
SMALL = Config(hidden_size=12, sample_interval=500, sample_length=20)
FOR_EVER = 10**8
PATIENCE = 120.0
ROOT = Path(__file__).parents[1]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


@pytest.fixture
def pool(store: Store) -> Iterator[Pool]:
    pool = Pool(store, most=2)
    yield pool
    pool.close()


def seeds(count: int) -> Grid:
    return grid(SMALL, {}, list(range(count)))


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.02)


def phase(pool: Pool, run_id: str) -> str:
    standing = pool.standing(run_id)
    return standing.phase if standing else "unknown"


def iteration(pool: Pool, run_id: str) -> int:
    standing = pool.standing(run_id)
    return standing.progress.iteration if standing and standing.progress else -1


def wait_for(pool: Pool, run_id: str, *phases: str) -> None:
    wait_until(lambda: phase(pool, run_id) in phases)


def wait_for_iteration(pool: Pool, run_id: str, at_least: int = 1) -> None:
    wait_until(lambda: iteration(pool, run_id) >= at_least)


def crew_of(pool: Pool) -> psutil.Process:
    assert pool._crew is not None
    return psutil.Process(pool._crew.pid)


def worker_of(store: Store, run_id: str) -> psutil.Process:
    leader = store.run(run_id).leader
    assert leader is not None
    return psutil.Process(leader.pid)


# A grid from its beginning to its end


def test_a_grid_is_trained_to_its_end_so_many_at_a_time(store: Store, pool: Pool) -> None:
    made = grid(SMALL, {"hidden_size": [4, 8]}, [0, 1])
    plan = pool.begin(TEXT, SOURCE, made, 300)
    assert plans(store.folder) == [plan]
    at_once = 0
    while any(phase(pool, run_id) != "done" for run_id in plan.runs):
        at_once = max(at_once, [phase(pool, run_id) for run_id in plan.runs].count("training"))
        time.sleep(0.02)
    assert 1 <= at_once <= 2
    rows = {row.id: row for row in store.runs()}
    assert [rows[run_id].name for run_id in plan.runs] == [
        f"Grid 1: hidden size {size}, seed {seed}" for size in (4, 8) for seed in (0, 1)
    ]
    assert {(row.status, row.iteration, row.leader) for row in rows.values()} == {
        ("done", 300, None)
    }
    assert {row.source_key for row in rows.values()} == {"verse"}


def test_what_the_pool_trains_is_what_the_trainer_alone_trains(store: Store, pool: Pool) -> None:
    (run_id,) = pool.begin(TEXT, SOURCE, seeds(1), 400).runs
    wait_for(pool, run_id, "done")
    alone = Trainer(TEXT, SMALL)
    alone.advance(steps=400)
    assert_same(store.load(run_id), alone)


# Pause, stop, resume, one by one


def test_a_run_is_paused_and_goes_on_where_it_was(store: Store, pool: Pool) -> None:
    paused, other = pool.begin(TEXT, SOURCE, seeds(2), FOR_EVER).runs
    wait_for_iteration(pool, paused)
    wait_for_iteration(pool, other)
    pool.ask(paused, "pause")
    wait_for(pool, paused, "paused")
    row = store.run(paused)
    assert (row.status, row.leader, store.wished(paused)) == ("paused", None, None)
    assert phase(pool, other) == "training"
    goal = row.iteration + 100
    pool.train([paused], goal)
    wait_for(pool, paused, "done")
    assert store.run(paused).iteration == goal


def test_a_stopped_run_makes_room_for_the_next(store: Store, pool: Pool) -> None:
    runs = pool.begin(TEXT, SOURCE, seeds(3), FOR_EVER).runs
    wait_until(lambda: [phase(pool, run_id) for run_id in runs].count("training") == 2)
    waiting = next(run_id for run_id in runs if phase(pool, run_id) == "waiting")
    stopped = next(run_id for run_id in runs if run_id != waiting)
    assert store.run(waiting).status == "waiting"
    pool.ask(stopped, "stop")
    wait_for(pool, stopped, "stopped")
    assert store.run(stopped).status == "done"
    wait_for(pool, waiting, "training")


@pytest.mark.parametrize(
    ("wish", "status", "ending"), [("pause", "paused", "paused"), ("stop", "done", "stopped")]
)
def test_a_waiting_run_leaves_the_queue_at_once(
    store: Store, wish: module.Wish, status: str, ending: str
) -> None:
    pool = Pool(store, most=1)
    try:
        first, second = pool.begin(TEXT, SOURCE, seeds(2), FOR_EVER).runs
        wait_for(pool, first, "training")
        pool.ask(second, wish)
        wait_for(pool, second, ending)
        row = store.run(second)
        assert (row.status, row.iteration, store.wished(second)) == (status, 0, None)
        assert phase(pool, first) == "training"
    finally:
        pool.close()


def test_resumed_while_it_is_still_pausing_it_goes_on(store: Store, pool: Pool) -> None:
    (run_id,) = pool.begin(TEXT, SOURCE, seeds(1), FOR_EVER).runs
    for _ in range(3):
        wait_for(pool, run_id, "training")
        before = iteration(pool, run_id)
        pool.ask(run_id, "pause")
        standing = pool.standing(run_id)
        assert standing is not None
        assert standing.asked == "pause" or standing.phase == "paused"
        pool.train([run_id], FOR_EVER)
        wait_for_iteration(pool, run_id, max(1, before + 1))
    pool.ask(run_id, "pause")
    wait_for(pool, run_id, "paused")
    time.sleep(0.5)  # it stays so: an earlier Resume does not count against a later Pause
    assert phase(pool, run_id) == "paused"


def test_a_run_in_hand_is_not_handed_over_twice(store: Store, pool: Pool) -> None:
    (run_id,) = pool.begin(TEXT, SOURCE, seeds(1), FOR_EVER).runs
    wait_for_iteration(pool, run_id)
    pool.train([run_id], FOR_EVER)
    pool.ask(run_id, "stop")
    wait_for(pool, run_id, "stopped")
    time.sleep(0.5)
    assert phase(pool, run_id) == "stopped"


def test_a_paused_run_can_be_stopped(store: Store, pool: Pool) -> None:
    (run_id,) = pool.begin(TEXT, SOURCE, seeds(1), FOR_EVER).runs
    wait_for_iteration(pool, run_id)
    pool.ask(run_id, "pause")
    wait_for(pool, run_id, "paused")
    pool.ask(run_id, "stop")
    assert phase(pool, run_id) == "stopped"
    assert store.run(run_id).status == "done"


# Never two trainers on one run


def test_of_two_servers_on_one_store_one_trains_the_run(store: Store, pool: Pool) -> None:
    (run_id,) = pool.begin(TEXT, SOURCE, seeds(1), FOR_EVER).runs
    wait_for_iteration(pool, run_id)
    worker = worker_of(store, run_id)
    other = Pool(Store(store.folder), most=1)
    try:
        other.train([run_id], FOR_EVER)
        wait_for(other, run_id, "taken over")
        standing = other.standing(run_id)
        assert standing is not None
        assert "being trained by the grid" in standing.sentence
        assert worker_of(store, run_id) == worker
        other.ask(run_id, "pause")  # the wish reaches whoever trains it
        wait_for(pool, run_id, "paused")
    finally:
        other.close()


# What ends beside them


def test_a_killed_worker_leaves_a_whole_run_and_takes_no_other_along(
    store: Store, pool: Pool
) -> None:
    killed, other, next_one = pool.begin(TEXT, SOURCE, seeds(3), FOR_EVER).runs
    wait_for_iteration(pool, killed)
    wait_for_iteration(pool, other)
    worker_of(store, killed).kill()
    wait_for(pool, killed, "killed")
    standing, row = pool.standing(killed), store.run(killed)
    assert standing is not None
    assert standing.sentence == crew.KILLED
    assert (row.status, row.leader) == ("paused", None)
    assert store.load(killed).iteration == row.iteration
    wait_for_iteration(pool, other, iteration(pool, other) + 1)
    wait_for(pool, next_one, "training")
    pool.ask(other, "stop")
    pool.ask(next_one, "stop")
    goal = row.iteration + 200
    pool.train([killed], goal)
    wait_for(pool, killed, "done")
    alone = Trainer(TEXT, SMALL)
    alone.advance(steps=goal)
    assert_same(store.load(killed), alone)


def test_a_killed_crew_is_noticed_and_replaced(store: Store, pool: Pool) -> None:
    first, second, waiting = pool.begin(TEXT, SOURCE, seeds(3), FOR_EVER).runs
    wait_for_iteration(pool, first)
    wait_for_iteration(pool, second)
    workers = [worker_of(store, first), worker_of(store, second)]
    crew_of(pool).kill()
    for run_id in (first, second, waiting):
        wait_for(pool, run_id, "killed")
    for worker in workers:
        gone_or_dead(worker)
    rows = [store.run(run_id) for run_id in (first, second)]
    assert [(row.status, row.leader) for row in rows] == [("paused", None)] * 2
    assert all(row.iteration for row in rows)
    goal = rows[0].iteration + 100
    pool.train([first], goal)
    wait_for(pool, first, "done")


def test_closing_saves_every_run_and_leaves_no_process(store: Store) -> None:
    pool = Pool(store, most=2)
    runs = pool.begin(TEXT, SOURCE, seeds(3), FOR_EVER).runs
    wait_until(lambda: [phase(pool, run_id) for run_id in runs].count("training") == 2)
    processes = [crew_of(pool), *crew_of(pool).children(recursive=True)]
    assert len(processes) >= 3
    pool.close()
    for process in processes:
        gone_or_dead(process)
    rows = [store.run(run_id) for run_id in runs]
    assert {(row.status, row.leader) for row in rows} == {("paused", None)}
    assert not any(pool.standing(run_id).active for run_id in runs)  # type: ignore[union-attr]


_SERVER = """
import sys, types
from pathlib import Path
from select import select

# What the page's server makes of __main__: a script that must not be run again by the workers.
sys.modules["__main__"] = types.ModuleType("__main__")
sys.modules["__main__"].__file__ = sys.argv[2]

from rnn import Config
from rnn.grid import grid
from rnn.presets import PRESET
from rnn.store import Store
from ui.place import Source
from ui.pool import pool_of

pool = pool_of(Store(sys.argv[1]))
base = Config(hidden_size=12, sample_interval=500, sample_length=20)
plan = pool.begin(PRESET["verse"].text(), Source("verse", "Verse"), grid(base, {}, [0, 1]), 10**8)
while not (standing := pool.standing(plan.runs[0])).progress or not standing.progress.iteration:
    pass
print(pool._crew.pid, flush=True)
# A signal just before a read begins would go unnoticed for as long as there is nothing to read.
while not select([sys.stdin], [], [], 1.0)[0]:
    pass
"""


@pytest.mark.parametrize("ending", ["ordinary", "SIGINT", "SIGTERM", "SIGKILL"])
def test_workers_neither_die_with_the_server_nor_outlive_it(
    store: Store, tmp_path: Path, ending: str
) -> None:
    page = tmp_path / "page.py"
    page.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')", encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(store.folder), str(page)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        kept = psutil.Process(int(server.stdout.readline()))
        processes = [kept, *kept.children(recursive=True)]
        if ending == "ordinary":
            server.stdin.close()
        else:
            # To the whole group, as a terminal sends its Ctrl-C.
            os.killpg(server.pid, getattr(signal, ending))
        server.wait(PATIENCE)
        for process in processes:
            gone_or_dead(process)
    rows = store.runs()
    assert {(row.status, row.leader) for row in rows} == {("paused", None)}
    assert max(row.iteration for row in rows) > 0
    assert not (tmp_path / "ran").exists()


# The crew by itself


@pytest.fixture
def _plain_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Streamlit's tests leave behind as `__main__` is a page, which a worker would run again."""
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))


class Told(list[dict[str, object]]):
    """What a crew has told, by the phases of one run."""

    def phases(self, run_id: str) -> list[object]:
        return [message["phase"] for message in self if message["run"] == run_id]


def entered(store: Store) -> str:
    card = Card(name="one", source_key="verse", source_title="Verse", status="waiting")
    return store.create(TEXT, Trainer(TEXT, SMALL).state(), card)


@pytest.mark.usefixtures("_plain_main")
def test_orders_are_carried_out_until_there_are_no_more(store: Store) -> None:
    told, run_id = Told(), entered(store)
    ours = Crew(store.folder, 1, told.append)
    crew.carry_out(ours, [json.dumps({"order": "train", "run": run_id, "goal": 30})])
    wait_until(lambda: "done" in told.phases(run_id))
    ours.close()
    assert told.phases(run_id)[0] == "waiting"
    assert told.phases(run_id)[1] == "training"
    assert store.run(run_id).iteration == 30


def test_a_closed_crew_begins_nothing_more(store: Store) -> None:
    told, run_id = Told(), entered(store)
    ours = Crew(store.folder, 1, told.append)
    ours.close()
    ours.train(run_id, 30)
    assert told == []


def test_a_fault_in_a_worker_is_told_and_the_place_is_free_again(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told, broken, sound = Told(), entered(store), entered(store)
    ours = Crew(store.folder, 1, told.append)

    def trained(run_id: str, goal: int) -> object:
        if run_id == broken:
            raise RuntimeError("a fault")
        return train(store, run_id, goal)

    monkeypatch.setattr(ours, "_trained", trained)
    ours.train(broken, 10)
    ours.train(sound, 10)
    wait_until(lambda: "done" in told.phases(sound))
    assert told.phases(broken) == ["waiting", "failed"]
    assert "a fault" in caplog.text
    ours.close()


def test_one_core_is_left_to_the_page_and_one_place_is_always_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for cores, expected in ((1, 1), (2, 1), (3, 2), (8, 7)):
        monkeypatch.setattr(
            crew.os, "sched_getaffinity", lambda _, n=cores: set(range(n)), raising=False
        )
        assert places() == expected


# What the pool makes of what it hears


def test_words_that_are_no_message_are_passed_over(store: Store) -> None:
    pool = Pool(store, most=1)
    for line in ("", "hello", "[1]", '{"run": "a"}', '{"run": "a", "phase": "training"}'):
        pool._hear(line)
    assert pool.standing("a") is None
    assert pool.changes == 0


def test_progress_alone_is_no_change_of_phase(store: Store) -> None:
    pool = Pool(store, most=1)
    message = {"run": "a", "phase": "training", **asdict(Progress(5, 2.5))}
    pool._hear(json.dumps(message))
    first = pool.changes
    pool._hear(json.dumps({**message, "iteration": 9}))
    assert (pool.changes, iteration(pool, "a")) == (first, 9)
    pool._hear(json.dumps({"run": "a", "phase": "diverged", "sentence": "It ran away."}))
    assert pool.changes == first + 1
    standing = pool.standing("a")
    assert standing is not None
    assert (standing.phase, standing.sentence, standing.active) == (
        "diverged",
        "It ran away.",
        False,
    )


def test_a_server_has_one_pool(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_pools", [])
    monkeypatch.setattr(module, "atexit", SimpleNamespace(register=lambda action: None))
    found: list[Pool] = []
    threads = [threading.Thread(target=lambda: found.append(pool_of(store))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1
