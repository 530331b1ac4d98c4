"""The optimisers: Adagrad, SGD with momentum, RMSprop and Adam, in place on one flat vector.

Each keeps its memory in `slots`: flat vectors laid out like the weights, by name. Sources:
Adagrad, Duchi et al. 2011; momentum, Polyak 1964 (with the learning rate outside the running sum,
so that a change of rate acts at once); RMSprop, Tieleman and Hinton 2012; Adam, Kingma and Ba 2015.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, TypeAlias

import numpy as np

from rnn.network import Array

EPSILON = 1e-8
EVERYWHERE = slice(None)
Places: TypeAlias = Array | slice


class Optimiser(ABC):
    """Turns gradients into changes of the weights; `steps` counts the updates made."""

    slot_names: ClassVar[tuple[str, ...]]

    def __init__(self, count: int, dtype: np.dtype[Any]) -> None:
        """Empty memory for `count` weights."""
        self.slots = {name: np.zeros(count, dtype) for name in self.slot_names}
        self.steps = 0
        self._change = np.zeros(count, dtype)  # what an update subtracts from the weights

    def update(self, weights: Array, gradient: Array, rate: float) -> None:
        """Change the slots and the weights (N,) in place, without allocating."""
        self.steps += 1
        self._work_out_change(gradient, rate)
        np.subtract(weights, self._change, weights)

    @property
    def last_change(self) -> Array:
        """(N,) what the last update made here has subtracted from the weights; a live view."""
        return self._change

    def effective_rate(self, rate: float, places: Places = EVERYWHERE) -> Array:
        """(N,) the learning rate that every single weight has now, or those at `places`."""
        return np.full_like(self._change[places], rate)

    def last_update(self, gradient: Array, rate: float) -> Array:
        """(N,) what the last step added to each weight, from the gradient and rate it had."""
        return -self.effective_rate(rate) * self._direction(gradient)

    @abstractmethod
    def _work_out_change(self, gradient: Array, rate: float) -> None:
        """Update the slots and fill `_change`."""

    def _direction(self, gradient: Array) -> Array:
        """(N,) what the effective rate multiplies."""
        return gradient


class Adagrad(Optimiser):
    """m += g²; w -= rate·g / sqrt(m + 1e-8)."""

    slot_names = ("squares",)

    def _work_out_change(self, gradient: Array, rate: float) -> None:
        squares, change = self.slots["squares"], self._change
        np.square(gradient, change)
        np.add(squares, change, squares)
        _divide_by_root(gradient, squares, rate, change)

    def effective_rate(self, rate: float, places: Places = EVERYWHERE) -> Array:  # noqa: D102  # as in Optimiser
        return np.asarray(rate / np.sqrt(self.slots["squares"][places] + EPSILON))


class RmsProp(Adagrad):
    """m = 0.9·m + 0.1·g²; w -= rate·g / sqrt(m + 1e-8)."""

    decay = 0.9

    def _work_out_change(self, gradient: Array, rate: float) -> None:
        squares, change = self.slots["squares"], self._change
        np.square(gradient, change)
        _blend(squares, change, self.decay)
        _divide_by_root(gradient, squares, rate, change)


class Sgd(Optimiser):
    """v = 0.9·v + g; w -= rate·v."""

    slot_names = ("momentum",)
    decay = 0.9

    def _work_out_change(self, gradient: Array, rate: float) -> None:
        momentum = self.slots["momentum"]
        np.multiply(momentum, self.decay, momentum)
        np.add(momentum, gradient, momentum)
        np.multiply(momentum, rate, self._change)

    def _direction(self, gradient: Array) -> Array:
        return self.slots["momentum"]


class Adam(Optimiser):
    """v = 0.9·v + 0.1·g; m = 0.999·m + 0.001·g²; w -= rate·v̂ / (sqrt(m̂) + 1e-8).

    v̂ = v / (1 - 0.9^t) and m̂ = m / (1 - 0.999^t) undo the pull towards their zero start.
    """

    slot_names = ("momentum", "squares")
    momentum_decay = 0.9
    squares_decay = 0.999

    def _work_out_change(self, gradient: Array, rate: float) -> None:
        momentum, squares, change = self.slots["momentum"], self.slots["squares"], self._change
        np.copyto(change, gradient)
        _blend(momentum, change, self.momentum_decay)
        np.square(gradient, change)
        _blend(squares, change, self.squares_decay)
        np.sqrt(squares, change)
        np.multiply(change, self._correction(self.squares_decay) ** 0.5, change)
        np.add(change, EPSILON, change)
        np.divide(momentum, change, change)
        np.multiply(change, rate * self._correction(self.momentum_decay), change)

    def _correction(self, decay: float) -> float:
        return 1.0 / (1.0 - decay ** max(self.steps, 1))

    def effective_rate(self, rate: float, places: Places = EVERYWHERE) -> Array:  # noqa: D102  # as in Optimiser
        squares = self.slots["squares"][places] * self._correction(self.squares_decay)
        return np.asarray(rate / (np.sqrt(squares) + EPSILON))

    def _direction(self, gradient: Array) -> Array:
        return np.asarray(self.slots["momentum"] * self._correction(self.momentum_decay))


def _blend(running: Array, new: Array, decay: float) -> None:
    """running = decay·running + (1 - decay)·new, in place; `new` is used up."""
    np.multiply(new, 1.0 - decay, new)
    np.multiply(running, decay, running)
    np.add(running, new, running)


def _divide_by_root(gradient: Array, squares: Array, rate: float, change: Array) -> None:
    """change = rate·gradient / sqrt(squares + 1e-8)."""
    np.add(squares, EPSILON, change)
    np.sqrt(change, change)
    np.divide(gradient, change, change)
    np.multiply(change, rate, change)


OPTIMISERS: dict[str, type[Optimiser]] = {
    "adagrad": Adagrad,
    "sgd": Sgd,
    "rmsprop": RmsProp,
    "adam": Adam,
}
