"""How gradients fade or grow on their way back through time, in the window that comes next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnn.analysis.portrait import Portrait
from rnn.analysis.window import next_window
from rnn.dynamics import SMALLEST, followed_steps, gradient_flow, typical_flow
from rnn.network import Array


@dataclass(frozen=True)
class Flow:
    """log10 of ‖∂L_t/∂h_{t-k}‖, in nats, for the lags k = 0…K-1; K = min(T, rnn.dynamics.LAGS).

    `last` (K,) is for the loss at the window's last character; `typical` (K,) the typical course for
    up to eight losses in the window's later half (see `rnn.dynamics.typical_flow`).
    """

    last: Array
    typical: Array

    @property
    def factor(self) -> float | None:
        """What a step back multiplies the typical gradient by, the mean over the lags; None at T = 1.

        Lags at which nothing is left of it do not count, but for the first.
        """
        steps = min(int(np.count_nonzero(self.typical > SMALLEST)), len(self.typical) - 1)
        if steps == 0:
            return None
        return float(10.0 ** ((self.typical[steps] - self.typical[0]) / steps))


def flow(portrait: Portrait) -> Flow:
    """The flow in the window that the next step will read, with the weights as they are."""
    ids = next_window(portrait)
    steps = followed_steps(portrait.config.seq_length)
    reading = portrait.read(ids[:-1], portrait.hidden)
    errors = reading.probabilities[steps]
    errors[np.arange(len(steps)), ids[steps + 1]] -= 1.0
    flows = gradient_flow(portrait.params, reading.hidden, errors, steps)
    return Flow(last=flows[0], typical=typical_flow(flows))
