"""The turnstile: one inside at a time, in the order in which they came, and nobody waits for ever."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ui import turns as module
from ui.turns import OVERLONG, REMEMBERED, Turnstile

PATIENCE = 30.0  # seconds; for a slow machine, not a measure


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stile(clock: Clock) -> Turnstile:
    return Turnstile(clock)


def until(holds: Callable[[], object]) -> None:
    limit = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.001)


class Guest:
    """Somebody who comes in a thread of its own, and goes when told to."""

    def __init__(self, stile: Turnstile, name: str) -> None:
        self.name = name
        self.entered: bool | None = None
        self._stile = stile
        self._go = threading.Event()
        self._thread = threading.Thread(target=self._come, daemon=True)

    def _come(self) -> None:
        with self._stile.turn(self.name) as entered:
            self.entered = entered
            self._go.wait(4 * PATIENCE)

    def come(self) -> Guest:
        """Come, and wait until it is inside or in the queue."""
        before = len(self._stile._waiting)
        self._thread.start()
        until(lambda: self.entered is not None or len(self._stile._waiting) > before)
        return self

    def go(self) -> None:
        self._go.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


@contextmanager
def guests(stile: Turnstile, *names: str) -> Iterator[list[Guest]]:
    """They come one after the other; all are gone in the end, in that order."""
    there = [Guest(stile, name).come() for name in names]
    try:
        yield there
    finally:
        for guest in there:
            guest.go()


def inside(there: list[Guest]) -> str:
    return "".join(guest.name for guest in there if guest.entered)


# Order


def test_one_alone_enters_at_once_again_and_again(stile: Turnstile) -> None:
    for _ in range(3):
        with stile.turn("a") as entered:
            assert entered


def test_the_second_waits_for_the_first(stile: Turnstile) -> None:
    with guests(stile, "a", "b") as there:
        assert inside(there) == "a"
        there[0].go()
        until(lambda: there[1].entered)


def test_they_enter_in_the_order_in_which_they_came(stile: Turnstile) -> None:
    with guests(stile, *"abcde") as there:
        for place, guest in enumerate(there):
            until(lambda guest=guest: guest.entered)
            assert inside(there) == "abcde"[: place + 1]
            guest.go()


def test_who_has_left_queues_behind_those_who_wait(stile: Turnstile) -> None:
    with guests(stile, "a", "b") as there:
        there[0].go()
        until(lambda: there[1].entered)
        late = Guest(stile, "c").come()
        back = Guest(stile, "a").come()
        assert (late.entered, back.entered) == (None, None)
        there[1].go()
        until(lambda: late.entered)
        assert back.entered is None
        late.go()
        until(lambda: back.entered)
        back.go()


def test_what_is_raised_inside_ends_the_turn(stile: Turnstile) -> None:
    with pytest.raises(RuntimeError, match="inside"), stile.turn("a"):
        raise RuntimeError("inside")
    with stile.turn("b") as entered:
        assert entered


# One who is there already


def test_who_is_inside_is_not_let_in_twice(stile: Turnstile) -> None:
    with stile.turn("a") as first, stile.turn("a") as second:
        assert (first, second) == (True, False)


def test_who_is_refused_ends_nobody_s_turn(stile: Turnstile) -> None:
    with stile.turn("a"):
        with stile.turn("a"):
            pass
        other = Guest(stile, "b").come()
        assert other.entered is None
    until(lambda: other.entered)
    other.go()


def test_who_waits_already_is_refused_at_once_and_keeps_the_place(stile: Turnstile) -> None:
    with guests(stile, "a", "b") as there:
        with stile.turn("b") as entered:
            assert not entered
        there[0].go()
        until(lambda: there[1].entered)


# An overlong turn


def test_who_waits_passes_a_turn_that_takes_too_long(stile: Turnstile, clock: Clock) -> None:
    with guests(stile, "a", "b", "c") as there:
        clock.now += OVERLONG
        until(lambda: there[1].entered)
        assert inside(there) == "ab"
        # The end of the overlong turn lets nobody in: somebody else's turn is under way.
        there[0].go()
        assert there[2].entered is None
        there[1].go()
        until(lambda: there[2].entered)


def test_a_turn_is_not_passed_before_its_time(
    stile: Turnstile, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Semaphore(0)
    passing = stile._pass_overlong

    def pass_and_tell() -> None:
        passing()
        asked.release()

    monkeypatch.setattr(module, "OVERLONG", 0.01)
    monkeypatch.setattr(stile, "_pass_overlong", pass_and_tell)
    with guests(stile, "a", "b") as there:
        clock.now += 0.009
        for _ in range(3):
            assert asked.acquire(timeout=PATIENCE)
        assert inside(there) == "a"


# Fairness


def test_all_have_as_many_turns_however_many_they_are(stile: Turnstile) -> None:
    """Each asks again as soon as it has left; nobody overtakes anybody."""
    names = "abcdefgh"
    everybody = threading.Barrier(len(names))
    order: list[str] = []

    def keep_coming(name: str) -> None:
        everybody.wait(PATIENCE)
        while len(order) < 400:
            with stile.turn(name) as entered:
                assert entered
                order.append(name)
                # Until all others are back in the queue, as pages are whose ticks are long.
                until(lambda: len(stile._waiting) == len(names) - 1 or len(order) >= 400)

    threads = [threading.Thread(target=keep_coming, args=(name,), daemon=True) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    for start in range(0, 400, len(names)):
        assert sorted(order[start : start + len(names)]) == sorted(names)


def test_never_are_two_inside(stile: Turnstile) -> None:
    there, most = Counter[str](), []

    def keep_coming(name: str) -> None:
        for _ in range(200):
            with stile.turn(name):
                there[name] = 1
                most.append(sum(there.values()))
                there[name] = 0

    threads = [threading.Thread(target=keep_coming, args=(name,), daemon=True) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert len(most) == 800
    assert max(most) == 1


# How many train


def test_the_crowd_is_who_has_asked_within_the_last_seconds(stile: Turnstile, clock: Clock) -> None:
    assert stile.crowd() == 0
    for name in "aba":
        with stile.turn(name):
            pass
    assert stile.crowd() == 2
    clock.now += REMEMBERED
    with stile.turn("c"):
        pass
    assert stile.crowd() == 3
    clock.now += 0.5
    assert stile.crowd() == 1


def test_a_long_turn_counts_from_its_end(stile: Turnstile, clock: Clock) -> None:
    with stile.turn("a"):
        clock.now += 2 * REMEMBERED
    assert stile.crowd() == 1
