"""The network: a vanilla recurrent network over characters, forward and backward.

The equations stand in `Unrolled.forward` and `Unrolled.backward`, side by side:

    h_t = tanh(Wxh x_t + Whh h_{t-1} + bh)      x_t one-hot
    y_t = Why h_t + by
    p_t = softmax(y_t)
    loss = sum over t of -ln p_t[target_t]      nats

Only the two recurrences walk over time; all else is done for the whole window at once.
Shapes: T time steps, B streams (parallel windows), V characters, H hidden units.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

LARGEST_IDENTITY = 1024  # characters up to which one-hot rows are copied from a kept matrix
PARAMETERS = ("Wxh", "Whh", "Why", "bh", "by")


def parameter_count(hidden_size: int, vocab_size: int) -> int:
    """How many numbers the five parameters hold together."""
    return hidden_size * (2 * vocab_size + hidden_size + 1) + vocab_size


def named_views(flat: Array, hidden_size: int, vocab_size: int) -> dict[str, Array]:
    """Name the five parameters inside one flat vector; writing to a view writes to the vector."""
    columns, stack = blocks(flat, hidden_size, vocab_size)
    h = hidden_size
    return {
        "Wxh": columns.T,
        "Whh": stack[:h, :h],
        "Why": stack[h:, :h],
        "bh": stack[:h, h],
        "by": stack[h:, h],
    }


def blocks(flat: Array, hidden_size: int, vocab_size: int) -> tuple[Array, Array]:
    """The two blocks that the flat vector holds, chosen for the products that a step needs.

    `columns` (V, H): the columns of Wxh, each in one piece. `stack` (H + V, H + 1): [Whh bh] above
    [Why by], all that multiplies a state, when a one is appended to it.
    """
    h, v = hidden_size, vocab_size
    return flat[: v * h].reshape(v, h), flat[v * h :].reshape(h + v, h + 1)


class Network:
    """The parameters and their gradients: each one flat vector, with named views into it."""

    def __init__(self, hidden_size: int, vocab_size: int, dtype: str = "float32") -> None:
        """All parameters zero; `draw` gives them their first values."""
        self.hidden_size = hidden_size
        self.vocab_size = vocab_size
        self.dtype = np.dtype(dtype)
        count = parameter_count(hidden_size, vocab_size)
        self.weights = np.zeros(count, self.dtype)
        self.gradient = np.zeros(count, self.dtype)
        self.params, self.gradients = self.name(self.weights), self.name(self.gradient)
        self.columns, self.stack = blocks(self.weights, hidden_size, vocab_size)
        self.d_columns, self.d_stack = blocks(self.gradient, hidden_size, vocab_size)

    def name(self, flat: Array) -> dict[str, Array]:
        """Views of a flat vector under the parameters' names and shapes."""
        return named_views(flat, self.hidden_size, self.vocab_size)

    def draw(self, rng: np.random.Generator, scale: float) -> None:
        """Draw Wxh, Whh and Why, in that order, from N(0, 1)·scale; the biases become zero.

        The draw is made in float64 whatever the dtype, so that a seed means the same network.
        """
        self.weights.fill(0.0)
        for name in ("Wxh", "Whh", "Why"):
            self.params[name][...] = rng.standard_normal(self.params[name].shape) * scale


class Unrolled:
    """A network unrolled over T characters in B parallel streams, every buffer bound once.

    Write the characters into `ids` (T + 1, B) and the state before the window into `before`
    (B, H); then `forward` and `backward` fill all the rest without allocating.
    Row t·B + b of a buffer belongs to time step t of stream b. Where a buffer has one step more
    than the window, its first step stands for the state before the window.
    """

    def __init__(self, network: Network, seq_length: int, streams: int = 1) -> None:
        """Bind buffers for windows of `seq_length` characters in `streams` streams."""
        self.network = network
        self.seq_length, self.streams = seq_length, streams
        dtype, H, V = network.dtype, network.hidden_size, network.vocab_size
        batch, rows = streams, seq_length * streams

        self.ids = np.zeros((seq_length + 1, batch), np.intp)
        self._flat_ids = self.ids.reshape(-1)
        self._one_hot = np.zeros((rows + batch, V), dtype)
        self._alphabet = np.arange(V)
        self._identity = np.eye(V, dtype=dtype) if V <= LARGEST_IDENTITY else None
        self._inputs = self._flat_ids[:rows]
        self._x, self._target = self._one_hot[:rows], self._one_hot[batch:]
        self._target_flat = self._target.reshape(-1)

        self._states = np.ones((rows + batch, H + 1), dtype)  # the last column stays one
        self._states[:, :H] = 0.0
        self._h1 = self._states[batch:]
        self.before, self.after = self._states[:batch, :H], self._states[rows:, :H]
        self._drive = np.zeros((rows, H), dtype)
        self._z = np.zeros((batch, H) if batch > 1 else H, dtype)

        self._logits = np.zeros((rows, V), dtype)
        self._logits_flat = self._logits.reshape(-1)
        self._peak = np.zeros((rows, 1), dtype)
        self._total = np.zeros(rows, dtype)
        self._p = np.zeros((rows, V), dtype)
        self._ones = np.ones(max(rows, V), dtype)

        self._errors = np.zeros((rows + batch, H + V), dtype)  # a row is [dz_{t+1} dy_t]
        self._dz, self._dy = self._errors[:rows, :H], self._errors[batch:, H:]
        self._slope = np.zeros((rows, H + 1), dtype)
        self._dh1 = np.zeros((batch, H + 1) if batch > 1 else H + 1, dtype)

        states, drive = self._over_time(self._states), self._over_time(self._drive)
        self._forward_rows = [
            (states[t].dot, drive[t], states[t + 1][..., :H]) for t in range(seq_length)
        ]
        errors, slope = self._over_time(self._errors), self._over_time(self._slope)
        self._backward_rows = [
            (errors[t + 1].dot, slope[t][..., :H], errors[t][..., :H])
            for t in reversed(range(seq_length))
        ]

    def _over_time(self, buffer: Array) -> list[Array]:
        """One view a time step: (n,) for a single stream (vector · matrix), else (B, n)."""
        shape = (-1, self.streams, buffer.shape[1]) if self.streams > 1 else buffer.shape
        return list(buffer.reshape(shape))

    @property
    def hidden(self) -> Array:
        """(T, B, H) the states h_t of the last forward pass."""
        return self._h1.reshape(self.seq_length, self.streams, -1)[:, :, :-1]

    @property
    def probabilities(self) -> Array:
        """(T, B, V) the probabilities p_t of the last forward pass."""
        return self._p.reshape(self.seq_length, self.streams, -1)

    def forward(self) -> float:
        """Run the window; returns the loss: nats summed over the window, mean over the streams."""
        H, stack = self.network.hidden_size, self.network.stack
        z, logits, p, total = self._z, self._logits, self._p, self._total
        recurrent_T, readout_T = stack[:H].T, stack[H:].T  # [Whh bh]ᵀ and [Why by]ᵀ
        add, tanh = np.add, np.tanh

        self.network.columns.take(self._inputs, 0, self._drive, "clip")  # Wxh x_t: (T·B, H)
        for h1_dot, drive, h in self._forward_rows:
            h1_dot(recurrent_T, z)  # Whh h_{t-1} + bh
            add(z, drive, z)
            tanh(z, h)

        np.dot(self._h1, readout_T, logits)  # (T·B, H + 1) @ (H + 1, V) -> (T·B, V)
        np.maximum.reduce(logits, 1, keepdims=True, out=self._peak)
        np.subtract(logits, self._peak, logits)  # softmax(y) = softmax(y - max y), never overflows
        np.exp(logits, p)
        np.dot(p, self._ones[: p.shape[1]], total)
        np.divide(p, total[:, None], p)

        # -ln p[target] = ln(total) - (y[target] - max y): finite even where p rounds to zero.
        np.log(total, total)
        self._fill_one_hot()
        surprise = self._ones[: len(total)].dot(total) - self._target_flat.dot(self._logits_flat)
        return float(surprise) / self.streams

    def _fill_one_hot(self) -> None:
        """One row for every character of `ids`: the inputs x, and one step later the targets."""
        if self._identity is not None:
            self._identity.take(self._flat_ids, 0, self._one_hot, "clip")
        else:
            np.equal(self._flat_ids[:, None], self._alphabet, self._one_hot)

    def backward(self) -> None:
        """Backpropagate the last `forward` through the whole window into `network.gradients`."""
        H, stack = self.network.hidden_size, self.network.stack
        dy, dh1 = self._dy, self._dh1
        dh, multiply = dh1[..., :H], np.multiply

        np.subtract(self._p, self._target, dy)  # d loss / d y
        if self.streams > 1:
            np.divide(dy, self.streams, dy)  # the mean over the streams
        np.square(self._h1, self._slope)
        np.subtract(1.0, self._slope, self._slope)  # tanh' = 1 - h²
        for errors_dot, slope, dz in self._backward_rows:
            errors_dot(stack, dh1)  # Whhᵀ dz_{t+1} + Whyᵀ dy_t
            multiply(dh, slope, dz)

        np.dot(self._x.T, self._dz, self.network.d_columns)  # (V, T·B) @ (T·B, H) -> (V, H)
        # (H + V, (T + 1)·B) @ ((T + 1)·B, H + 1): dWhh, dbh, dWhy and dby in one product
        np.dot(self._errors.T, self._states, self.network.d_stack)
