"""Sampling: let the network write, character by character, each drawn character its next input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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
    """The drawn characters alone (n,); the states that gave them go into `states` (n, H) if given.

    The likeliest character after Gumbel noise has been added to y / temperature is distributed as
    softmax(y / temperature) (Gumbel 1954): no softmax, no sum, no search, character by character.
    """
    H, columns, stack_T = network.hidden_size, network.columns, network.stack.T
    h1 = np.ones(H + 1, network.dtype)  # the last entry stays one
    h1[:H] = hidden
    add, tanh, dot = np.add, np.tanh, h1.dot
    h, z = h1[:H], dot(stack_T)
    from_h, y, noisy = z[:H], z[H:], np.zeros_like(z[H:])  # Whh h + bh; Why h + by

    def read(character: int) -> None:
        add(from_h, columns[character], from_h)
        tanh(from_h, h)
        dot(stack_T, z)

    for character in inputs.tolist():
        read(character)
    ids = np.zeros(n, np.intp)
    for i, noise in enumerate(_noise(rng, (n, len(y)), temperature, y.dtype)):
        add(y, noise, noisy)
        character = _likeliest(y, noisy, top_k) if top_k else int(noisy.argmax())
        if states is not None:
            states[i] = h
        ids[i] = character
        read(character)
    return ids


def _noise(
    rng: np.random.Generator, shape: tuple[int, int], temperature: float, dtype: np.dtype[Any]
) -> Iterator[Array]:
    """n rows (V,), of shape (n, V) together, of standard Gumbel noise, times the temperature.

    What is taken from `rng` depends on the shape alone, so that two samples from one seed differ by
    the weights and the settings alone.
    """
    n, vocab_size = shape
    for start in range(0, n, NOISE_ROWS):
        noise = rng.standard_exponential((min(NOISE_ROWS, n - start), vocab_size))
        np.log(noise, noise)
        noise = -temperature * noise if temperature else np.zeros_like(noise)
        yield from noise.astype(dtype)


def _likeliest(y: Array, noisy: Array, top_k: int) -> int:
    """The largest entry of `noisy` among the `top_k` largest of `y`."""
    candidates = np.argsort(-y, kind="stable")[:top_k]
    return int(candidates[noisy[candidates].argmax()])
