"""What a run will take, told before it is begun: memory from the shapes of its arrays, and its pace.

Memory is that of a run that is open on a page, between two frames: while a sample is drawn, a state is
saved or a text is read in, it takes more for a moment. Pace is a cost model, times how fast this
computer is; drawing, saving and whatever else keeps the computer busy are not in it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from time import perf_counter

import numpy as np

from rnn.network import LARGEST_IDENTITY, Network, Unrolled, parameter_count
from rnn.optimisers import OPTIMISERS
from rnn.settings import Config
from rnn.threads import single_thread
from rnn.trainer import HELD_OUT_CHARACTERS, HELD_OUT_CHUNK

_INDEX = 8  # bytes of an index
_VIEWS = 700  # bytes that Python spends on the views of one time step
_HISTORY = 500_000  # bytes of a history that has filled up


@dataclass(frozen=True)
class Memory:
    """Bytes by what they are for.

    `text` with its indices and vocabulary; `network`: weights, gradients and the optimiser's memory;
    `window`: the buffers of one iteration, and of the held-out loss; `kept`: the state that a
    divergence goes back to, and the history; `shown`: what a page looks at.
    """

    text: int
    network: int
    window: int
    kept: int
    shown: int

    @property
    def total(self) -> int:
        """All of them together."""
        return sum(getattr(self, field.name) for field in fields(self))


def memory(config: Config, text: str, chars: Sequence[str]) -> Memory:
    """The memory of a run on `text`, whose distinct characters are `chars`, sorted."""
    H, V, T = config.hidden_size, len(chars), config.seq_length
    size = np.dtype(config.dtype).itemsize
    held_out = int(len(text) * config.held_out)
    parameters = size * parameter_count(H, V)
    slots = len(OPTIMISERS[config.optimiser].slot_names)
    last_window = T * (size * (H + V) + 2 * _INDEX)
    return Memory(
        text=_text_bytes(text, chars, held_out),
        network=(3 + slots) * parameters,  # weights, gradient, and what an update subtracts
        window=window_bytes(config, V) + _VIEWS * T + _held_out_bytes(config, V, held_out),
        kept=(2 + slots) * parameters + size * config.streams * H + last_window + _HISTORY,
        shown=2 * parameters  # the initial weights, and a portrait
        + config.sample_length * (_INDEX * V + size * H),
    )


def _text_bytes(text: str, chars: Sequence[str], held_out: int) -> int:
    lookup = _INDEX * (ord(chars[-1]) + 2) if chars else 0
    return sys.getsizeof(text) + 2 * (len(text) - held_out) + lookup


def window_bytes(config: Config, vocab_size: int) -> int:
    """The buffers of `rnn.network.Unrolled`, one for one."""
    return _unrolled_bytes(config, vocab_size, config.seq_length, config.streams)


def _unrolled_bytes(config: Config, V: int, steps: int, streams: int) -> int:
    H, rows = config.hidden_size, steps * streams
    more = rows + streams  # rows, where a buffer has one step more than the window
    numbers = more * (V + (H + 1) + (H + V))  # one-hot, states, errors
    numbers += rows * (H + V + V + (H + 1))  # drive, logits, probabilities, slope
    numbers += rows * 2 + max(rows, V)  # peak and total of each row, ones
    numbers += streams * (H + (H + 1))  # what one time step works in
    numbers += V * V if V <= LARGEST_IDENTITY else 0
    return np.dtype(config.dtype).itemsize * numbers + _INDEX * (more + V)


def _held_out_bytes(config: Config, V: int, held_out: int) -> int:
    predicted = min(held_out - 1, HELD_OUT_CHARACTERS)
    if predicted < 1:
        return 0
    chunks = math.ceil(predicted / HELD_OUT_CHUNK)
    length = predicted // chunks
    return _unrolled_bytes(config, V, length, chunks) + _VIEWS * length


# -- pace ----------------------------------------------------------------------------------------

# Nanoseconds in float32, fitted (least squares of the relative error) to the processor time of 48
# settings from H = 1 to 1024, T = 1 to 500, V = 3 to 10,000 and B = 1 to 256 with all optimisers, on
# two cores of a shared virtual machine: there the model was between 0.57 and 1.28 times right.
_STEP = 59_000.0  # an iteration, whatever its size
_TIME_STEP = 3_000.0  # Python's part in one time step
_PRODUCT = 0.03  # a multiplication with its addition, in a matrix product
_ELEMENT = 0.9  # a number in the buffers of the window
_WEIGHT = 3.4  # a weight in an update by Adagrad
_UPDATES = {"adagrad": 1.0, "sgd": 0.6, "rmsprop": 1.0, "adam": 1.6}

_REFERENCE = 150e-6  # seconds that the window below took on that machine
_TRIALS = 20


def step_seconds(config: Config, vocab_size: int) -> float:
    """Seconds of one iteration on the machine that the model was fitted on.

    In float64 everything that grows with the network takes twice as long.
    """
    H, V, rows = config.hidden_size, vocab_size, config.seq_length * config.streams
    recurrent = H * (H + 1) + (H + V) * (H + 1)
    at_once = (H + 1) * V + V * H + (H + V) * (H + 1)
    growing = _PRODUCT * rows * (recurrent + at_once)
    growing += _ELEMENT * rows * (5 * H + 6 * V)
    growing += _WEIGHT * _UPDATES[config.optimiser] * parameter_count(H, V)
    size = np.dtype(config.dtype).itemsize / 4
    return 1e-9 * (_STEP + _TIME_STEP * config.seq_length + size * growing)


def iterations_per_second(config: Config, vocab_size: int) -> float:
    """The pace of training alone on this computer; right within a factor of 3."""
    return 1.0 / (step_seconds(config, vocab_size) * slowness())


@cache
def slowness() -> float:
    """How much longer than there a small window takes here; measured once, in some milliseconds."""
    window = Unrolled(Network(100, 37), 25)
    fastest = math.inf
    with single_thread():
        for _ in range(_TRIALS):
            began = perf_counter()
            window.forward()
            window.backward()
            fastest = min(fastest, perf_counter() - began)
    return fastest / _REFERENCE
