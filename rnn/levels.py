"""An honest scale for the loss: reference levels from the text, and units to read it in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from rnn.vocabulary import IntArray

FloatArray = NDArray[np.float64]

_DENSE = 1 << 22  # n-gram codes up to here are counted in a table, beyond it by sorting


@dataclass(frozen=True)
class Levels:
    """Losses of simple guessers that know the text, in nats per character; None: it is too short.

    `uniform` knows only the vocabulary (ln V), `unigram` the characters' frequencies, `bigram` also
    the previous character and `trigram` the two previous ones.
    """

    uniform: float | None
    unigram: float | None
    bigram: float | None
    trigram: float | None


def levels(ids: IntArray, vocab_size: int) -> Levels:
    """The levels of a text given as indices (n,) into a vocabulary of `vocab_size` characters.

    The conditional entropies H(x_n | x_1..x_{n-1}) are plug-in estimates, from the n-grams'
    relative frequencies in this very text (Shannon 1951, "Prediction and entropy of printed
    English"): what a table of its n-grams would lose on the text itself. In a short text most
    trigrams occur once, so that the trigram level lies far below the loss on any other text.
    """
    return Levels(
        uniform=math.log(vocab_size) if vocab_size else None,
        unigram=_conditional_entropy(ids, vocab_size, 1),
        bigram=_conditional_entropy(ids, vocab_size, 2),
        trigram=_conditional_entropy(ids, vocab_size, 3),
    )


def _conditional_entropy(ids: IntArray, vocab_size: int, order: int) -> float | None:
    """H(last character | the `order` - 1 before it) over the n-grams of the text, in nats."""
    total = len(ids) - order + 1
    if total < 1:
        return None
    ngrams, contexts = _counts(ids, vocab_size, order)
    # -sum c/N ln(c/c_context), with the two logarithms summed apart
    return max(0.0, (_sum_n_ln_n(contexts) - _sum_n_ln_n(ngrams)) / total)


def _counts(ids: IntArray, vocab_size: int, order: int) -> tuple[IntArray, IntArray]:
    """How often each n-gram occurs, and how often each context (all but its last character)."""
    total = len(ids) - order + 1
    codes = np.zeros(total, dtype=np.int64)
    for place in range(order):
        codes *= vocab_size
        codes += ids[place : place + total]
    if vocab_size**order <= _DENSE:
        table = np.bincount(codes, minlength=vocab_size**order)
        return table, table.reshape(-1, vocab_size).sum(axis=1)
    present, counts = np.unique(codes, return_counts=True)
    starts = np.flatnonzero(np.diff(present // vocab_size, prepend=-1))
    return counts, np.add.reduceat(counts, starts)


def _sum_n_ln_n(counts: IntArray) -> float:
    occurring = counts[counts > 0]
    return float(np.sum(occurring * np.log(occurring)))


@dataclass(frozen=True)
class Unit:
    """A unit in which the loss can be read."""

    key: str
    label: str
    axis_title: str


UNITS: tuple[Unit, ...] = (
    Unit("window", "Nats per window", "loss (nats per window)"),
    Unit("nats", "Nats per character", "loss (nats per character)"),
    Unit("bits", "Bits per character", "loss (bits per character)"),
    Unit("perplexity", "Perplexity", "perplexity (characters to choose from)"),
)


@overload
def convert(nats_per_char: float, unit: str, seq_length: int) -> float: ...
@overload
def convert(
    nats_per_char: FloatArray, unit: str, seq_length: int | NDArray[np.int64]
) -> FloatArray: ...
def convert(
    nats_per_char: float | FloatArray, unit: str, seq_length: int | NDArray[np.int64]
) -> float | FloatArray:
    """A loss in nats per character, in another unit; same shape as given.

    `unit` is the key of a Unit: "window" is the sum over `seq_length` characters (the classic
    figure), "bits" divides by ln 2, "perplexity" is e to the loss (infinite beyond 709 nats).
    Raises ValueError for any other key.
    """
    values = np.asarray(nats_per_char, dtype=np.float64)
    converted = _converted(values, unit, seq_length)
    return float(converted) if np.ndim(nats_per_char) == 0 else converted


def _converted(values: FloatArray, unit: str, seq_length: int | NDArray[np.int64]) -> FloatArray:
    if unit == "window":
        return np.asarray(values * seq_length)
    if unit == "nats":
        return values
    if unit == "bits":
        return np.asarray(values / math.log(2))
    if unit == "perplexity":
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(values))
    raise ValueError(f"There is no unit {unit!r}; choose from {', '.join(u.key for u in UNITS)}.")
