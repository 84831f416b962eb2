"""Known formulas of Gaussian expectations as numbers, in as many digits as they need."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import mpmath
import sympy

from .._errors import UnsupportedError
from ..activations import FLOAT_MODULES, MP_MODULES, ScalarFunction, closed_cross
from ._pair_quadrature import Covariance, covariance


Formula = Callable[..., Any]
"""A formula on floats, or on mpmath numbers."""

# In floats the formulas of homogeneous functions cancel only as |c| -> 1, through √(q1q2-k²).
_CLOSED_FROM = 1e-2
_DIGITS = 50
# The gap says more digits than the cosine below this.
_FAR = 0.25


def closed_value(
    phi: ScalarFunction,
    psi: ScalarFunction,
    variances: tuple[float, float],
    pair: Covariance,
    orders: tuple[int, int],
) -> float | None:
    """The known formula, where there is one that keeps its digits."""
    if pair.s == 0 and not (phi.analytic and psi.analytic):
        return None  # point masses may meet
    homogeneous = phi == psi and phi.homogeneity is not None and max(orders) <= 1
    if homogeneous and pair.s > _CLOSED_FROM:
        closed = _closed_float(phi, orders[0])
        return None if closed is None else float(closed(*variances, pair.c * pair.a * pair.b))
    closed = closed_cross_mp(phi, psi, orders)
    if closed is None:
        return None
    value = _in_digits(closed, variances, pair, _DIGITS)
    if not homogeneous and not _settled(phi, psi, variances, pair, orders, value):
        return None
    # What floats do not hold is for the quadrature to refuse, by name.
    return float(value) if math.isfinite(float(value)) else None


def _settled(
    phi: ScalarFunction,
    psi: ScalarFunction,
    variances: tuple[float, float],
    pair: Covariance,
    orders: tuple[int, int],
    value: Any,
) -> bool:
    """Whether twice the digits give the same, of √(E φ²E ψ²): formulas may cancel at small q."""
    sides = []
    for f, order, q in ((phi, orders[0], variances[0]), (psi, orders[1], variances[1])):
        own = closed_cross_mp(f, f, (order, order))
        if own is None:
            return False
        sides.append(_in_digits(own, (q, q), covariance(q, q, q), 2 * _DIGITS))
    closed = closed_cross_mp(phi, psi, orders)
    assert closed is not None
    again = _in_digits(closed, variances, pair, 2 * _DIGITS)
    size = mpmath.sqrt(abs(sides[0] * sides[1]))
    return bool(size > 0 and abs(again - value) <= mpmath.eps * size)


def _in_digits(closed: Formula, variances: tuple[float, float], pair: Covariance, digits: int):
    """The formula in more digits than its cancellations eat."""
    with mpmath.workdps(digits):
        q1, q2 = (mpmath.mpf(q) for q in variances)
        # A little inside the ball keeps the root in the formula real.
        near = 1 - max(mpmath.mpf(pair.gap), mpmath.mpf(10) ** (5 - digits))
        c = pair.sign * near if pair.gap < _FAR else mpmath.mpf(pair.c)
        return closed(q1, q2, c * mpmath.sqrt(q1 * q2))


def known_formula(phi: ScalarFunction, q1: float, q2: float, pair: Covariance, order: int) -> float:
    """The formula, whatever digits it keeps.

    Raises: UnsupportedError where none is known.
    """
    closed = closed_cross_mp(phi, phi, (order, order))
    if closed is None:
        raise UnsupportedError(
            where=phi.name,
            found=f"no closed dual of derivative order {order}",
            law="method='closed' evaluates a known formula",
            remedy="Use method='auto' or 'quadrature'",
        )
    return float(_in_digits(closed, (q1, q2), pair, _DIGITS))


@lru_cache(maxsize=256)
def _closed_float(phi: ScalarFunction, order: int) -> Formula | None:
    return _lambdified(phi, phi, (order, order), FLOAT_MODULES)


@lru_cache(maxsize=256)
def closed_cross_mp(
    phi: ScalarFunction, psi: ScalarFunction, orders: tuple[int, int]
) -> Formula | None:
    """(q1, q2, k) -> E φ^(m)(u)ψ^(n)(v) in mpmath numbers, where a formula is known."""
    return _lambdified(phi, psi, orders, MP_MODULES)


class Line(NamedTuple):
    """E φ(u), E φ'(u), E φ(u)² and E φ'(u)², the last infinite where φ jumps."""

    mean: float
    slope: float
    second: float
    slope_second: float


def closed_line(phi: ScalarFunction, q: float) -> Line | None:
    """Moments of φ(u) from closed forms, where these are known, at any size of q.

    Example:
        >>> from kernelc.activations import named
        >>> closed_line(named("square"), 1e10).second
        3e+20
    """
    means = _line_mp(phi)
    seconds = [closed_cross_mp(phi, phi, (order, order)) for order in (0, 1)]
    if means is None or seconds[0] is None or seconds[1] is None:
        return None
    with mpmath.workdps(_DIGITS):
        exact = mpmath.mpf(q)
        steep = math.inf if phi.jumps(0) else float(seconds[1](exact, exact, exact))
        mean, slope = (float(form(exact)) for form in means)
        return Line(mean, slope, float(seconds[0](exact, exact, exact)), steep)


@lru_cache(maxsize=256)
def _line_mp(phi: ScalarFunction) -> tuple[Formula, Formula] | None:
    phi.require_numbers("the value of a mean")
    q = sympy.Symbol("q", positive=True)
    mean, slope = (phi.closed_mean(q, order) for order in (0, 1))
    if mean is None or slope is None:
        return None
    return sympy.lambdify(q, mean, MP_MODULES), sympy.lambdify(q, slope, MP_MODULES)


def _lambdified(
    phi: ScalarFunction, psi: ScalarFunction, orders: tuple[int, int], modules: list
) -> Formula | None:
    for function in (phi, psi):
        function.require_numbers("the value of a mean")
    q1, q2 = sympy.symbols("q1 q2", positive=True)
    k = sympy.Symbol("k", real=True)
    expr = closed_cross(phi, psi, orders, (q1, q2, k))
    return None if expr is None else sympy.lambdify((q1, q2, k), expr, modules)
