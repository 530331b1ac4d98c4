"""A passage that is looked at closely: a stretch of text, and what is read before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnn.analysis.portrait import Portrait, Reading, Report
from rnn.network import Array
from rnn.vocabulary import UnknownCharacter, Vocabulary

WARM_UP = 100
"""Characters read before a passage, so that the state has forgotten that it began at zero."""

PIECE = 32
"""Steps between two reports of a long reading."""


@dataclass(frozen=True)
class Passage:
    """`text` to look at, read after `before` from a zero state; `left_out` says what is missing.

    `start` is the place of its first character in the training text, None if it is not from there.
    One that `continues` is read from where training stands, as a sample is, and after nothing else.
    """

    text: str
    before: str = ""
    start: int | None = None
    left_out: str | None = None
    continues: bool = False

    @property
    def has_context(self) -> bool:
        """Whether anything has been read before its first character."""
        return self.continues or self.before != ""


def from_text(text: str, start: int, length: int) -> Passage:
    """`length` characters of the text from `start` on, moved so that they lie within it."""
    start = max(0, min(start, len(text) - length))
    return Passage(text[start : start + length], text[max(0, start - WARM_UP) : start], start)


def typed(text: str, vocabulary: Vocabulary, length: int) -> Passage:
    """The first `length` characters of the text that the network knows, with nothing before them.

    The others are left out, and named in one sentence.
    """
    unknown = vocabulary.unknown(text)
    if not unknown:
        return Passage(text[:length])
    known = text.translate(dict.fromkeys(map(ord, unknown)))
    return Passage(known[:length], left_out=f"Left out: {_lower(UnknownCharacter(unknown))}")


def _lower(error: UnknownCharacter) -> str:
    """The first clause of the error's sentence, to go on from another beginning."""
    clause = str(error).split(";")[0]
    return f"{clause[0].lower()}{clause[1:]}."


def read(portrait: Portrait, passage: Passage) -> Reading:
    """What the network holds and expects at each character of the passage; raises UnknownCharacter."""
    encode = portrait.vocabulary.encode
    if passage.continues:
        warm = portrait.states(encode(portrait.text[portrait.pointer]), portrait.hidden)
    else:
        warm = portrait.states(encode(passage.before))
    return portrait.read(encode(passage.text), warm[-1] if len(warm) else None)


def likeliest(probabilities: Array, count: int) -> tuple[Array, Array]:
    """The `count` likeliest characters of each row (n, V) and their probabilities, likeliest first.

    Both (n, count), or (n, V) where the vocabulary is smaller.
    """
    count = min(count, probabilities.shape[1])
    few = np.argpartition(-probabilities, count - 1, axis=1)[:, :count]
    values = np.take_along_axis(probabilities, few, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(few, order, axis=1), np.take_along_axis(values, order, axis=1)


def long_reading(portrait: Portrait, ids: Array, report: Report) -> Array:
    """(n, H) the states after each of the characters `ids` (n,), read from zero in several streams.

    The streams are consecutive parts of the characters, read side by side, each warmed up on the
    `WARM_UP` characters before it: a matrix product over streams takes far less time than as many
    products over single states.
    """
    length = max(WARM_UP, -(-max(0, len(ids) - WARM_UP) // STREAMS))
    streams = max(1, -(-(len(ids) - WARM_UP) // length))
    padded = np.concatenate([ids, np.zeros(WARM_UP + streams * length - len(ids), ids.dtype)])
    columns = padded[np.arange(WARM_UP + length)[:, None] + length * np.arange(streams)]
    states = np.empty((*columns.shape, len(portrait.zero)), portrait.zero.dtype)
    state = np.zeros(states.shape[1:], states.dtype)
    for t in range(0, len(columns), PIECE):
        states[t : t + PIECE] = portrait.states(columns[t : t + PIECE], state)
        state = states[min(t + PIECE, len(columns)) - 1]
        report(min(1.0, (t + PIECE) / len(columns)))
    later = states[WARM_UP:].transpose(1, 0, 2).reshape(-1, states.shape[2])
    return np.concatenate([states[:WARM_UP, 0], later])[: len(ids)]


STREAMS = 16
"""How many parts of a long text are read side by side."""
