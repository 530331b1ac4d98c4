"""Hidden states seen from the side on which they differ most: principal component analysis.

After Pearson 1901, "On lines and planes of closest fit to systems of points in space".
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rnn.analysis.features import FEATURES
from rnn.analysis.passage import WARM_UP, long_reading
from rnn.analysis.portrait import Portrait, Report
from rnn.network import Array
from rnn.threads import single_thread

Floats = NDArray[np.float64]

SHARES = 6
"""The components whose share of the variance is told."""

KINDS = ("vowel", "consonant", "space", "line break", "punctuation", "digit", "other")
"""The kinds of characters, as `kind` numbers them."""

_VOWEL, _CONSONANT, _SPACE, _BREAK, _PUNCTUATION, _DIGIT, _OTHER = range(len(KINDS))
_IS_VOWEL = next(feature.measure for feature in FEATURES if feature.key == "vowel")


@dataclass(frozen=True)
class Projection:
    """States (n, H) on their first two principal components: `points` (n, 2), their mean at the origin.

    `directions` (2, H) are the components, of length 1, zero where H is 1. `shares` (SHARES,) is the
    part of the states' variance that lies along each component, 0 to 1, from the first on.
    """

    points: Floats
    directions: Floats
    shares: Floats


def project(states: Array) -> Projection:
    """The projection of n >= 1 states (n, H).

    The components are the eigenvectors of the states' scatter matrix, which are their right singular
    vectors. A component's sign is free; it is chosen so that its largest entry is positive.
    """
    centred = np.asarray(states, np.float64) - np.mean(states, axis=0, dtype=np.float64)
    with single_thread():
        values, vectors = np.linalg.eigh(centred.T @ centred)
        directions = np.zeros((2, centred.shape[1]))
        found = vectors.T[::-1][:2]
        directions[: len(found)] = found * _signs(found)
        points = centred @ directions.T
    return Projection(points, directions, _shares(values[::-1]))


def _signs(directions: Floats) -> Floats:
    """(k, 1) -1 where the largest entry of a direction (k, H) is negative, else 1."""
    largest = np.argmax(np.abs(directions), axis=1)
    return np.where(np.take_along_axis(directions, largest[:, None], axis=1) < 0, -1.0, 1.0)


def _shares(variances: Floats) -> Floats:
    """(SHARES,) of the falling `variances`; rounding leaves some below 0, and all are 0 of equal states."""
    positive = np.maximum(variances, 0.0)
    total = positive.sum()
    shares = np.zeros(SHARES)
    if total > 0:
        shares[: min(SHARES, len(positive))] = positive[:SHARES] / total
    return shares


def project_text(
    portrait: Portrait, start: int, length: int, report: Report = lambda share: None
) -> Projection:
    """The projection of the states after the `length` characters of the text from `start` on.

    What stands before them is read first, WARM_UP characters of it; see `long_reading`.
    """
    warm_up = min(start, WARM_UP)
    ids = portrait.vocabulary.encode(portrait.text[start - warm_up : start + length])
    return project(long_reading(portrait, ids, report)[warm_up:])


@lru_cache(maxsize=1 << 16)
def kind(char: str) -> int:
    """The number of the character's kind in KINDS.

    Signs such as + count as punctuation; letters of scripts without vowels of their own are "other".
    """
    if char in "\n\r":
        return _BREAK
    if char.isspace():
        return _SPACE
    if char.isdigit():
        return _DIGIT
    if unicodedata.category(char)[0] in "PS":
        return _PUNCTUATION
    return {1.0: _VOWEL, 0.0: _CONSONANT}.get(float(_IS_VOWEL(char)[0]), _OTHER)
