"""Writing from a portrait, one character at a time, with every choice open to view."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rnn.analysis.portrait import Portrait, Report
from rnn.network import Array, Network
from rnn.sampler import Pen, gumbel_noise, scaled, shape_distribution, softmax
from rnn.threads import single_thread

_CHUNK_WORK = 1 << 21  # multiplications between two reports: a millisecond or so


def entropy(probabilities: Array) -> Array:
    """(…) the entropy in bits of distributions (…, V): -sum p log2 p, with 0 log 0 = 0.

    Shannon (1948), "A mathematical theory of communication". 2 to the entropy is the number of
    equally likely characters that would leave as much open.
    """
    p = np.asarray(probabilities, np.float64)
    logarithm = np.log2(p, out=np.zeros_like(p), where=p > 0)
    return np.asarray(np.maximum(0.0, -(p * logarithm).sum(-1)))


@dataclass(frozen=True)
class Choice:
    """How one character was chosen: `character` is its index, `hidden` (H,) the state that gave it.

    `before` (V,) is the network's own distribution, `after` (V,) what temperature and top-k made of
    it, from which the character was drawn.
    """

    character: int
    temperature: float
    top_k: int
    hidden: Array
    before: Array
    after: Array

    @property
    def entropy_before(self) -> float:
        """Bits that the network left open."""
        return float(entropy(self.before))

    @property
    def entropy_after(self) -> float:
        """Bits that were left open to chance."""
        return float(entropy(self.after))


class Writer:
    """Writes from a portrait; the same prime, seed and settings write what `Trainer.sample` does.

    With a prime the network reads it from a zero hidden state; without one it goes on from where the
    next training window starts. Temperature and top-k may change from character to character. The
    random numbers depend on the seed alone, so that however the text is cut into calls, it is the
    same. Not to be used by two threads at once.
    """

    def __init__(self, portrait: Portrait, prime: str = "", seed: int = 0) -> None:
        """Read the prime and stand before the first character. Raises UnknownCharacter."""
        inputs = portrait.vocabulary.encode(prime or portrait.text[portrait.pointer])
        self.portrait = portrait
        self.prime = prime
        self._network = _network(portrait)
        self._noise = _rows(np.random.default_rng(seed), self._network.vocab_size)
        self._ids: list[int] = []
        self._states: list[Array] = []
        self._settings: list[tuple[float, int]] = []
        self._probabilities: list[float] = []
        with single_thread(), np.errstate(all="ignore"):
            self._pen = Pen(self._network, portrait.zero if prime else portrait.hidden)
            for character in inputs.tolist():
                self._pen.read(character)

    def __len__(self) -> int:
        """How many characters have been written."""
        return len(self._ids)

    @property
    def text(self) -> str:
        """What has been written, without the prime."""
        return self.portrait.vocabulary.decode(self._ids)

    @property
    def ids(self) -> Array:
        """(n,) the characters that have been written, as indices."""
        return np.array(self._ids, np.intp)

    @property
    def probabilities(self) -> Array:
        """(n,) the probability that the network gave each character, before temperature and top-k."""
        return np.array(self._probabilities)

    def step(self, temperature: float = 1.0, top_k: int = 0) -> Choice:
        """Write one character. Raises SettingError for a temperature or top-k out of range."""
        self.portrait.config.replace(temperature=temperature, top_k=top_k)
        with single_thread(), np.errstate(all="ignore"):
            self._write(temperature, top_k)
        return self.choice(len(self) - 1)

    def write(
        self, n: int, temperature: float = 1.0, top_k: int = 0, report: Report | None = None
    ) -> str:
        """Write `n` characters and return them. Raises as `step` does."""
        self.portrait.config.replace(temperature=temperature, top_k=top_k)
        start, chunk = len(self), max(1, _CHUNK_WORK // self._network.stack.size)
        for done in range(0, n, chunk):
            with single_thread(), np.errstate(all="ignore"):
                for _ in range(min(chunk, n - done)):
                    self._write(temperature, top_k)
            if report:
                report(min(1.0, (done + chunk) / n))
        return self.portrait.vocabulary.decode(self._ids[start:])

    def choice(self, index: int) -> Choice:
        """How the character at `index` came to be chosen. Raises IndexError."""
        hidden, (temperature, top_k) = self._states[index], self._settings[index]
        with np.errstate(all="ignore"):
            before = softmax(self.portrait.logits(hidden))
            after = shape_distribution(before, temperature, top_k)
        return Choice(self._ids[index], temperature, top_k, hidden, before, after)

    def _write(self, temperature: float, top_k: int) -> None:
        pen = self._pen
        noise = scaled(next(self._noise), temperature, self._network.dtype)
        character = pen.choose(noise, top_k)
        self._ids.append(character)
        self._states.append(pen.hidden.copy())
        self._settings.append((temperature, top_k))
        self._probabilities.append(float(softmax(pen.logits)[character]))
        pen.read(character)


def _rows(rng: np.random.Generator, vocab_size: int) -> Iterator[Array]:
    """Rows (V,) of standard Gumbel noise without end."""
    for block in gumbel_noise(rng, sys.maxsize, vocab_size):
        yield from block


def _network(portrait: Portrait) -> Network:
    """A network with the portrait's weights, laid out as the trainer's, so that both round alike."""
    bias = portrait.params["by"]
    network = Network(len(portrait.params["bh"]), len(bias), str(bias.dtype))
    for name, array in portrait.params.items():
        network.params[name][...] = array
    return network
