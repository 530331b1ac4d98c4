"""A portrait: the network as it stood between two training steps, to be read with at leisure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from rnn.network import Array
from rnn.sampler import softmax
from rnn.settings import Config
from rnn.threads import single_thread
from rnn.trainer import Trainer
from rnn.vocabulary import Vocabulary

Report = Callable[[float], None]
"""Told the share done, 0 to 1, every few milliseconds of work; raises to end the analysis early."""


@dataclass(frozen=True)
class Reading:
    """What the network held and expected while it read `ids`, from the state `before` (H,).

    Row i of `hidden` (n, H) is the state after character i; row i of `logits` (n, V) and of
    `probabilities` (n, V), float64, is what it then expected to come next.
    """

    ids: Array
    before: Array
    hidden: Array
    logits: Array

    @property
    def probabilities(self) -> Array:
        """(n, V) the probability of each character to come next, after each character read."""
        return softmax(self.logits)


@dataclass(frozen=True)
class Portrait:
    """A copy of a network, its text and where it stood; immutable, the arrays are read-only.

    `hidden` (H,) is the state that the next window starts from, `pointer` where in the text that
    window starts; the text from `held_out_start` on was kept from training.
    """

    config: Config
    text: str
    held_out_start: int
    vocabulary: Vocabulary
    params: Mapping[str, Array]
    hidden: Array
    pointer: int
    iteration: int

    @property
    def zero(self) -> Array:
        """(H,) the state before anything has been read."""
        return np.zeros(self.config.hidden_size, self.hidden.dtype)

    def states(self, ids: Array, before: Array | None = None) -> Array:
        """The states after each character: (n, H) for `ids` (n,), (n, B, H) for `ids` (n, B).

        `before` (H,) or (B, H) is the state to start from, zero if not given.
        """
        p, ids = self.params, np.asarray(ids)
        state = np.broadcast_to(
            self.zero if before is None else before, (*ids.shape[1:], len(p["bh"]))
        )
        recurrent, columns = np.ascontiguousarray(p["Whh"].T), p["Wxh"].T
        states = np.empty((*ids.shape, len(p["bh"])), self.hidden.dtype)
        with single_thread():
            for t, characters in enumerate(ids):
                np.tanh(columns[characters] + state @ recurrent + p["bh"], out=states[t])
                state = states[t]
        return states

    def logits(self, states: Array) -> Array:
        """(…, V) the logits y = Why·h + by of states (…, H)."""
        with single_thread():
            return np.asarray(states @ self.params["Why"].T + self.params["by"])

    def read(self, ids: Array, before: Array | None = None) -> Reading:
        """What the network holds and expects while it reads `ids` (n,) from `before`, or from zero."""
        before = self.zero if before is None else before
        hidden = self.states(ids, before)
        return Reading(np.asarray(ids), before, hidden, self.logits(hidden))

    def silenced(self, units: Iterable[int]) -> Portrait:
        """The same network with some hidden units held at 0 throughout.

        A unit whose weights in and bias are zero stays at tanh(0) = 0 and reaches nothing.
        """
        silent = list(units)
        params = {name: array.copy() for name, array in self.params.items()}
        for name in ("Wxh", "Whh", "bh"):
            params[name][silent] = 0.0
        hidden = self.hidden.copy()
        hidden[silent] = 0.0
        return replace(self, params=_sealed(params), hidden=hidden)


def portrait_of(trainer: Trainer) -> Portrait:
    """The portrait of ``trainer`` as it stands; call it between two steps."""
    return Portrait(
        config=trainer.config,
        text=trainer.text,
        held_out_start=trainer.held_out_start,
        vocabulary=trainer.vocabulary,
        params=_sealed({name: array.copy() for name, array in trainer.params.items()}),
        hidden=trainer.hidden,
        pointer=trainer.pointer,
        iteration=trainer.iteration,
    )


def _sealed(params: dict[str, Array]) -> dict[str, Array]:
    for array in params.values():
        array.setflags(write=False)
    return params
