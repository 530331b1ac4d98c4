"""How long a tick trains, and how fast training really goes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

TIMER_SECONDS = 0.095
"""How often the browser asks for a frame. Somewhat shorter than a tick, so that the next request is
already waiting when a tick ends and training goes on without a gap."""

SHORTEST_TICK = 0.1
LONGEST_TICK = 1.5
LONGEST_SHARED = 0.5
"""The longest tick where several runs train: as long, the others wait for their turn."""
SHORTEST_SHARED = 0.05
"""Shorter, and drawing frames would take more of the time than training."""
ROUND_SECONDS = 1.0
"""Where many runs train, ticks are so short that each has its turn about this often."""
_GAP_WORTH_FILLING = 0.012
_METER_SECONDS = 4.0


class Pacer:
    """Chooses the length of the next tick from how long the server had to wait for the last request.

    A browser that asks late (slow, or its page hidden) leaves gaps in which nothing is trained; then
    ticks grow until they fill them. One whose request is waiting already gets short ticks again.
    Where several runs train, the others fill the gaps: then a tick makes up for this run's part only.
    """

    def __init__(self) -> None:
        """Start with the shortest tick."""
        self.tick_seconds = SHORTEST_TICK
        self._ended: float | None = None

    def begin(self, now: float, crowd: int = 1) -> None:
        """Note that a beat begins at ``now``, and choose its tick's length; ``crowd`` runs train."""
        gap = 0.0 if self._ended is None else now - self._ended
        if crowd > 1:
            shortest = min(SHORTEST_TICK, max(SHORTEST_SHARED, ROUND_SECONDS / crowd))
            self.tick_seconds = min(max(gap / crowd, shortest), LONGEST_SHARED)
        elif self._ended is not None:
            self._fill(gap)

    def _fill(self, gap: float) -> None:
        # One long gap may be a page that loads; only gap after gap makes long ticks.
        longer = min(self.tick_seconds + 0.6 * gap, 1.5 * self.tick_seconds)
        wanted = longer if gap > _GAP_WORTH_FILLING else 0.7 * self.tick_seconds
        self.tick_seconds = min(max(wanted, SHORTEST_TICK), LONGEST_TICK)

    def end(self, now: float) -> None:
        """Note that the beat was over at ``now``."""
        self._ended = now

    def rest(self) -> None:
        """Forget the last beat: training has been paused, and the gap means nothing."""
        self._ended = None
        self.tick_seconds = SHORTEST_TICK


@dataclass(frozen=True)
class Pace:
    """Measured over the last few seconds of training; the share is training time over wall time."""

    iterations_per_second: float
    characters_per_second: float
    training_share: float


@dataclass(frozen=True)
class _Tick:
    ended: float
    training: float
    iterations: int
    characters: int


class Meter:
    """Measures the pace of training over the last few seconds of the wall clock."""

    def __init__(self) -> None:
        """Start with nothing measured."""
        self._ticks: deque[_Tick] = deque()

    def add(self, ended: float, training: float, iterations: int, characters: int) -> None:
        """Note a tick that ended at ``ended`` and spent ``training`` seconds inside training steps."""
        self._ticks.append(_Tick(ended, training, iterations, characters))
        while len(self._ticks) > 2 and ended - self._ticks[1].ended > _METER_SECONDS:
            self._ticks.popleft()

    def rest(self) -> None:
        """Forget what was measured, because training has stopped."""
        self._ticks.clear()

    def pace(self) -> Pace | None:
        """The pace, or ``None`` before two ticks."""
        if len(self._ticks) < 2:
            return None
        wall = self._ticks[-1].ended - self._ticks[0].ended
        if wall <= 0.0:
            return None
        later = list(self._ticks)[1:]
        return Pace(
            iterations_per_second=sum(tick.iterations for tick in later) / wall,
            characters_per_second=sum(tick.characters for tick in later) / wall,
            training_share=min(1.0, sum(tick.training for tick in later) / wall),
        )
