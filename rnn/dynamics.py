"""What the recurrence does to what passes through it: gradients on their way back, and its extremes.

Everything here reads arrays and changes none, so that training can be measured while it runs.
Shapes: T time steps, H hidden units, V characters, n followed losses, K lags.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from rnn.network import Array

FOLLOWED = 8  # losses whose gradients are followed back
LAGS = 100  # lags at most, that of the loss itself included
SMALLEST = -30.0  # log10 of a gradient's norm: what is smaller, zero included, counts as this
LARGEST = 38.0  # and what is larger as this: about where float32 ends

_RADIUS_ROUNDS, _RADIUS_BASIS = 5, 14  # four multiplications a round; vectors of the Krylov space
_SINGULAR_BASIS = 10
_NOTHING_NEW = 1e-5  # a direction this much shorter than the image is rounding
_TINY = 1e-30


def followed_steps(seq_length: int) -> Array:
    """(n,) the time steps whose losses are followed: up to 8, evenly spaced, the last one first.

    They lie in the window's later half, so that each has a way back to follow.
    """
    steps = np.linspace(seq_length - 1, seq_length // 2, min(FOLLOWED, (seq_length + 1) // 2))
    return np.rint(steps).astype(np.intp)


def gradient_flow(params: Mapping[str, Array], hidden: Array, errors: Array, steps: Array) -> Array:
    """(n, K) log10 of ‖∂L_t/∂h_{t-k}‖ for the losses at `steps` (n,), falling, and lags k = 0…K-1.

    L_t is the loss of the single character at time step t, in nats; h counts from the window's first
    state, so that lags reach back to it, K = min(T, LAGS) at most, and are NaN beyond it.
    `hidden` (T, H) are the window's states, `errors` (n, V) the ∂L_t/∂y_t = p_t - onehot(target_t).
    Backpropagation through time, one loss at a time (Werbos 1990):
    ∂L_t/∂h_t = Whyᵀ ∂L_t/∂y_t, then ∂L_t/∂h_{s-1} = Whhᵀ ((1 - h_s²) ∂L_t/∂h_s).
    """
    recurrent = np.ascontiguousarray(params["Whh"])  # else each product would copy it
    lag = np.arange(min(int(steps[0]) + 1, LAGS))[:, None]
    reaches = steps >= lag  # (K, n)
    slope = hidden.take(np.maximum(steps - lag + 1, 0)[1:], 0)  # (K - 1, n, H) the states h_s
    np.square(slope, slope)
    np.subtract(1.0, slope, slope)
    flowed = np.zeros((*reaches.shape, len(recurrent)), recurrent.dtype)
    # What has outgrown the numbers' range stands at its end; it need not be told apart further.
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        np.dot(errors.astype(recurrent.dtype), params["Why"], flowed[0])
        for k, alive in enumerate(np.count_nonzero(reaches, axis=1).tolist()[1:]):
            np.dot(flowed[k, :alive] * slope[k, :alive], recurrent, flowed[k + 1, :alive])
        flowed = flowed.astype(np.float64)  # squares need twice the range
        decades = np.log10(np.einsum("knh,knh->nk", flowed, flowed)) / 2.0
    within = np.nan_to_num(decades, nan=LARGEST, posinf=LARGEST).clip(SMALLEST, LARGEST)
    return np.where(reaches.T, within, np.nan)


def typical_flow(flows: Array) -> Array:
    """(K,) the typical course of the flows (n, K) of `gradient_flow`, again as log10.

    It starts at the mean of the logarithms (the geometric mean of the norms) and moves from lag to
    lag by their mean step, over all losses that reach that far back: where fewer do, the course goes
    on without a jump. Losses without any gradient, of characters that were foreseen exactly, are left
    out while there are others.
    """
    present = flows[flows[:, 0] > SMALLEST]
    flows = present if len(present) else flows
    steps = np.diff(flows, axis=1)
    moves = np.nansum(steps, axis=0) / np.maximum(np.count_nonzero(~np.isnan(steps), axis=0), 1)
    course = np.concatenate([[flows[:, 0].mean()], moves]).cumsum()
    return np.asarray(np.maximum(course, SMALLEST))


def spectral_radius(matrix: Array) -> float:
    """The largest absolute value of an eigenvalue of `matrix` (H, H), estimated at bounded cost.

    Exact up to a small size. Beyond, a Rayleigh-Ritz estimate (Arnoldi 1951; Saad 2011, "Numerical
    Methods for Large Eigenvalue Problems"): some multiplications bend a fixed vector towards the
    leading eigenvectors, then the eigenvalues of the matrix as it acts on a small Krylov space are
    taken. Trained matrices come out right to 3 digits and more; random ones, whose eigenvalues
    crowd along a circle, up to a tenth too small. NaN where the matrix is not finite.
    """
    if len(matrix) <= _RADIUS_BASIS or not np.isfinite(matrix).all():
        return _radius(matrix.astype(np.float64))
    vector = _start(len(matrix), matrix.dtype)
    for _ in range(_RADIUS_ROUNDS):
        vector = _unit(matrix.dot(matrix.dot(matrix.dot(matrix.dot(vector)))))
    return _radius(_krylov_action(matrix, vector))


def _krylov_action(matrix: Array, vector: Array) -> Array:
    """(m, m) how the matrix acts on the space of v, Av, A²v, … in an orthonormal basis."""
    m = _RADIUS_BASIS
    basis, action = np.zeros((m, len(matrix)), matrix.dtype), np.zeros((m, m))
    basis[0] = vector
    for j in range(m):
        image, known = matrix.dot(basis[j]), basis[: j + 1]
        for _ in range(2):  # the second pass removes what rounding has left
            part = known.dot(image)
            image = image - part.dot(known)
            action[: j + 1, j] += part
        length = math.sqrt(image.dot(image))
        if length <= _NOTHING_NEW * np.abs(action[:, j]).max():
            return action[: j + 1, : j + 1]
        if j + 1 < m:
            action[j + 1, j] = length
            basis[j + 1] = image / length
    return action


def _radius(matrix: Array) -> float:
    if not np.isfinite(matrix).all():
        return math.nan
    return float(np.abs(np.linalg.eigvals(matrix)).max())


def largest_singular_value(matrix: Array) -> float:
    """The most that `matrix` (H, H) stretches any vector, estimated at bounded cost.

    Exact up to a small size; beyond, by the Lanczos method on its square AᵀA from a fixed vector
    (Golub and Kahan 1965), to 3 digits and more for trained matrices and never too large by more than
    rounding. NaN where the matrix is not finite.
    """
    m = min(_SINGULAR_BASIS, len(matrix))
    basis, images = np.zeros((2, m, len(matrix)), matrix.dtype)
    basis[0] = _unit(_start(len(matrix), matrix.dtype))
    for j in range(m):
        np.dot(matrix, basis[j], images[j])
        back, known = images[j].dot(matrix), basis[: j + 1]
        new = back - known.dot(back).dot(known)
        if j + 1 == m or new.dot(new) <= _NOTHING_NEW**2 * back.dot(back):
            break
        basis[j + 1] = _unit(new)
    images = images.astype(np.float64)
    square = np.dot(images, images.T)
    if not np.isfinite(square).all():
        return math.nan
    return math.sqrt(max(float(np.linalg.eigvalsh(square)[-1]), 0.0))


@lru_cache(maxsize=8)
def _start(size: int, dtype: np.dtype[np.floating]) -> Array:
    """A fixed vector without any preferred direction."""
    return np.random.default_rng(0).standard_normal(size).astype(dtype)


def _unit(vector: Array) -> Array:
    return np.asarray(vector / max(math.sqrt(vector.dot(vector)), _TINY))
