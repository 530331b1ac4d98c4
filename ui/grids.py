"""How the runs of a grid stand, in words: from what the store says of them and what the pool knows."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

from rnn.grid import differences
from rnn.plans import Plan, plans
from rnn.store import RunRow, Store
from rnn.workers import KIND
from ui.pool import Phase, Pool, Standing, Wish

FRESH_SECONDS = 2.0
"""While anything trains, the store is read this often; what the pool hears is shown at once."""

_ASKING: dict[Wish, str] = {"pause": "pausing", "stop": "stopping"}


@dataclass(frozen=True)
class Line:
    """One run in the table: what sets it apart, how it stands, and what can be asked of it."""

    label: str
    phase: Phase
    words: str
    share: float
    asked: bool = False

    @property
    def active(self) -> bool:
        """Whether it trains or will do so by itself."""
        return self.phase in ("waiting", "training", "taken over")

    @property
    def stopped(self) -> bool:
        """Whether it was stopped for good: then only its own button makes it go on."""
        return self.phase == "stopped"

    @property
    def can_rest(self) -> bool:
        """Whether it can be paused."""
        return self.phase in ("waiting", "training") and not self.asked

    @property
    def can_go_on(self) -> bool:
        """Whether it can be trained further, to the goal."""
        return self.phase in ("paused", "stopped", "interrupted", "killed", "failed") or self.asked

    @property
    def can_end(self) -> bool:
        """Whether it can be stopped for good."""
        return self.phase not in ("done", "stopped", "diverged", "taken over")


@dataclass(frozen=True)
class _Figures:
    """Where a run is: the newest of what the store and the pool know."""

    iteration: int
    loss: float
    held_out: float | None
    pace: float | None = None
    trouble: str = ""


def _figures(row: RunRow, standing: Standing | None) -> _Figures:
    heard = standing.progress if standing is not None and standing.phase == "training" else None
    if heard is None:
        return _Figures(row.iteration, row.loss, row.held_out)
    return _Figures(heard.iteration, heard.loss, row.held_out, heard.pace, heard.trouble)


def phase_of(row: RunRow, standing: Standing | None, goal: int) -> Phase:
    """How a run stands: as the pool says while it has it in hand, else as the store says."""
    if standing is not None and standing.active:
        return standing.phase
    if row.leader is not None:
        return "training" if row.leader.kind == KIND else "taken over"
    if row.status == "done":
        return "done" if row.iteration >= goal else "stopped"
    if row.status == "diverged":
        return "diverged"
    if standing is not None and standing.phase in ("killed", "failed"):
        return standing.phase
    return "paused"


def line(row: RunRow, standing: Standing | None, plan: Plan, lowest: float = -math.inf) -> Line:
    """One run's line; ``lowest`` is the lowest loss of the grid so far, nats per character."""
    phase, figures = phase_of(row, standing, plan.goal), _figures(row, standing)
    asked = standing.asked if standing is not None and standing.active else None
    words = _words(row, standing, plan.goal, phase, figures)
    if asked is not None:
        words = f"{_ASKING[asked]}: {words}"
    if figures.iteration and figures.loss <= lowest:
        words = f"{words} · lowest loss so far"
    return Line(
        label=differences(row.settings, plan.varied) if plan.varied else row.name,
        phase=phase,
        words=words,
        share=min(1.0, figures.iteration / plan.goal),
        asked=asked is not None,
    )


def _words(
    row: RunRow, standing: Standing | None, goal: int, phase: Phase, figures: _Figures
) -> str:
    how = _how(row, standing, phase, figures.iteration)
    if not figures.iteration and phase in ("waiting", "paused"):
        return how
    parts = [f"{how}: {figures.iteration:,} of {goal:,} iterations"]
    if figures.iteration:
        parts.append(f"{_bits(figures.loss)} bits/char")
    if figures.held_out is not None:
        parts.append(f"{_bits(figures.held_out)} held out")
    if figures.pace is not None:
        parts.append(f"{figures.pace:,.0f} iterations/s")
    if figures.trouble:
        parts.append(f"not saved: {figures.trouble}")
    return " · ".join(parts)


def _how(row: RunRow, standing: Standing | None, phase: Phase, iteration: int) -> str:
    if phase == "waiting":
        return "waiting for its turn"
    if phase == "taken over":
        return f"trained by the {row.leader.kind}" if row.leader else "trained elsewhere"
    if phase == "diverged":
        return "diverged, and back at its last good state"
    if phase in ("killed", "failed"):
        sentence = standing.sentence if standing is not None else ""
        return f"{sentence.rstrip('.')}, so it is paused where it was last saved"
    if phase == "paused" and not iteration:
        return "not begun"
    return phase


def _bits(nats: float) -> str:
    return f"{nats / math.log(2):.3f}"


def known_plans(store: Store) -> list[Plan]:
    """The grids of which any run is left, the newest first. Raises StoreError."""
    there = {row.id for row in store.runs()}
    return [plan for plan in plans(store.folder) if there.intersection(plan.runs)]


class Watch:
    """The table of one grid, for as long as a page shows it."""

    def __init__(self, plan: Plan, pool: Pool) -> None:
        """Read how the runs stand. Raises StoreError."""
        self.plan = plan
        self._pool = pool
        self._changes = -1
        self._read_at = -math.inf
        self._rows: dict[str, RunRow] = {}
        self.lines: Mapping[str, Line] = {}
        self.look()

    def look(self) -> None:
        """Bring the lines up to date. Raises StoreError."""
        changes, now = self._pool.changes, time.monotonic()
        if changes != self._changes or now - self._read_at >= FRESH_SECONDS:
            wanted = set(self.plan.runs)
            self._rows = {row.id: row for row in self._pool.store.runs() if row.id in wanted}
            self._changes, self._read_at = changes, now
        standings = {run_id: self._pool.standing(run_id) for run_id in self._rows}
        figures = [_figures(row, standings[run_id]) for run_id, row in self._rows.items()]
        lowest = min((some.loss for some in figures if some.iteration), default=-math.inf)
        self.lines = {
            run_id: line(self._rows[run_id], standings[run_id], self.plan, lowest)
            for run_id in self.plan.runs
            if run_id in self._rows
        }

    @property
    def about(self) -> str:
        """What the runs are trained on, in words that may come from a person."""
        row = next(iter(self._rows.values()), None)
        return f"{row.source_title}, {row.text_length:,} characters" if row else ""

    def buttons(self) -> tuple[tuple[str, bool, bool, bool], ...]:
        """What can be asked of which run: when this changes, the page has to be drawn anew."""
        return tuple(
            (run_id, some.can_rest, some.can_go_on, some.can_end)
            for run_id, some in self.lines.items()
        )

    @property
    def active(self) -> bool:
        """Whether any run trains or waits for its turn."""
        return any(some.active for some in self.lines.values())
