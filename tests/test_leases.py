"""Leases: one leader a run, whatever processes and clocks do, and no write by anyone else."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnn import Config, Trainer
from rnn.store import Card, Lease, LeaseError, NoRunError, Store, leases
from rnn.store.index import Index

TEXT = "the cat sat on the mat\n" * 12
TRAINER = Trainer(TEXT, Config(hidden_size=4, seq_length=5))


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Machine:
    """A store with clocks set by hand, and a run in it."""

    def __init__(self, folder: Path) -> None:
        self.wall, self.monotonic = Clock(1_700_000_000.0), Clock(50.0)
        self.store = Store(folder, self.wall, self.monotonic)
        self.run = self.store.create(TEXT, TRAINER.state(), Card("cat", "own", "cat"))
        self.index = Index(folder)

    def pass_time(self, seconds: float) -> None:
        self.wall.now += seconds
        self.monotonic.now += seconds

    def pretend(self, **columns: object) -> None:
        """Let the lease look as another process, or another machine, would have left it."""
        with self.index.write() as db:
            for name, value in columns.items():
                db.execute(f"UPDATE leases SET {name} = ?", (value,))

    def save(self, lease: Lease) -> None:
        self.store.save(lease, TEXT, TRAINER.state(), seconds=1.0)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path / "runs")
    yield made
    made.store.close()
    made.index.close()


def test_one_leads_and_the_other_is_told_who(machine: Machine) -> None:
    lease = machine.store.lead(machine.run, "dashboard")
    with pytest.raises(LeaseError) as refused:
        machine.store.lead(machine.run, "command line")
    assert str(refused.value) == (
        f"This run is being trained by the dashboard (process {os.getpid()}); "
        "pause it there, or take it over."
    )
    leader = machine.store.leader(machine.run)
    assert leader is not None
    assert (leader.holder, leader.kind) == (lease.holder, "dashboard")
    machine.save(lease)


def test_the_same_holder_may_ask_again(machine: Machine) -> None:
    lease = machine.store.lead(machine.run, "dashboard", holder="tab")
    assert machine.store.lead(machine.run, "dashboard", holder="tab") == lease


def test_a_released_lead_is_free(machine: Machine) -> None:
    first = machine.store.lead(machine.run, "dashboard")
    machine.store.release(first)
    assert machine.store.leader(machine.run) is None
    second = machine.store.lead(machine.run, "worker")
    machine.store.release(first)  # too late: it is not the first one's to give back
    assert machine.store.leader(machine.run) is not None
    machine.save(second)


def test_taking_over_shuts_the_old_leader_out(machine: Machine) -> None:
    old = machine.store.lead(machine.run, "dashboard")
    new = machine.store.lead(machine.run, "command line", take_over=True)
    for attempt in (machine.save, machine.store.heartbeat):
        with pytest.raises(LeaseError, match="taken over: it is being trained by the command line"):
            attempt(old)
    machine.save(new)
    assert [state.iteration for state in machine.store.snapshots(machine.run)] == [0]
    folder = machine.store.folder / machine.run
    assert len(list(folder.iterdir())) == 1  # what the old leader wrote is gone again


def test_a_leader_that_slept_cannot_write_over_a_successor_that_is_done(machine: Machine) -> None:
    old = machine.store.lead(machine.run, "dashboard")
    machine.pass_time(leases.EXPIRES)
    new = machine.store.lead(machine.run, "command line")
    machine.save(new)
    machine.store.release(new)
    with pytest.raises(LeaseError, match="it was trained from elsewhere"):
        machine.save(old)


def test_a_lease_that_ran_out_revives_if_nobody_led_meanwhile(machine: Machine) -> None:
    lease = machine.store.lead(machine.run, "dashboard")
    machine.pass_time(10 * leases.EXPIRES)
    assert machine.store.leader(machine.run) is None
    machine.save(lease)
    assert machine.store.leader(machine.run) is not None


def test_heartbeats_keep_it(machine: Machine) -> None:
    lease = machine.store.lead(machine.run, "dashboard")
    for _ in range(20):
        machine.pass_time(leases.BEAT)
        machine.store.heartbeat(lease)
        assert machine.store.leader(machine.run) is not None
    machine.pass_time(leases.EXPIRES - 0.1)
    assert machine.store.leader(machine.run) is not None
    machine.pass_time(0.1)
    assert machine.store.leader(machine.run) is None


HERE_ALIVE = {"pid": os.getppid(), "process": "another"}
ELSEWHERE = {"place": "another machine", "process": "another"}


@pytest.mark.parametrize("jump", [-86_400.0, 300.0])
def test_a_wall_clock_that_jumps_frees_no_lease_of_a_living_process(
    machine: Machine, jump: float
) -> None:
    machine.store.lead(machine.run, "dashboard")
    machine.pretend(**HERE_ALIVE)
    machine.wall.now += jump
    assert machine.store.leader(machine.run) is not None
    machine.monotonic.now += leases.EXPIRES - 0.1
    assert machine.store.leader(machine.run) is not None
    machine.monotonic.now += 0.1  # but a heartbeat that was watched standing still has run out
    assert machine.store.leader(machine.run) is None


def test_an_own_lease_does_not_depend_on_the_wall_clock(machine: Machine) -> None:
    lease = machine.store.lead(machine.run, "dashboard")
    machine.wall.now -= 86_400.0
    assert machine.store.leader(machine.run) is not None
    machine.store.heartbeat(lease)
    machine.wall.now += 86_400.0 + leases.ABANDONED - 1
    assert machine.store.leader(machine.run) is not None


@pytest.mark.parametrize(
    ("columns", "age", "free"),
    [
        (HERE_ALIVE, leases.EXPIRES, False),
        (HERE_ALIVE, leases.ABANDONED - 0.1, False),
        (HERE_ALIVE, leases.ABANDONED, True),
        (ELSEWHERE, leases.EXPIRES - 0.1, False),
        (ELSEWHERE, leases.EXPIRES, True),
        (ELSEWHERE, -1000.0, False),
        ({"pid": os.getpid(), "process": "an earlier one"}, 0.0, True),
    ],
)
def test_what_a_newcomer_makes_of_a_lease(
    machine: Machine, columns: dict[str, object], age: float, free: bool
) -> None:
    """A process that sees the lease for the first time has the wall clock alone to go by."""
    machine.store.lead(machine.run, "dashboard")
    machine.pretend(**columns)
    newcomer = Store(machine.store.folder, Clock(machine.wall.now + age), Clock(9.0))
    assert (newcomer.leader(machine.run) is None) == free
    newcomer.close()


def test_a_process_that_is_no_more_leads_nothing(machine: Machine) -> None:
    machine.store.lead(machine.run, "dashboard")
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    machine.pretend(pid=process.pid, process="gone")
    assert machine.store.leader(machine.run) is None


def test_of_many_who_ask_at_once_one_leads(machine: Machine) -> None:
    taken: list[Lease] = []
    refused: list[LeaseError] = []

    def ask() -> None:
        try:
            taken.append(machine.store.lead(machine.run, "dashboard"))
        except LeaseError as error:
            refused.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), len(refused)) == (1, 7)


def test_status_is_training_only_while_somebody_leads(machine: Machine) -> None:
    lease = machine.store.lead(machine.run, "dashboard")
    machine.save(lease)
    row = machine.store.run(machine.run)
    assert (row.status, row.leader and row.leader.kind) == ("training", "dashboard")
    machine.pass_time(leases.EXPIRES)
    row = machine.store.run(machine.run)
    assert (row.status, row.leader) == ("paused", None)


def test_wishes_reach_the_leader(machine: Machine) -> None:
    lease = machine.store.lead(machine.run, "worker")
    assert machine.store.heartbeat(lease) is None
    machine.store.wish(machine.run, "pause")
    machine.store.wish(machine.run, "stop")
    assert machine.store.heartbeat(lease) == machine.store.wished(machine.run) == "stop"
    machine.store.wish(machine.run, None)
    assert machine.store.heartbeat(lease) is None


def test_a_run_that_is_led_is_not_purged(machine: Machine) -> None:
    lease = machine.store.lead(machine.run, "dashboard")
    with pytest.raises(LeaseError, match="being trained by the dashboard"):
        machine.store.purge(machine.run)
    machine.store.release(lease)
    machine.store.purge(machine.run)
    with pytest.raises(NoRunError, match="no longer in the store"):
        machine.save(lease)
    assert not (machine.store.folder / machine.run).exists()
    for attempt in (machine.store.leader, machine.store.wished):
        assert attempt(machine.run) is None
    with pytest.raises(NoRunError):
        machine.store.lead(machine.run, "dashboard")
