"""Ablation: hold some hidden units at 0 and see what the network then does worse.

A unit that hardly changes acts as a bias: silencing it may cost much although it remembers nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rnn.analysis.passage import WARM_UP, Passage, long_reading, read
from rnn.analysis.portrait import Portrait, Report
from rnn.analysis.writer import Writer
from rnn.network import Array
from rnn.threads import single_thread

Floats = NDArray[np.float64]

CHARACTERS = 2_000
"""Characters of the text, from its start, that a loss is measured on; at most."""

PRODUCTS = 4e11
"""Multiplications that silencing every unit by itself may take; a large network reads fewer characters."""

_BYTES = 64 << 20  # of logits that are kept at a time


@dataclass(frozen=True)
class Ablation:
    """What silencing `units` does: the losses in bits per character, over `characters` of the text.

    `whole` and `without` are samples from the same place with the same random numbers.
    """

    units: tuple[int, ...]
    characters: int
    loss: float
    silenced_loss: float
    whole: str
    without: str

    @property
    def cost(self) -> float:
        """Bits per character that the network loses with these units; below 0 where it gains."""
        return self.silenced_loss - self.loss


@dataclass(frozen=True, eq=False)
class Ranking:
    """`costs` (H,): bits per character lost without each unit by itself, over `characters`."""

    characters: int
    loss: float
    costs: Floats

    @property
    def order(self) -> NDArray[np.intp]:
        """(H,) the units, the one that is missed most first."""
        return np.argsort(-self.costs, kind="stable")


def ablate(portrait: Portrait, units: Iterable[int], length: int, report: Report) -> Ablation:
    """Silence these units; the samples have `length` characters.

    Raises ValueError if no unit is named, or one that does not exist.
    """
    chosen = tuple(sorted(set(units)))
    _require(portrait, chosen)
    ids = stretch(portrait, CHARACTERS)
    silent = portrait.silenced(chosen)
    return Ablation(
        units=chosen,
        characters=len(ids) - 1,
        loss=loss(portrait, ids, lambda share: report(0.4 * share)),
        silenced_loss=loss(silent, ids, lambda share: report(0.4 + 0.4 * share)),
        whole=_sample(portrait, length),
        without=_sample(silent, length),
    )


def _require(portrait: Portrait, units: tuple[int, ...]) -> None:
    last = portrait.config.hidden_size - 1
    if not units:
        raise ValueError("No unit is chosen: choose one or more to silence.")
    if units[0] < 0 or units[-1] > last:
        raise ValueError(f"There is no such unit: they are numbered from 0 to {last}.")


def stretch(portrait: Portrait, characters: int) -> Array:
    """The first characters of the text as indices, one more than are predicted."""
    return portrait.vocabulary.encode(portrait.text[: characters + 1])


def loss(portrait: Portrait, ids: Array, report: Report) -> float:
    """Mean bits per character at which the network expects each of `ids` (n,) but the first."""
    states = long_reading(portrait, ids[:-1], report)
    rows = max(1, _BYTES // (8 * len(portrait.vocabulary)))
    total = 0.0
    for begin in range(0, len(states), rows):
        logits = portrait.logits(states[begin : begin + rows])
        total += float(surprisal(logits, ids[begin + 1 : begin + 1 + len(logits)]).sum())
    return total / len(states)


def surprisal(logits: Array, targets: Array) -> Floats:
    """(n,) bits: -log2 of the probability that logits (n, V) give to the targets (n,)."""
    y = np.asarray(logits, np.float64)
    y = y - y.max(axis=-1, keepdims=True)
    of_target = np.take_along_axis(y, np.asarray(targets)[:, None], axis=-1)[:, 0]
    return np.asarray((np.log(np.exp(y).sum(axis=-1)) - of_target) / math.log(2))


def cost_by_character(portrait: Portrait, passage: Passage, units: Iterable[int]) -> Floats:
    """(n,) bits by which each character of the passage is more surprising with `units` silenced.

    The first character is 0 where nothing stands before it: nothing was expected there.
    """
    cost = _surprisals(portrait.silenced(units), passage) - _surprisals(portrait, passage)
    if not passage.has_context:
        cost[:1] = 0.0
    return cost


def _surprisals(portrait: Portrait, passage: Passage) -> Floats:
    reading = read(portrait, passage)
    expecting = np.concatenate([reading.before[None], reading.hidden[:-1]])[: len(reading.ids)]
    return surprisal(portrait.logits(expecting), reading.ids)


def rank(portrait: Portrait, report: Report) -> Ranking:
    """Silence every unit by itself.

    All H networks read side by side: row u of the states belongs to the one without unit u.
    """
    H, V = len(portrait.zero), len(portrait.vocabulary)
    ids = stretch(portrait, min(CHARACTERS, max(WARM_UP, int(PRODUCTS / (H * H * (H + V))))))
    p = portrait.params
    recurrent, readout = np.ascontiguousarray(p["Whh"].T), np.ascontiguousarray(p["Why"].T)
    states = np.zeros((H, H), portrait.zero.dtype)
    losses, whole = np.zeros(H), loss(portrait, ids, lambda share: None)
    with single_thread():
        for t, (character, target) in enumerate(pairwise(ids)):
            states = np.tanh(states @ recurrent + (p["Wxh"][:, character] + p["bh"]))
            np.fill_diagonal(states, 0.0)
            losses += surprisal(states @ readout + p["by"], np.full(H, target))
            report((t + 1) / (len(ids) - 1))
    return Ranking(len(ids) - 1, whole, losses / (len(ids) - 1) - whole)


def _sample(portrait: Portrait, length: int) -> str:
    """What the network writes from where training stands, with the numbers of the periodic sample."""
    config = portrait.config
    return Writer(portrait, seed=config.seed).write(length, config.temperature, config.top_k)
