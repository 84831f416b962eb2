"""Duals of one pair of variances at many covariances in NumPy: a series in the angle."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from jaxtyping import Float64

from .._errors import UnsupportedError
from ..activations import ScalarFunction
from ._dual import cross_dual
from ._hermite import hermite_rule
from ._nodes import Vector
from ._series import extrema, from_extrema
from ._table import table_rule


_COUNTS = (64, 128, 256)
# Of the largest coefficient. Coefficients fall by a factor from one to the next.
_TAIL = 1e-13
_AGREE = 1e-13
# Smaller coefficients are rounding.
_NOTHING = 1e-16
# Angles at which a series is compared with the dual; no points of any series.
_TRIED = (0.3, 1.1, 2.4)
# Arrays this long stay in the cache of a core.
_CHUNK = 4096

Values: TypeAlias = Callable[[Vector], Vector]
"""From angles to the dual there."""


class AngleTable:
    """E φ^(order)(u) ψ^(order)(v) as a Chebyshev series in θ = arccos k/√(q1 q2).

    Duals of continuous functions are smooth in the angle, kinks or not.
    """

    def __init__(self, size: float, series: Vector) -> None:
        self.size, self.series = size, series

    def __call__(self, k: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """The dual at covariances, those beyond √(q1 q2) taken for that."""
        out = np.empty(k.shape)
        for start in range(0, k.size, _CHUNK):
            part = slice(start, start + _CHUNK)
            angle = np.arccos(np.clip(k[part] / self.size, -1, 1))
            out[part] = _clenshaw(self.series, angle * (2 / math.pi) - 1)
        return out


@lru_cache(maxsize=4096)
def angle_table(
    phi: ScalarFunction, psi: ScalarFunction, q1: float, q2: float, order: int = 0
) -> AngleTable | None:
    """The table for two functions and two variances; None where no series holds 13 digits.

    Arguments:
        phi, psi: functions of u and of v.
        q1, q2: positive variances.
        order: of the derivatives.

    Example:
        >>> from kernelc.activations import named
        >>> table = angle_table(named("tanh"), named("tanh"), 1.0, 1.0)
        >>> table(np.array([0.0, 1.0])).round(6).tolist()
        [0.0, 0.394294]
    """
    size = math.sqrt(q1) * math.sqrt(q2)
    for source in (_hermite_values, _table_values, _dual_values):
        values = source(phi, psi, q1, q2, order)
        series = None if values is None else _series(values)
        if series is not None:
            return AngleTable(size, series)
    return None


def _hermite_values(
    phi: ScalarFunction, psi: ScalarFunction, q1: float, q2: float, order: int
) -> Values | None:
    """Mehler's expansion; its rules know by Parseval's identity that nothing is missing."""
    rules = hermite_rule(phi, q1), hermite_rule(psi, q2)
    if rules[0] is None or rules[1] is None or order > 1:
        return None
    count = max(rule.terms[8] for rule in rules if rule)
    left, right = rules[0].coefficients(q1, order, count), rules[1].coefficients(q2, order, count)
    powers = np.polynomial.Polynomial(np.asarray(left) * np.asarray(right))
    return lambda angles: powers(np.cos(angles))


def _table_values(
    phi: ScalarFunction, psi: ScalarFunction, q1: float, q2: float, order: int
) -> Values | None:
    """The table of one activation, where it agrees with its dual."""
    if phi != psi or q1 != q2 or order > 1:
        return None
    try:
        found = table_rule(phi, q1)
    except UnsupportedError:
        return None

    def values(angles: Vector) -> Vector:
        x = angles * (2 / math.pi) - 1
        if order:
            return _clenshaw(found.series[1], x)
        return found.moments.second - 2 * np.sin(angles / 2) ** 2 * _clenshaw(found.series[0], x)

    tried = np.array(_TRIED)
    right = _dual_values(phi, psi, q1, q2, order)(tried)
    largest = found.moments.slope_second if order else found.moments.second
    return values if np.all(abs(values(tried) - right) <= _AGREE * largest) else None


def _dual_values(
    phi: ScalarFunction, psi: ScalarFunction, q1: float, q2: float, order: int
) -> Values:
    """One angle at a time."""
    size, orders = math.sqrt(q1) * math.sqrt(q2), (order, order)

    def value(angle: float) -> float:
        gap = 2 * math.sin(angle / 2) ** 2
        return cross_dual(phi, psi, q1, q2, size * (1 - gap), orders, one_minus_c=gap)

    return lambda angles: np.array([value(angle) for angle in angles.tolist()])


def _series(values: Values) -> Vector | None:
    """The series through points of the angle, with more of them until its end is rounding."""
    for count in _COUNTS:
        found = values((extrema(count) + 1) * (math.pi / 2))
        if not np.all(np.isfinite(found)):
            return None
        series = from_extrema(found)
        sizes = abs(series) / abs(series).max()
        if sizes[-4:].max() <= _TAIL:
            return series[: np.flatnonzero(sizes > _NOTHING).max(initial=0) + 1]
    return None


def _clenshaw(coefficients: Vector, x: Vector) -> Vector:
    """sum_j coefficients[j] T_j(x)."""
    twice, near, far, room = 2 * x, np.zeros_like(x), np.zeros_like(x), np.empty_like(x)
    for a in coefficients[:0:-1].tolist():
        # In place: twice near - far + a.
        np.multiply(twice, near, out=room)
        room -= far
        room += a
        near, far, room = room, near, far
    return x * near - far + coefficients[0]
