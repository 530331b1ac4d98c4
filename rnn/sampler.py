"""Sampling: let the network write, character by character, each drawn character its next input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from rnn.network import Array, Network

NOISE_ROWS = 64  # characters whose noise is drawn in one go


@dataclass(frozen=True)
class Sample:
    """What the network wrote, and what it held while writing.

    `probabilities` (n, V) are the network's own softmax, before temperature and top-k;
    `hidden` (n, H) is the state that gave each character.
    """

    text: str
    ids: Array
    probabilities: Array
    hidden: Array


def shape_distribution(probabilities: Array, temperature: float, top_k: int) -> Array:
    """(…, V) what is drawn from: p^(1/temperature) over the `top_k` likeliest, summing to one.

    `temperature` 0 is greedy: all of it on the likeliest character (the first, if several tie).
    `top_k` 0 keeps all characters; a tie for the last place goes to the earlier ones.
    """
    p = np.asarray(probabilities, np.float64)
    if temperature == 0:
        top_k = 1
    if temperature not in (0, 1):
        with np.errstate(divide="ignore", over="ignore"):
            logarithm = np.log(p)
            p = np.exp((logarithm - logarithm.max(-1, keepdims=True)) / temperature)
    if 0 < top_k < p.shape[-1]:
        likeliest = np.argsort(-p, axis=-1, kind="stable")[..., :top_k]
        kept = np.zeros_like(p)
        np.put_along_axis(kept, likeliest, np.take_along_axis(p, likeliest, -1), -1)
        p = kept
    return np.asarray(p / p.sum(-1, keepdims=True))


def softmax(logits: Array) -> Array:
    """(…, V) probabilities in float64, finite for logits of any finite size."""
    y = np.asarray(logits, np.float64)
    p = np.exp(y - y.max(-1, keepdims=True))
    return np.asarray(p / p.sum(-1, keepdims=True))


def sampled_probabilities(network: Network, states: Array) -> Array:
    """(n, V) the network's probabilities in float64, from the states (n, H) that `draw` noted."""
    return softmax(states @ network.params["Why"].T + network.params["by"])


class Pen:
    """Reads and writes one character at a time, into buffers that are bound once.

    `hidden` (H,) is the state after all that was read so far, `logits` (V,) what is expected next;
    the next character overwrites both.
    """

    __slots__ = ("_columns", "_from_h", "_h1", "_noisy", "_stack_T", "_z", "hidden", "logits")

    def __init__(self, network: Network, hidden: Array) -> None:
        """Take up the network's weights at the state `hidden` (H,), which is copied."""
        H = network.hidden_size
        self._columns, self._stack_T = network.columns, network.stack.T
        self._h1 = np.ones(H + 1, network.dtype)  # the last entry stays one
        self._h1[:H] = hidden
        self._z = self._h1.dot(self._stack_T)
        self.hidden, self.logits = self._h1[:H], self._z[H:]
        self._from_h = self._z[:H]  # Whh h + bh
        self._noisy = np.zeros_like(self.logits)

    def read(self, character: int) -> None:
        """Take in one character."""
        np.add(self._from_h, self._columns[character], self._from_h)
        np.tanh(self._from_h, self.hidden)
        self._h1.dot(self._stack_T, self._z)

    def choose(self, noise: Array, top_k: int) -> int:
        """The next character, drawn with one row (V,) of `scaled` noise; it is not read yet.

        The likeliest character after Gumbel noise has been added to y / temperature is distributed
        as softmax(y / temperature) (Gumbel 1954): no softmax, no sum, no search.
        """
        np.add(self.logits, noise, self._noisy)
        if top_k:
            return _likeliest(self.logits, self._noisy, top_k)
        return int(self._noisy.argmax())


def draw(
    network: Network,
    hidden: Array,
    inputs: Array,
    n: int,
    temperature: float,
    top_k: int,
    rng: np.random.Generator,
    states: Array | None = None,
) -> Array:
    """The drawn characters alone (n,); the states that gave them go into `states` (n, H) if given."""
    pen = Pen(network, hidden)
    for character in inputs.tolist():
        pen.read(character)
    ids = np.zeros(n, np.intp)
    blocks = gumbel_noise(rng, n, network.vocab_size)
    rows = chain.from_iterable(scaled(block, temperature, network.dtype) for block in blocks)
    for i, noise in enumerate(rows):
        character = pen.choose(noise, top_k)
        if states is not None:
            states[i] = pen.hidden
        ids[i] = character
        pen.read(character)
    return ids


def gumbel_noise(rng: np.random.Generator, n: int, vocab_size: int) -> Iterator[Array]:
    """Standard Gumbel noise in blocks of rows (…, V), n rows together.

    What a row holds depends on `rng`, on V and on the rows before it alone, so that two samples from
    one seed differ by the weights and the settings alone.
    """
    for start in range(0, n, NOISE_ROWS):
        noise = rng.standard_exponential((min(NOISE_ROWS, n - start), vocab_size))
        np.log(noise, noise)
        yield np.negative(noise, noise)


def scaled(noise: Array, temperature: float, dtype: np.dtype[Any]) -> Array:
    """Gumbel noise times the temperature, in the network's precision; none at temperature 0."""
    return np.asarray(temperature * noise if temperature else np.zeros_like(noise), dtype)


def _likeliest(y: Array, noisy: Array, top_k: int) -> int:
    """The largest entry of `noisy` among the `top_k` largest of `y`."""
    candidates = np.argsort(-y, kind="stable")[:top_k]
    return int(candidates[noisy[candidates].argmax()])
