"""The texts that the dashboard offers, from easy to hard, with what to watch for in each.

The first three are produced here, the rhymes and the story are read from `data/` (long out of
copyright; see `data/README.md`), and the last is Python's own source on the machine.
The iterations in `watch_for` were measured over several seeds with the preset's settings.
"""

from __future__ import annotations

import bisect
import inspect
import queue
import random
import sched
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

from rnn.decoding import TextFacts, describe
from rnn.settings import Value

__all__ = ["DEFAULT_PRESET", "PRESET", "PRESETS", "Preset", "PresetError", "TextFacts", "describe"]

DATA = Path(__file__).resolve().parent.parent / "data"

# In every Python from 3.11 to 3.14, pure ASCII, 41 to 44 kB together.
_SOURCES = (textwrap, queue, sched, bisect)

_BRACKET_LINES = 1_000
_DEEPEST = 6
_MOST_PAIRS = 12  # so that a line, 24 brackets and its end, just fills the default window
_OPENING = 0.7


# A window of whole rounds, so that the picture of the hidden states stands still.
_TINY: dict[str, Value] = {"seq_length": 24, "learning_rate": 0.05}

# The held-out loss of both long texts falls lower than with the defaults.
_LONG: dict[str, Value] = {"seq_length": 40, "learning_rate": 0.05, "held_out": 0.1}


class PresetError(Exception):
    """A preset's text is not there; the message is one sentence for the person."""


@dataclass(frozen=True)
class Preset:
    """A text on offer.

    `key` names it in an address; `watch_for` says in one or two sentences what will be seen and
    when; `config` holds the settings that differ from the defaults, for `Config().replace`.
    """

    key: str
    title: str
    watch_for: str
    load: Callable[[], str] = field(repr=False)
    config: dict[str, Value] = field(default_factory=dict, hash=False)

    def text(self) -> str:
        """The text, the same every time. Raises PresetError if it cannot be read."""
        return self.load()


def _repeated(unit: str, length: int) -> str:
    return unit * (length // len(unit))


@cache
def _brackets() -> str:
    """Lines of balanced brackets; a line ends where its first bracket is closed."""
    generator = random.Random(0)
    return "".join(_bracket_line(generator) for _ in range(_BRACKET_LINES))


def _bracket_line(generator: random.Random) -> str:
    line, depth, pairs = "(", 1, 1
    while depth:
        if depth < _DEEPEST and pairs < _MOST_PAIRS and generator.random() < _OPENING:
            line, depth, pairs = line + "(", depth + 1, pairs + 1
        else:
            line, depth = line + ")", depth - 1
    return line + "\n"


@cache
def _from_file(name: str) -> str:
    try:
        return (DATA / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PresetError(
            f"The text data/{name} cannot be read: put it back from the project, or choose another."
        ) from error


def _counting() -> str:
    """The rhyme four times over, so that the network learns to begin again after the end."""
    return "\n".join([_from_file("counting.txt")] * 4)


@cache
def _python_source() -> str:
    try:
        return "\n".join(inspect.getsource(module) for module in _SOURCES)
    except OSError as error:
        raise PresetError(
            "This Python comes without the source of its standard library: choose another text."
        ) from error


PRESETS = (
    Preset(
        key="cycle",
        title="012012012…",
        watch_for=(
            "Each digit follows from the one before, so four hidden units have it within about 300 "
            "iterations, in a blink. Press Reset and then Step to see it happen: the hidden states "
            "settle into a round of three patterns."
        ),
        load=partial(_repeated, "012", 300),
        config=_TINY | {"hidden_size": 4},
    ),
    Preset(
        key="hello",
        title="hello hello hello…",
        watch_for=(
            "After the first l comes another l and after the second an o, so the network must "
            "remember which of the two it has just read. The sample is nearly all hello within "
            "about 300 iterations: press Reset and then Step to see it happen."
        ),
        load=partial(_repeated, "hello ", 300),
        config=_TINY | {"hidden_size": 8},
    ),
    Preset(
        key="brackets",
        title="Balanced brackets",
        watch_for=(
            "A line ends where its first bracket is closed, so the network must count: half of the "
            "sample's lines balance after about 1,000 iterations, nine in ten after 10,000. "
            "Whether one more opens is chance, so the loss stays above 0.35 nats per character."
        ),
        load=_brackets,
        config={"hidden_size": 32, "learning_rate": 0.05},
    ),
    Preset(
        key="counting",
        title="Counting rhyme",
        watch_for=(
            "First come single words, then whole lines and their order, about half of it right "
            "after 2,500 iterations, sooner or later with another seed. After 10,000 the sample "
            "counts from one to twenty with few slips and begins again."
        ),
        load=_counting,
        config={"hidden_size": 64},
    ),
    Preset(
        key="verse",
        title="Verse: Cock Robin",
        watch_for=(
            "Gibberish becomes words within about 5,000 iterations, and by 15,000 about a third of "
            "the lines are lines of the rhyme. Meanwhile the smooth loss falls from 90 nats per "
            "window to about 12 at 5,000 and 3.5 at 10,500, sooner or later with another seed."
        ),
        load=partial(_from_file, "verse.txt"),
    ),
    Preset(
        key="alice",
        title="Story: Alice, ch. 1 to 3",
        watch_for=(
            "Within about 2,500 iterations the sample has words such as the, she, and; within "
            "10,000 also Alice. Between 10,000 and 20,000 the held-out loss stops falling while "
            "the training loss still does: the network is learning this text by heart."
        ),
        load=partial(_from_file, "alice.txt"),
        config=_LONG,
    ),
    Preset(
        key="python",
        title="Program: Python",
        watch_for=(
            "Indented lines come within about 2,500 iterations, self within 5,000, def within "
            "10,000, and by 15,000 most indents are multiples of four. By then the held-out loss "
            "has all but stopped falling while the training loss has not."
        ),
        load=_python_source,
        config=_LONG,
    ),
)
"""From easy to hard."""

PRESET = {preset.key: preset for preset in PRESETS}

DEFAULT_PRESET = "verse"
"""What a newcomer sees first: gibberish becomes words within 5,000 iterations, then whole lines."""
