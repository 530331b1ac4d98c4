"""The server holds few runs, under ids that only their owners know."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from rnn import Config
from rnn.store import Store, StoreError
from ui import runs as module
from ui.live import LiveRun
from ui.place import Place, Source
from ui.runs import MOST_RUNS, RUNS, Runs


class Clock:
    """A clock that moves on a second whenever it is read; then `meanwhile` happens, once."""

    def __init__(self) -> None:
        self.now = 0.0
        self.meanwhile: Callable[[], None] | None = None

    def monotonic(self) -> float:
        self.now += 1.0
        happening, self.meanwhile = self.meanwhile, None
        if happening:
            happening()
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


def a_run() -> LiveRun:
    return LiveRun("abcabcabc", Config(hidden_size=2, seq_length=2), Source("own", "a text"))


def no_store() -> Store:
    raise StoreError("There is no store here.")


def runs_of(most: int = MOST_RUNS) -> Runs:
    return Runs(most, no_store)


def added(runs: Runs) -> str:
    run = a_run()
    runs.add(run)
    return run.run_id


def test_a_run_is_found_by_its_id() -> None:
    runs, first, second = runs_of(), a_run(), a_run()
    runs.add(first)
    runs.add(second)
    assert runs.find(first.run_id) is first
    assert runs.find(second.run_id) is second


def test_an_unknown_id_finds_nothing() -> None:
    runs = runs_of()
    run_id = added(runs)
    for unknown in ("", "run", run_id[:-1], run_id + "a", run_id.swapcase() + "x"):
        assert runs.find(unknown) is None


def test_ids_cannot_be_guessed_and_fit_an_address() -> None:
    ids = [Place().run_id for _ in range(3000)]
    assert len(set(ids)) == len(ids)
    # 16 characters of 64 are 96 bits.
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{16}", run_id) for run_id in ids)
    for place in range(1, 16):
        assert len({run_id[place] for run_id in ids}) == 64


def test_of_too_many_the_longest_unseen_goes() -> None:
    runs = runs_of(most=3)
    ids = [added(runs) for _ in range(3)]
    assert runs.find(ids[0]) is not None
    ids.append(added(runs))
    assert [runs.find(run_id) is not None for run_id in ids] == [True, False, True, True]
    # Those asked for just now were seen in the order of the list.
    ids.append(added(runs))
    assert [runs.find(run_id) is not None for run_id in ids] == [False, False, True, True, True]


def test_a_run_that_leaves_memory_no_longer_trains() -> None:
    runs, run = runs_of(most=1), a_run()
    runs.add(run)
    run.play()
    added(runs)
    assert not run.playing


def test_a_run_that_an_open_page_trains_makes_room_for_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A class may be larger than the number of runs that are held."""
    open_pages = {"a", "b", "c"}
    monkeypatch.setattr(module.visitors, "present", open_pages.__contains__)
    runs, trained = runs_of(most=2), [a_run() for _ in open_pages]
    for page, run in zip(sorted(open_pages), trained, strict=True):
        runs.add(run)
        run.play()
        assert run.leads(page, open_pages.__contains__)
    at_rest = a_run()
    runs.add(at_rest)
    assert [run.playing for run in trained] == [True, True, True]
    assert set(runs._seen) == {*trained, at_rest}
    # Once pages are gone, the runs that were seen longest ago make room again.
    open_pages.remove("b")
    added(runs)
    assert [run.playing for run in trained] == [True, False, True]
    assert at_rest not in runs._seen


def test_asking_for_an_unknown_run_keeps_nothing_alive() -> None:
    runs = runs_of(most=1)
    first, second = added(runs), added(runs)
    assert runs.find(first) is None
    assert runs.find(second) is not None
    third = added(runs)
    assert runs.find(second) is None
    assert runs.find(third) is not None


def test_there_are_never_more_than_the_most() -> None:
    runs = runs_of(most=4)
    ids = [added(runs) for _ in range(30)]
    assert [run_id for run_id in ids if runs.find(run_id)] == ids[-4:]


def test_the_server_s_own_runs_are_bounded_by_default() -> None:
    runs = runs_of()
    ids = [added(runs) for _ in range(MOST_RUNS + 3)]
    assert sum(runs.find(run_id) is not None for run_id in ids) == MOST_RUNS
    assert isinstance(RUNS, Runs)


def test_many_threads_may_add_and_find_at_once() -> None:
    runs = runs_of(most=5)
    ids: list[list[str]] = [[] for _ in range(6)]
    errors: list[BaseException] = []
    start = threading.Barrier(len(ids))

    def visit(mine: list[str]) -> None:
        start.wait()
        try:
            for _ in range(20):
                mine.append(added(runs))
                for others in ids:
                    runs.find((others or mine)[-1])
        except BaseException as error:  # a thread's error must reach the test
            errors.append(error)

    visitors = [threading.Thread(target=visit, args=(mine,)) for mine in ids]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert errors == []
    assert sum(runs.find(run_id) is not None for mine in ids for run_id in mine) == 5


def held_after_a_find_amid_adds(runs: Runs, clock: Clock, most: int) -> int:
    """How many runs are held when, in the midst of a `find`, a thread adds as many as there may be."""
    ids = [added(runs)]

    def add_many() -> None:
        ids.extend(added(runs) for _ in range(most))

    adder = threading.Thread(target=add_many)

    def meanwhile() -> None:
        adder.start()
        adder.join(0.5)

    clock.meanwhile = meanwhile
    runs.find(ids[0])
    adder.join()
    return sum(runs.find(run_id) is not None for run_id in ids)


def test_a_run_that_is_found_amid_adds_is_no_run_too_many(clock: Clock) -> None:
    assert held_after_a_find_amid_adds(runs_of(most=3), clock, 3) == 3


class NoLock:
    """Looks like a lock and lets everybody in."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass


def test_without_the_lock_there_would_be_one_too_many(clock: Clock) -> None:
    runs = runs_of(most=3)
    runs._lock = NoLock()  # type: ignore[assignment]
    assert held_after_a_find_amid_adds(runs, clock, 3) == 4
