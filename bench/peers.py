"""The same training step in PyTorch and in JAX, where they are installed.

Each `make` returns a step: it reads the next window, trains on it and returns the loss in nats.
The mathematics is that of the trainer: tanh, summed cross-entropy, clip to ±5, Adagrad at 0.1.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.intp]
Params = dict[str, NDArray[Any]]
Step = Callable[[], float]

RATE, CLIP, EPSILON = 0.1, 5.0, 1e-8


def windows(ids: Ids, seq_length: int) -> Iterator[tuple[Ids, Ids, bool]]:
    """Inputs, targets and whether to start from a zero hidden state, around and around."""
    pointer = len(ids)
    while True:
        wraps = pointer + seq_length + 1 >= len(ids)
        pointer = 0 if wraps else pointer
        yield (
            ids[pointer : pointer + seq_length],
            ids[pointer + 1 : pointer + seq_length + 1],
            wraps,
        )
        pointer += seq_length


def make_torch(ids: Ids, params: Params, seq_length: int, dtype: str) -> Step:
    """`nn.RNN` with its own Adagrad, eager, on one thread."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    kind = getattr(torch, dtype)
    start = {name: torch.tensor(value, dtype=kind) for name, value in params.items()}
    hidden_size, vocab_size = params["Wxh"].shape
    rnn = nn.RNN(vocab_size, hidden_size, dtype=kind)
    readout = nn.Linear(hidden_size, vocab_size, dtype=kind)
    with torch.no_grad():
        rnn.weight_ih_l0.copy_(start["Wxh"])
        rnn.weight_hh_l0.copy_(start["Whh"])
        rnn.bias_ih_l0.copy_(start["bh"])
        rnn.bias_hh_l0.zero_()  # nn.RNN has two biases where one is enough
        readout.weight.copy_(start["Why"])
        readout.bias.copy_(start["by"])
    rnn.bias_hh_l0.requires_grad_(False)
    weights = [w for w in (*rnn.parameters(), *readout.parameters()) if w.requires_grad]
    # Its own eps stands outside the root; ours is inside, where the sum can start with it.
    optimiser = torch.optim.Adagrad(weights, lr=RATE, initial_accumulator_value=EPSILON, eps=0.0)
    cross_entropy = nn.CrossEntropyLoss(reduction="sum")
    one_hot = torch.eye(vocab_size, dtype=kind)
    zero = torch.zeros(1, hidden_size, dtype=kind)
    hidden, text, windows_of = zero, torch.tensor(ids), windows(np.arange(len(ids)), seq_length)

    def step() -> float:
        nonlocal hidden
        places, _, wraps = next(windows_of)
        first, last = places[0], places[-1]
        optimiser.zero_grad()
        states, after = rnn(one_hot[text[first : last + 1]], zero if wraps else hidden)
        loss = cross_entropy(readout(states), text[first + 1 : last + 2])
        loss.backward()
        nn.utils.clip_grad_value_(weights, CLIP)
        optimiser.step()
        hidden = after.detach()
        return float(loss.item())

    return step


def make_jax(ids: Ids, params: Params, seq_length: int, dtype: str) -> Step:
    """`lax.scan` over time, the whole step compiled by `jit`, buffers given back for reuse."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    from jax import lax

    def window_loss(weights: Any, hidden: Any, inputs: Any, targets: Any) -> Any:
        drive = weights["Wxh"].T[inputs] + weights["bh"]

        def advance(h: Any, row: Any) -> Any:
            h = jnp.tanh(row + weights["Whh"] @ h)
            return h, h

        after, states = lax.scan(advance, hidden, drive)
        logits = states @ weights["Why"].T + weights["by"]
        rows = jnp.arange(len(targets))
        return -jax.nn.log_softmax(logits)[rows, targets].sum(), after

    def update(weights: Any, squares: Any, hidden: Any, inputs: Any, targets: Any) -> Any:
        with_gradient = jax.value_and_grad(window_loss, has_aux=True)
        (loss, after), gradients = with_gradient(weights, hidden, inputs, targets)
        gradients = jax.tree.map(lambda g: jnp.clip(g, -CLIP, CLIP), gradients)
        squares = jax.tree.map(lambda m, g: m + g * g, squares, gradients)
        weights = jax.tree.map(
            lambda w, g, m: w - RATE * g / jnp.sqrt(m + EPSILON), weights, gradients, squares
        )
        return loss, weights, squares, after

    compiled = jax.jit(update, donate_argnums=(0, 1))
    weights = {name: jnp.array(value, dtype) for name, value in params.items()}
    squares = jax.tree.map(jnp.zeros_like, weights)
    zero = jnp.zeros(params["Whh"].shape[0], dtype)
    hidden, windows_of = zero, windows(ids, seq_length)

    def step() -> float:
        nonlocal weights, squares, hidden
        inputs, targets, wraps = next(windows_of)
        loss, weights, squares, hidden = compiled(
            weights, squares, zero if wraps else hidden, inputs, targets
        )
        return float(loss)

    return step


LIBRARIES = {"PyTorch": ("torch", make_torch), "JAX": ("jax", make_jax)}
INSTALLED = {
    name: make
    for name, (module, make) in LIBRARIES.items()
    if importlib.util.find_spec(module) is not None
}
VERSIONS = {name: version(LIBRARIES[name][0]) for name in INSTALLED}
