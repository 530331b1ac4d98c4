"""Simple models of the training text, and what they would pay on another text.

With c the character, x the n - 1 characters before it and x' all of them but the first,

    P_n(c | x) = (N(xc) + D(x) P_{n-1}(c | x')) / (N(x) + D(x))        P_0(c) = 1 / V

N counts in the training text, N(x) only where a character follows, and D(x) is how many different
characters follow x there. So the longer context speaks up where it has been seen often, and what has
never been seen costs much, but not infinitely much: method C of Witten and Bell (1991), "The
zero-frequency problem", in the interpolated form of Chen and Goodman (1998).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from rnn.analysis.portrait import Portrait, Report
from rnn.network import Array
from rnn.vocabulary import IntArray

ORDERS = (0, 1, 2, 3)
"""How many characters each model looks at, the one it predicts included; 0 knows the vocabulary only."""

_CHUNK = 1 << 15  # characters counted between two reports: a few milliseconds

Floats = NDArray[np.float64]


def surprisals(portrait: Portrait, ids: Array, report: Report) -> Floats:
    """(orders, n) what each character of `ids` (n,) costs under each model of `ORDERS`, in bits.

    The models have counted the portrait's training text, without the held-out part. The first
    characters, which have too few before them, are predicted from those that they have.
    """
    vocab_size = len(portrait.vocabulary)
    probabilities = np.full((len(ORDERS), len(ids)), 1.0 / vocab_size)
    for order in ORDERS[1:]:
        lower = probabilities[order - 1]
        probabilities[order] = lower
        places = np.arange(order - 1, len(ids))
        contexts = _contexts(ids, order, vocab_size)
        seen = _Counts(contexts, portrait, order, _part(report, order))
        probabilities[order, places] = seen.interpolated(contexts, ids[places], lower[places])
    return np.asarray(-np.log2(probabilities))


def _part(report: Report, order: int) -> Report:
    """Reports the share of one order among all."""
    orders = len(ORDERS) - 1
    return lambda share: report((order - 1 + share) / orders)


def _contexts(ids: Array, order: int, vocab_size: int) -> NDArray[np.int64]:
    """A number for the order - 1 characters before each character that has as many."""
    total = max(0, len(ids) - order + 1)
    codes = np.zeros(total, np.int64)
    for place in range(order - 1):
        codes *= vocab_size
        codes += ids[place : place + total]
    return codes


class _Counts:
    """How often each character follows each of the contexts that are asked for."""

    def __init__(
        self, contexts: NDArray[np.int64], portrait: Portrait, order: int, report: Report
    ) -> None:
        """Count in the training text of the portrait."""
        self._vocab_size = len(portrait.vocabulary)
        self._contexts = np.unique(contexts)
        found = [
            np.unique(pairs, return_counts=True) for pairs in self._walk(portrait, order, report)
        ]
        pairs = np.concatenate([pairs for pairs, _ in found] or [np.zeros(0, np.int64)])
        counts = np.concatenate([counts for _, counts in found] or [np.zeros(0, np.intp)])
        self._pairs, which = np.unique(pairs, return_inverse=True)
        self._counts = np.bincount(which, counts, len(self._pairs))  # N(xc)
        owners = self._pairs // self._vocab_size
        self._totals = np.bincount(owners, self._counts, len(self._contexts))  # N(x)
        self._kinds = np.bincount(owners, minlength=len(self._contexts))  # D(x)

    def _walk(self, portrait: Portrait, order: int, report: Report) -> Iterator[NDArray[np.int64]]:
        """What follows the wanted contexts, chunk by chunk: context's place · V + character."""
        end = portrait.held_out_start
        for start in range(0, end if len(self._contexts) else 0, _CHUNK):
            piece = portrait.text[start : min(end, start + _CHUNK + order - 1)]
            ids = portrait.vocabulary.encode(piece)
            places, wanted = self._place(_contexts(ids, order, self._vocab_size))
            following = ids[order - 1 :]
            yield places[wanted] * self._vocab_size + following[wanted]
            report(start / end)
        report(1.0)

    def _place(self, contexts: NDArray[np.int64]) -> tuple[IntArray, NDArray[np.bool_]]:
        """Where each context stands among those that are wanted, and whether it is one of them."""
        return _place(self._contexts, contexts)

    def interpolated(self, contexts: NDArray[np.int64], ids: Array, lower: Floats) -> Floats:
        """(n,) P_n of each character of `ids` after its context, where `lower` (n,) is P_{n-1}."""
        places, _ = self._place(contexts)
        at, seen = _place(self._pairs, places * self._vocab_size + ids)
        counts = np.zeros(len(ids))
        counts[seen] = self._counts[at[seen]]
        totals, kinds = self._totals[places], self._kinds[places]
        known = totals > 0
        shares = (counts + kinds * lower) / np.where(known, totals + kinds, 1)
        return np.where(known, shares, lower)


def _place(among: Array, wanted: Array) -> tuple[IntArray, NDArray[np.bool_]]:
    """The place of each in the rising numbers `among`, and whether it is there at all."""
    if len(among) == 0:
        return np.zeros(len(wanted), np.intp), np.zeros(len(wanted), np.bool_)
    places = np.minimum(np.searchsorted(among, wanted), len(among) - 1)
    return places, among[places] == wanted
