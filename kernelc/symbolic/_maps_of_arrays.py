"""Local maps at arrays: a series in the angle for each pair of variances."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from .. import gaussian
from .._errors import KernelcError
from ..activations import ScalarFunction
from ..algebra import same_input


# Fewer covariances than this of one pair of variances cost less one by one than by a series.
_FEW = 16
# So near to their end covariances are few different floats, and rounding decides which.
_NEAR = 1e-14


def at_distinct(function: Callable[..., float], *args: np.ndarray) -> np.ndarray:
    """A function of numbers at arrays, which broadcast, called once for each different point."""
    arrays = np.broadcast_arrays(*args)
    points, back = np.unique(np.stack([a.ravel() for a in arrays]), axis=1, return_inverse=True)
    values = np.array([_number(function, point) for point in points.T.tolist()])
    return values[back].reshape(arrays[0].shape)


def of_pairs(
    phi: ScalarFunction,
    psi: ScalarFunction,
    variances: tuple[np.ndarray, np.ndarray],
    k: np.ndarray,
    order: int,
) -> np.ndarray:
    """E phi^(order)(u) psi^(order)(v) at arrays of variances and covariances, which broadcast."""
    if all(np.ndim(q) == 0 for q in variances):
        q1, q2 = (float(q) for q in variances)
        return _of_one_pair(phi, psi, q1, q2, np.asarray(k), order)
    arrays = np.broadcast_arrays(*variances, k)
    q1, q2, k = (array.ravel() for array in arrays)
    pairs, back = np.unique(np.stack([q1, q2]), axis=1, return_inverse=True)
    out = np.empty(k.shape)
    for i, (first, second) in enumerate(pairs.T.tolist()):
        here = back == i
        out[here] = _of_one_pair(phi, psi, first, second, k[here], order)
    return out.reshape(arrays[0].shape)


def _of_one_pair(
    phi: ScalarFunction, psi: ScalarFunction, q1: float, q2: float, k: np.ndarray, order: int
) -> np.ndarray:
    def value(k: float) -> float:
        return gaussian.cross_dual(phi, psi, q1, q2, same_input(q1, q2, k), (order, order))

    inside = np.abs(k) < math.sqrt(q1) * math.sqrt(q2) * (1 - _NEAR)
    table = None
    if np.count_nonzero(inside) >= _FEW:
        table = gaussian.angle_table(phi, psi, q1, q2, order)
    if table is None:
        return at_distinct(value, k)
    out = np.empty(k.shape)
    out[inside], out[~inside] = table(k[inside]), at_distinct(value, k[~inside])
    return out


def _number(function: Callable[..., float], point: Sequence[float]) -> float:
    """The value; NaN where there is none, which who asked for arrays looks into."""
    try:
        return function(*point) if all(map(math.isfinite, point)) else math.nan
    except (KernelcError, ZeroDivisionError, OverflowError):
        return math.nan
