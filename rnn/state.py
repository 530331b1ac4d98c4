"""What training changes, held apart from the trainer: to go back to, to fork from, to save."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rnn.history import History
from rnn.network import Array
from rnn.settings import SETTINGS, Config


@dataclass(frozen=True)
class Window:
    """One window of T characters: what went in, what should come out, what the network held.

    `inputs` and `targets` (T,) are indices; `hidden` (T, H) the states h_t, `probabilities` (T, V)
    what the network gave each character as the next one.
    """

    inputs: Array
    targets: Array
    hidden: Array
    probabilities: Array


@dataclass(frozen=True)
class State:
    """Everything that training changes, and the config it stood under.

    `arrays` holds `params`, `gradients` and the optimiser's `memory/<slot>` as flat vectors and
    `hidden` (B, H); `generators` the states of the two random streams (weights, sampling).
    """

    config: Config
    arrays: dict[str, Array]
    optimiser_steps: int
    last_rate: float
    iteration: int
    pointer: int
    epoch: int
    characters_seen: int
    smooth_loss: float
    generators: tuple[Mapping[str, Any], Mapping[str, Any]]
    history: History
    window: Window | None = None

    def fits(self, config: Config) -> bool:
        """Whether a trainer of this config can take the state: all structural settings agree."""
        mine, other = self.config.as_dict(), config.as_dict()
        return all(mine[s.name] == other[s.name] for s in SETTINGS if not s.live)
