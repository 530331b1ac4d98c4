"""Ticks grow into the gaps that a slow browser leaves, and the pace is what was really done."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.pace import LONGEST_TICK, SHORTEST_TICK, TIMER_SECONDS, Meter, Pacer


class Beats:
    """Plays the browser and the server: each beat lasts a tick, the next begins a gap later."""

    def __init__(self) -> None:
        self.pacer = Pacer()
        self.now = 100.0
        self.beat(0.0)

    def beat(self, gap: float) -> float:
        """The length of the tick that begins `gap` seconds after the last beat was over."""
        self.now += gap
        self.pacer.begin(self.now)
        tick = self.pacer.tick_seconds
        self.now += tick
        self.pacer.end(self.now)
        return tick

    def several(self, count: int, gap: float) -> list[float]:
        return [self.beat(gap) for _ in range(count)]


def test_the_first_tick_is_the_shortest() -> None:
    assert Pacer().tick_seconds == SHORTEST_TICK
    assert Beats().beat(0.0) == SHORTEST_TICK


def test_a_request_is_waiting_when_a_tick_ends() -> None:
    assert TIMER_SECONDS < SHORTEST_TICK < LONGEST_TICK


def test_ticks_grow_gap_after_gap_up_to_the_longest() -> None:
    ticks = Beats().several(20, gap=1.0)
    assert ticks == sorted(ticks)
    assert ticks[0] > SHORTEST_TICK
    assert ticks[0] < ticks[1] < ticks[2]
    assert ticks[-1] == LONGEST_TICK


@pytest.mark.parametrize("gap", [0.05, 1.0, 60.0, 86_400.0])
def test_one_gap_alone_makes_no_long_tick(gap: float) -> None:
    beats = Beats()
    assert beats.beat(gap) <= 1.5 * SHORTEST_TICK
    assert beats.several(3, gap=0.0)[-1] == SHORTEST_TICK


def test_a_longer_gap_never_makes_a_shorter_tick() -> None:
    ticks = [Beats().beat(gap) for gap in (0.0, 0.02, 0.04, 0.06, 0.5, 5.0)]
    assert ticks == sorted(ticks)
    assert ticks[0] < ticks[1] < ticks[2]


def test_ticks_shrink_while_requests_wait() -> None:
    beats = Beats()
    beats.several(20, gap=1.0)
    ticks = beats.several(12, gap=0.0)
    assert ticks == sorted(ticks, reverse=True)
    assert ticks[0] < LONGEST_TICK
    assert ticks[-1] == SHORTEST_TICK


def test_a_steady_slow_browser_leaves_less_than_half_of_the_time_idle() -> None:
    beats = Beats()
    gap = 0.2
    tick = beats.several(50, gap)[-1]
    assert tick / (tick + gap) > 0.5


@given(gaps=st.lists(st.floats(0, 1e6), max_size=40))
def test_ticks_stay_within_their_bounds(gaps: list[float]) -> None:
    beats = Beats()
    for gap in gaps:
        assert SHORTEST_TICK <= beats.beat(gap) <= LONGEST_TICK


def test_a_pause_is_no_gap() -> None:
    beats = Beats()
    beats.several(20, gap=1.0)
    beats.pacer.rest()
    assert beats.pacer.tick_seconds == SHORTEST_TICK
    beats.pacer.begin(beats.now + 3600.0)
    assert beats.pacer.tick_seconds == SHORTEST_TICK


# The meter


def test_nothing_is_measured_before_two_ticks() -> None:
    meter = Meter()
    assert meter.pace() is None
    meter.add(10.0, 0.1, 100, 2500)
    assert meter.pace() is None


def test_the_pace_counts_what_came_after_the_first_tick_ended() -> None:
    meter = Meter()
    meter.add(10.0, 9.0, 9999, 9999)
    meter.add(10.5, 0.4, 100, 2500)
    meter.add(11.0, 0.2, 50, 1250)
    # One second of wall clock, in which 0.6 s of training took 150 iterations.
    pace = meter.pace()
    assert pace is not None
    assert pace.iterations_per_second == pytest.approx(150.0)
    assert pace.characters_per_second == pytest.approx(3750.0)
    assert pace.training_share == pytest.approx(0.6)


def test_what_lies_long_back_no_longer_counts() -> None:
    meter = Meter()
    for second in range(20):
        meter.add(float(second), 0.9, 1000, 25_000)
    for second in range(20, 30):
        meter.add(float(second), 0.3, 10, 250)
    pace = meter.pace()
    assert pace is not None
    assert pace.iterations_per_second == pytest.approx(10.0)
    assert pace.training_share == pytest.approx(0.3)


def test_ticks_further_apart_than_the_meter_s_seconds_are_still_measured() -> None:
    meter = Meter()
    for minute in range(5):
        meter.add(60.0 * minute, 1.5, 600, 15_000)
    pace = meter.pace()
    assert pace is not None
    assert pace.iterations_per_second == pytest.approx(10.0)
    assert pace.training_share == pytest.approx(1.5 / 60)


def test_the_share_of_training_is_never_above_one() -> None:
    meter = Meter()
    meter.add(0.0, 1.0, 1, 1)
    meter.add(1.0, 1.2, 1, 1)
    pace = meter.pace()
    assert pace is not None
    assert pace.training_share == 1.0


def test_a_clock_that_stands_still_gives_no_pace() -> None:
    meter = Meter()
    meter.add(5.0, 0.1, 10, 250)
    meter.add(5.0, 0.1, 10, 250)
    assert meter.pace() is None


def test_a_rest_forgets_what_was_measured() -> None:
    meter = Meter()
    meter.add(0.0, 0.1, 10, 250)
    meter.add(1.0, 0.1, 10, 250)
    meter.rest()
    assert meter.pace() is None
    meter.add(100.0, 0.1, 10, 250)
    assert meter.pace() is None
