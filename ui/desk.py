"""What the blocks of the Compare page share: the store, the runs that are shown, those that are chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from rnn.store import RunRow, Store
from ui import state
from ui.figures.strokes import Stroke, assigned, stroke
from ui.palette import Palette
from ui.shell import Page

_CHOSEN = "compare_chosen"
_PLACES = "compare_places"
_SAID = "compare_said"
_UNDO = "compare_undo"
FIRST_CHOSEN = 3
"""Runs that are chosen on a first visit: those begun last, so that there is a curve to see."""


@dataclass(frozen=True)
class Desk:
    """One look at the store: `living` are all runs but the deleted ones, `shown` those in the table."""

    page: Page
    store: Store
    everything: Sequence[RunRow]
    living: Sequence[RunRow]
    shown: Sequence[RunRow]

    @cached_property
    def chosen(self) -> list[RunRow]:
        """The chosen runs, in the order in which they were chosen."""
        by_id = {run.id: run for run in self.living}
        return [by_id[run_id] for run_id in chosen_ids(self.living) if run_id in by_id]

    @cached_property
    def places(self) -> dict[str, int]:
        """The stroke of each chosen run by its id: the one that it had before, as long as it is chosen."""
        places = assigned(
            [run.id for run in self.chosen], dict(state.widget_value(_PLACES, {}) or {})
        )
        state.set_widget(_PLACES, places)
        return places

    def stroke(self, run_id: str) -> Stroke | None:
        """How a chosen run is drawn; None for any other."""
        place = self.places.get(run_id)
        return None if place is None else stroke(self.palette, place)

    def colour(self, run_id: str) -> str | None:
        """A chosen run's colour; None for any other."""
        look = self.stroke(run_id)
        return None if look is None else look.colour

    @property
    def palette(self) -> Palette:
        """The page's colours."""
        return self.page.palette


def chosen_ids(living: Sequence[RunRow]) -> list[str]:
    """The ids that the person has chosen; the first time that there are runs, the first few of them."""
    kept: list[str] | None = state.widget_value(_CHOSEN, None)
    if kept is None and living:
        kept = [run.id for run in living[:FIRST_CHOSEN]]
        choose(kept)
    return list(kept or [])


def choose(run_ids: Sequence[str]) -> None:
    """Choose these runs, and no others."""
    state.set_widget(_CHOSEN, list(run_ids))


# Sentences. They may hold the name of a run, so they are shown as plain text only.


def say(sentence: str, undo: Sequence[str] = ()) -> None:
    """Keep a sentence to be shown; ``undo`` are runs that can be brought back."""
    state.set_widget(_SAID, sentence)
    state.set_widget(_UNDO, list(undo))


def said() -> tuple[str, list[str]]:
    """The sentence that was kept, "" if none, and the runs that can be brought back."""
    return state.widget_value(_SAID, "") or "", list(state.widget_value(_UNDO, []) or [])
