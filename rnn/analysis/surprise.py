"""Surprise: what each character of any text costs the network, against simpler models of its text."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnn.analysis.interpolated import surprisals
from rnn.analysis.portrait import Portrait, Report
from rnn.network import Array
from rnn.sampler import softmax
from rnn.vocabulary import IntArray

GUESSES = 5
MOST_CHARACTERS = 2_000
"""A longer text is read up to here."""

_CHUNK_WORK = 1 << 22  # multiplications between two reports: a few milliseconds
_LONGEST_CHUNK = 512
_READING = 0.5  # the share of the work that is done once the network has read the text

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Surprise:
    """How surprised the network was by a text of n characters, and by what.

    The surprisal -log2 p of a character is NaN where there is none: at the first character that the
    network knows, which it only reads, and at `unknown` characters, which it passes over as if they
    were not there. `guesses` (n, G) are the likeliest characters at each place, likeliest first, and
    `shares` (n, G) their probabilities (0 where there is no surprisal). `models` (4, n) are the
    surprisals of the models `ORDERS` of `rnn.analysis.interpolated`, at the same places.
    """

    text: str
    bits: Floats
    guesses: IntArray
    shares: Floats
    models: Floats
    unknown: tuple[str, ...]

    @property
    def scored(self) -> int:
        """How many characters have a surprisal."""
        return int(np.count_nonzero(~np.isnan(self.bits)))

    @property
    def total(self) -> float:
        """Bits that the text cost in all."""
        return float(np.nansum(self.bits))

    @property
    def mean(self) -> float | None:
        """Bits per character; None where no character has a surprisal."""
        return self.total / self.scored if self.scored else None

    @property
    def model_means(self) -> tuple[float, ...] | None:
        """Bits per character of each model of `ORDERS`, over the same characters."""
        if not self.scored:
            return None
        return tuple(float(mean) for mean in np.nansum(self.models, 1) / self.scored)


def surprise(portrait: Portrait, text: str, report: Report) -> Surprise:
    """Read `text`, of which the first MOST_CHARACTERS count, from a zero hidden state.

    Characters outside the vocabulary are left out of what the network and the models read.
    """
    text = text[:MOST_CHARACTERS]
    unknown = portrait.vocabulary.unknown(text)
    strange = set(unknown)
    known = np.flatnonzero([char not in strange for char in text])
    ids = portrait.vocabulary.encode("".join(char for char in text if char not in strange))
    bits, guesses, shares = _read(portrait, ids, lambda share: report(_READING * share))
    models = surprisals(portrait, ids, lambda share: report(_READING + (1 - _READING) * share))
    scored = known[1:]
    return Surprise(
        text=text,
        bits=_spread(bits, scored, len(text), math.nan),
        guesses=_spread(guesses, scored, len(text), 0),
        shares=_spread(shares, scored, len(text), 0.0),
        models=_spread(models[:, 1:].T, scored, len(text), math.nan).T,
        unknown=unknown,
    )


def _read(portrait: Portrait, ids: Array, report: Report) -> tuple[Floats, IntArray, Floats]:
    """Surprisals (n - 1,), guesses and their shares (n - 1, G) of all characters but the first."""
    scored, shown = max(0, len(ids) - 1), min(GUESSES, len(portrait.vocabulary))
    bits = np.zeros(scored)
    guesses, shares = np.zeros((scored, shown), np.intp), np.zeros((scored, shown))
    before = portrait.zero
    chunk = _chunk(portrait)
    for start in range(0, scored, chunk):
        places = slice(start, min(scored, start + chunk))
        states = portrait.states(ids[places], before)
        logits = portrait.logits(states)
        bits[places] = _surprisal(logits, ids[start + 1 : places.stop + 1])
        guesses[places], shares[places] = _likeliest(softmax(logits), shown)
        before = states[-1]
        report(places.stop / scored)
    return bits, guesses, shares


def _chunk(portrait: Portrait) -> int:
    """How many characters are read between two reports."""
    work = portrait.params["Whh"].size + portrait.params["Why"].size
    return max(1, min(_LONGEST_CHUNK, _CHUNK_WORK // work))


def _surprisal(logits: Array, targets: Array) -> Floats:
    """(n,) -log2 softmax(logits)[target] of logits (n, V): finite, however unlikely the target."""
    y = np.asarray(logits, np.float64)
    y = y - y.max(1, keepdims=True)
    nats = np.log(np.exp(y).sum(1)) - y[np.arange(len(y)), targets]
    return np.asarray(nats / math.log(2))


def _likeliest(p: Floats, shown: int) -> tuple[IntArray, Floats]:
    """The likeliest characters (n, shown) of distributions (n, V), likeliest first, and their p."""
    order = np.argsort(-p, axis=1, kind="stable")[:, :shown]
    return order, np.take_along_axis(p, order, 1)


def _spread(values: Array, places: IntArray, n: int, elsewhere: float) -> Array:
    """(n, …) the values at their places, and `elsewhere` at all others."""
    spread = np.full((n, *values.shape[1:]), elsewhere, values.dtype)
    spread[places] = values
    return spread
