"""The sheet: the text that the network of a run is writing, whoever looks at it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from rnn.analysis import Portrait, Report
from rnn.analysis.copied import Copied, copied
from rnn.analysis.writer import Choice, Writer
from ui.live import LiveRun

MOST_WRITTEN = 2_000
"""Characters that a sheet holds at most."""
MOST_PRIMED = 500
BEAT_SECONDS = 0.25
"""While the sheet plays, a character is written this often."""

_NUMBERS = count(1)


@dataclass(frozen=True)
class Recipe:
    """What a text is written from: the prime, the seed, and how the characters are drawn."""

    prime: str = ""
    seed: int = 0
    temperature: float = 1.0
    top_k: int = 0

    def writer(self, portrait: Portrait) -> Writer:
        """A writer that has read the prime. Raises ValueError for a prime that cannot be read."""
        if len(self.prime) > MOST_PRIMED:
            raise ValueError(
                f"The prime has {len(self.prime):,} characters, and at most {MOST_PRIMED} are read: "
                "shorten it."
            )
        return Writer(portrait, self.prime, self.seed)


@dataclass(frozen=True)
class Written:
    """A text that a network wrote after `prime`, as it was at `iteration`.

    `probabilities` (n,) are what the network gave each character, before temperature and top-k;
    `found` says what of the text was copied, of as many characters as had been written then.
    """

    prime: str
    text: str
    probabilities: NDArray[np.float64]
    iteration: int
    found: Copied | None

    @property
    def whole(self) -> str:
        """The prime and what follows it."""
        return self.prime + self.text

    @property
    def mean_bits(self) -> float | None:
        """Bits per character that the network itself would charge for what it wrote."""
        if not self.text:
            return None
        return float(np.mean(-np.log2(np.maximum(self.probabilities, 1e-300))))


@dataclass(frozen=True)
class Glance:
    """What stands on a sheet at one moment.

    `edition` changes with the text alone, `number` with all that can be seen.
    """

    edition: int
    number: int
    written: Written | None
    picked: int | None
    playing: bool


def write(recipe: Recipe, length: int, portrait: Portrait, report: Report) -> Writer:
    """A writer that has written `length` characters."""
    writer = recipe.writer(portrait)
    writer.write(length, recipe.temperature, recipe.top_k, report)
    return writer


def compare(text: str, portrait: Portrait, report: Report) -> Copied:
    """What of a text is copied from the part of the portrait's text that the network trains on."""
    return copied(text, portrait.text[: portrait.held_out_start], report)


def write_side_by_side(
    recipe: Recipe, temperatures: Sequence[float], length: int, portrait: Portrait, report: Report
) -> tuple[Written, ...]:
    """Write one text at each temperature, all with the same random numbers."""
    texts, parts = [], 2 * len(temperatures)
    for number, temperature in enumerate(temperatures):
        one = replace(recipe, temperature=temperature)
        writer = write(one, length, portrait, _part(report, 2 * number, parts))
        found = compare(writer.text, portrait, _part(report, 2 * number + 1, parts))
        texts.append(_written(writer, found))
    return tuple(texts)


def _part(report: Report, number: int, parts: int) -> Report:
    return lambda share: report((number + share) / parts)


def _written(writer: Writer, found: Copied | None) -> Written:
    return Written(
        writer.prime, writer.text, writer.probabilities, writer.portrait.iteration, found
    )


class Sheet:
    """One text under way, which clicks and beats on several threads may carry on."""

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self._writer: Writer | None = None
        self._recipe = Recipe()
        self._found: Copied | None = None
        self._picked: int | None = None
        self._adopted: Hashable = ()
        self._asked = 0
        self._due = 0.0
        self._edition = self._number = next(_NUMBERS)
        self.playing = False

    def clear(self) -> None:
        """Begin with an empty sheet."""
        with self._lock:
            self.playing = False
            self._take(None, Recipe())

    def adopt(self, version: Hashable, writer: Writer, recipe: Recipe) -> None:
        """Take over what an analysis has written, once for each version of its result."""
        with self._lock:
            if version != self._adopted:
                self._adopted = version
                self.playing = False
                self._take(writer, recipe)

    def add(self, recipe: Recipe, portrait: Callable[[], Portrait]) -> None:
        """Write one more character, with the recipe's temperature and top-k.

        An empty sheet begins with the recipe's prime and seed and the network of now. Raises
        ValueError for a prime that cannot be read, and where the sheet is full.
        """
        with self._lock:
            writer = self._writer
            if writer is None:
                writer = recipe.writer(portrait())
                self._take(writer, recipe)
            if len(writer) >= MOST_WRITTEN:
                raise ValueError(f"The sheet holds {MOST_WRITTEN:,} characters: start over.")
            self._step(writer, recipe)

    def play(self) -> None:
        """Write a character at every beat from now on, until it rests or is full."""
        with self._lock:
            self.playing = True
            self._due = time.monotonic() + BEAT_SECONDS

    def rest(self) -> None:
        """Write no further."""
        with self._lock:
            self.playing = False

    def beat(self, recipe: Recipe) -> bool:
        """While the sheet plays, write a character when its time has come; False once it is over."""
        with self._lock:
            writer = self._writer
            self.playing &= writer is not None and len(writer) < MOST_WRITTEN
            if self.playing and writer is not None and time.monotonic() >= self._due:
                self._due = time.monotonic() + BEAT_SECONDS
                self._step(writer, recipe)
            return self.playing

    def uncompared(self) -> tuple[int, str, Portrait] | None:
        """The edition, the text and its portrait, if that is at rest and has not been asked for yet."""
        with self._lock:
            if self._writer is None or self.playing or self._asked == self._edition:
                return None
            self._asked = self._edition
            return self._edition, self._writer.text, self._writer.portrait

    def note(self, edition: int, found: Copied) -> None:
        """Keep what of the text was copied, if it was found out about this very text."""
        with self._lock:
            if edition == self._edition and self._found is not found:
                self._found = found
                self._number = next(_NUMBERS)

    def pick(self, index: int | None) -> None:
        """Look at the choice of the character at `index`; None, or one outside: the last one."""
        with self._lock:
            inside = (
                index is not None and self._writer is not None and 0 <= index < len(self._writer)
            )
            self._picked = index if inside else None
            self._number = next(_NUMBERS)

    def glance(self) -> Glance:
        """What stands there now."""
        with self._lock:
            written = None if self._writer is None else _written(self._writer, self._found)
            return Glance(self._edition, self._number, written, self._place(), self.playing)

    def choice(self) -> Choice | None:
        """How the character that is looked at was chosen; None while nothing is written."""
        with self._lock:
            place = self._place()
            if self._writer is None or place is None:
                return None
            return self._writer.choice(place)

    def follows(self, recipe: Recipe) -> bool:
        """Whether the text was begun with the recipe's prime and seed, or nothing has begun."""
        with self._lock:
            begun = (self._recipe.prime, self._recipe.seed)
            return self._writer is None or begun == (recipe.prime, recipe.seed)

    def _take(self, writer: Writer | None, recipe: Recipe) -> None:
        self._writer, self._recipe = writer, recipe
        self._found = self._picked = None
        self._edition = self._number = next(_NUMBERS)

    def _step(self, writer: Writer, recipe: Recipe) -> None:
        writer.step(recipe.temperature, recipe.top_k)
        self._picked = None
        self._edition = self._number = next(_NUMBERS)

    def _place(self) -> int | None:
        if self._writer is None or len(self._writer) == 0:
            return None
        return len(self._writer) - 1 if self._picked is None else self._picked


_SHEETS: WeakKeyDictionary[LiveRun, tuple[int, Sheet]] = WeakKeyDictionary()
_SHEETS_LOCK = threading.Lock()


def sheet_of(run: LiveRun) -> Sheet:
    """The sheet of a run; an empty one once the run has begun anew."""
    with _SHEETS_LOCK:
        serial, sheet = _SHEETS.get(run, (None, None))
        if sheet is None or serial != run.serial:
            sheet = Sheet()
            _SHEETS[run] = (run.serial, sheet)
        return sheet
