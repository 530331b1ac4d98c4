"""The film of a run: what each of its saved states shows, and the place where the film stands."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnn.analysis import Report
from rnn.compare import bits
from rnn.stills import Lens, Limits, Still, histograms, limits, look
from rnn.store import Snapshot, Store
from ui import ribbon
from ui.figures import sides
from ui.frames import Arrays
from ui.stored import Kept

_ROOM = 2.0
"""How many times the newest histograms' height the film's has: earlier ones are taller."""


@dataclass(frozen=True)
class Picture:
    """One saved state, ready to be sent: the contents of each panel."""

    iteration: int
    loss: float
    states: Arrays
    expected: Arrays
    weights: Arrays
    sample: dict[str, Any]


@dataclass(frozen=True)
class Film:
    """The pictures of a run, oldest first; `key` says of which run and through which lens."""

    key: Hashable
    pictures: tuple[Picture, ...]


_FILMS: Kept[Film] = Kept(3)


def found(store: Store, run_id: str, lens: Lens) -> Film | None:
    """The film of this run through this lens, if it was shot not long ago; by now the run may be longer."""
    return _FILMS.find((store.folder, run_id, lens))


def shoot(
    store: Store, run_id: str, states: Sequence[Snapshot], lens: Lens, report: Report
) -> Film:
    """Look at every saved state of the run, the newest first: it sets the scales for all of them.

    Raises StoreError. ``report`` is told the share done after each state.
    """
    newest = look(store.load_snapshot(run_id, states[-1].iteration), lens)
    scales = _Scales.of(newest, lens)
    pictures = [scales.picture(newest)]
    for done, state in enumerate(reversed(states[:-1]), 1):
        report(done / len(states))
        still = look(store.load_snapshot(run_id, state.iteration), lens)
        pictures.append(scales.picture(still))
    film = Film((store.folder, run_id, lens), tuple(reversed(pictures)))
    _FILMS.put(film.key, film)
    return film


@dataclass(frozen=True)
class _Scales:
    """What stays the same throughout a film."""

    lens: Lens
    rows: np.ndarray[Any, Any]
    within: Limits
    top: float

    @classmethod
    def of(cls, newest: Still, lens: Lens) -> _Scales:
        peaks = newest.probabilities.max(axis=0, initial=0.0)
        peaks[newest.ids] = 2.0  # a character of the passage has a row before any other
        within = limits(newest.weights, newest.initial)
        shown = histograms(newest.weights, newest.weights, within)
        return cls(lens, sides.likeliest_rows(peaks), within, _ROOM * sides.tallest(shown))

    def picture(self, still: Still) -> Picture:
        shown = histograms(still.weights, still.initial, self.within)
        return Picture(
            iteration=still.iteration,
            loss=still.loss,
            states=sides.states_arrays(still.hidden, self.lens.passage.text),
            expected=sides.expected_arrays(
                still.probabilities[:, self.rows], still.ids, self.rows, still.chars
            ),
            weights=sides.weights_arrays(shown, self.top),
            sample=sample_content(still),
        )


def sample_content(still: Still) -> dict[str, Any]:
    """The sample for a ribbon: blue where the network was sure of the character, orange where not."""
    tips = [f"probability {share:.1%}" for share in still.drawn.tolist()]
    return ribbon.content(still.sample.text, shade=2 * still.drawn - 1, tips=tips)


def moment(picture: Picture) -> str:
    """Where in the run a picture was taken, in words."""
    return f"iteration {picture.iteration:,} · {bits(picture.loss):.2f} bits/char"


PER_SECOND = (1, 2, 4, 7)
"""Pictures a second; the page's timer cannot show many more."""


class Projector:
    """Where a film stands, and its course while it plays."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Stand at the newest picture; ``clock`` counts seconds."""
        self._clock = clock
        self._began: tuple[float, int] = (0.0, 0)
        self.key: Hashable = None
        self.count = 0
        self.place = 0
        self.playing = False
        self.per_second = 2

    def load(self, film: Film) -> None:
        """Show this film; another one than before, or one that has grown, stands at its end."""
        if (film.key, len(film.pictures)) == (self.key, self.count):
            return
        self.key, self.count = film.key, len(film.pictures)
        self.place, self.playing = self.count - 1, False

    def play(self) -> None:
        """Go on from here; from the end, begin again."""
        if self.place >= self.count - 1:
            self.place = 0
        self._began = (self._clock(), self.place)
        self.playing = self.count > 1

    def pause(self) -> None:
        """Stand still."""
        self.playing = False

    def seek(self, place: int) -> None:
        """Stand still at a picture."""
        self.playing = False
        self.place = max(0, min(int(place), self.count - 1))

    def speed(self, per_second: int) -> None:
        """Play so many pictures a second from here on."""
        if per_second != self.per_second:
            self.per_second = per_second
            self._began = (self._clock(), self.place)

    def beat(self) -> bool:
        """Go to where the film should be by now; False once it stands still."""
        if self.playing:
            began, first = self._began
            seen = int((self._clock() - began) * self.per_second)
            self.place = min(first + seen, self.count - 1)
            self.playing = self.place < self.count - 1
        return self.playing
