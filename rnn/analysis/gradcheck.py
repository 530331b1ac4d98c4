"""Are the gradients right? Backpropagation against finite differences of the loss itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnn.analysis.portrait import Portrait, Report
from rnn.analysis.window import next_window
from rnn.network import PARAMETERS, Array, Network, Unrolled
from rnn.threads import single_thread

STEP = 3e-5  # how far a weight is moved either way, times its size where that is above 1
AGREEMENT = 1e-5  # relative error up to which two derivatives count as the same
_ROUNDINGS = 10  # roundings of a loss's last digit that may come together in a difference
ENTRIES = 10  # of each parameter, unless asked for otherwise


@dataclass(frozen=True)
class Entry:
    """One weight, and the derivative of the window's loss by it, in nats per unit of weight.

    The numeric derivative may be off for two reasons: by `rounding`, because the loss has only 16
    digits, and by about `bend`, the difference that half the step makes, because the loss curves.
    """

    parameter: str
    place: tuple[int, ...]
    analytic: float
    numeric: float
    rounding: float
    bend: float

    @property
    def difference(self) -> float:
        """|analytic - numeric|."""
        return abs(self.analytic - self.numeric)

    @property
    def error(self) -> float:
        """The relative error: the difference over the larger of the two; 0 where both are 0."""
        size = max(abs(self.analytic), abs(self.numeric))
        return self.difference / size if size else 0.0

    @property
    def tiny(self) -> bool:
        """Whether the derivative is so small that its relative error would tell of rounding alone."""
        return max(abs(self.analytic), abs(self.numeric)) * AGREEMENT < self.rounding

    @property
    def agrees(self) -> bool:
        """Whether the error is below AGREEMENT, or the difference no more than rounding makes."""
        return self.error <= AGREEMENT or self.difference <= self.rounding

    @property
    def undecided(self) -> bool:
        """Whether the loss curves so much here that no finite difference can tell.

        So it is where gradients explode: a tiny change of one weight changes everything after it.
        """
        sure = max(0.3 * AGREEMENT * abs(self.numeric), 3.0 * self.rounding)
        return not self.agrees and self.bend > sure


@dataclass(frozen=True)
class GradientCheck:
    """The entries in the order of the parameters."""

    entries: tuple[Entry, ...]

    @property
    def agreeing(self) -> int:
        """How many entries agree."""
        return sum(entry.agrees for entry in self.entries)

    @property
    def undecided(self) -> int:
        """How many entries finite differences cannot judge."""
        return sum(entry.undecided for entry in self.entries)

    @property
    def differing(self) -> int:
        """How many entries differ for another reason than the check's own limits."""
        return len(self.entries) - self.agreeing - self.undecided

    @property
    def worst(self) -> float:
        """The largest relative error of those that can be judged by it; 0 if none can."""
        told = (e for e in self.entries if not (e.undecided or (e.tiny and e.agrees)))
        return max((entry.error for entry in told), default=0.0)


def check(
    portrait: Portrait, report: Report, entries: int = ENTRIES, seed: int = 0
) -> GradientCheck:
    """Check `entries` entries of each parameter, or all of a smaller one, drawn from the seed.

    The loss is that of the window that the next step will read, in the first stream; numbers are
    float64 whatever the run's precision, and there is no clip. The numeric derivative is the central
    difference (L(w + s) - L(w - s)) / 2s, whose error shrinks with s² while rounding grows with 1/s.
    """
    network, unrolled = _double(portrait)
    rng = np.random.default_rng(seed)
    with single_thread(), np.errstate(all="ignore"):
        loss = unrolled.forward()
        unrolled.backward()
        rounding = _ROUNDINGS * float(np.finfo(np.float64).eps) * max(loss, 1.0) / STEP
        drawn = [
            (name, tuple(int(i) for i in np.unravel_index(flat, network.params[name].shape)))
            for name in PARAMETERS
            for flat in _draw(rng, network.params[name].size, entries)
        ]
        found = []
        for done, (name, place) in enumerate(drawn):
            report(done / len(drawn))
            analytic = float(network.gradients[name][place])
            numeric, halved = _central_differences(unrolled, network.params[name], place)
            bend = abs(numeric - halved)
            found.append(Entry(name, place, analytic, numeric, rounding, bend))
    return GradientCheck(tuple(found))


def _double(portrait: Portrait) -> tuple[Network, Unrolled]:
    """The network in float64, unrolled over the next window."""
    ids = next_window(portrait)
    network = Network(len(portrait.params["bh"]), len(portrait.params["by"]), "float64")
    for name, view in network.params.items():
        view[...] = portrait.params[name]
    unrolled = Unrolled(network, len(ids) - 1)
    unrolled.ids[:, 0] = ids
    unrolled.before[...] = portrait.hidden
    return network, unrolled


def _draw(rng: np.random.Generator, size: int, entries: int) -> list[int]:
    return sorted(rng.choice(size, min(entries, size), replace=False).tolist())


def _central_differences(
    unrolled: Unrolled, parameter: Array, place: tuple[int, ...]
) -> tuple[float, float]:
    """The derivative of the loss by the entry: with the step, and with half of it."""
    value = float(parameter[place])
    step = STEP * max(1.0, abs(value))

    def loss(moved: float) -> float:
        parameter[place] = moved
        return unrolled.forward()

    whole, half = ((loss(value + s) - loss(value - s)) / (2.0 * s) for s in (step, step / 2.0))
    parameter[place] = value
    return whole, half
