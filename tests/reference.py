"""The plain computation: float64, one time step after the other, one-hot vectors, no tricks.

It is what the tests compare the network with, and what the bench calls the plain loop.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Parameters = dict[str, Matrix]


def loss_and_gradients(
    params: Parameters, inputs: Sequence[int], targets: Sequence[int], hidden: Matrix
) -> tuple[float, Parameters, Matrix]:
    """One window: the loss in nats, the gradients before the clip, and the last hidden state.

    `hidden` (H, 1) is the state before the window; the biases are columns (H, 1) and (V, 1).
    """
    Wxh, Whh, Why, bh, by = (params[name] for name in ("Wxh", "Whh", "Why", "bh", "by"))
    x, h, p, loss = {}, {-1: hidden}, {}, 0.0
    for t, character in enumerate(inputs):
        x[t] = np.zeros((len(by), 1))
        x[t][character] = 1.0
        h[t] = np.tanh(np.dot(Wxh, x[t]) + np.dot(Whh, h[t - 1]) + bh)
        y = np.dot(Why, h[t]) + by
        y -= y.max()
        e = np.exp(y)
        total = e.sum()
        p[t] = e / total
        loss += np.log(total) - y[targets[t], 0]

    gradients = {name: np.zeros_like(value) for name, value in params.items()}
    dh_next = np.zeros_like(hidden)
    for t in reversed(range(len(inputs))):
        dy = p[t].copy()
        dy[targets[t]] -= 1.0
        gradients["Why"] += np.dot(dy, h[t].T)
        gradients["by"] += dy
        dh = np.dot(Why.T, dy) + dh_next
        dz = (1.0 - h[t] * h[t]) * dh
        gradients["bh"] += dz
        gradients["Wxh"] += np.dot(dz, x[t].T)
        gradients["Whh"] += np.dot(dz, h[t - 1].T)
        dh_next = np.dot(Whh.T, dz)
    return float(loss), gradients, h[len(inputs) - 1]


class PlainLoop:
    """One run, trained with Adagrad the plain way."""

    def __init__(
        self, ids: Sequence[int], params: dict[str, Matrix], seq_length: int, rate: float = 0.1
    ) -> None:
        """Start from copies of `params` (biases flat, as the trainer has them) at iteration 0."""
        self.ids = [int(i) for i in ids]
        self.seq_length, self.rate, self.clip = seq_length, rate, 5.0
        self.params = {name: column(value) for name, value in params.items()}
        self.squares = {name: np.zeros_like(value) for name, value in self.params.items()}
        self.gradients: Parameters = {}
        self.hidden = np.zeros_like(self.params["bh"])
        self.pointer = 0
        self.smooth_loss = -np.log(1.0 / len(self.params["by"])) * seq_length

    def step(self) -> float:
        """One iteration; returns its loss in nats."""
        if self.pointer + self.seq_length + 1 >= len(self.ids):
            self.hidden = np.zeros_like(self.hidden)
            self.pointer = 0
        end = self.pointer + self.seq_length
        inputs, targets = self.ids[self.pointer : end], self.ids[self.pointer + 1 : end + 1]
        loss, gradients, self.hidden = loss_and_gradients(self.params, inputs, targets, self.hidden)
        for name, gradient in gradients.items():
            np.clip(gradient, -self.clip, self.clip, out=gradient)
            self.squares[name] += gradient * gradient
            self.params[name] -= self.rate * gradient / np.sqrt(self.squares[name] + 1e-8)
        self.gradients = gradients
        self.pointer = end
        self.smooth_loss = 0.999 * self.smooth_loss + 0.001 * loss
        return loss


def column(array: Matrix) -> Matrix:
    """A float64 copy, a bias as a column."""
    copy = np.array(array, np.float64)
    return copy.reshape(-1, 1) if copy.ndim == 1 else copy
