"""Dual kernels E φ(u)ψ(v) of zero-mean Gaussian pairs, distributional derivatives included."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import mpmath
import numpy as np
import sympy
from jaxtyping import Float64

from .._errors import UnsupportedError
from ._closed_special import FLOAT_MODULES, MP_MODULES
from ._constant import line_mean
from ._covariance import Covariance, covariance
from ._hermite_dual import hermite_dual, is_costly
from ._pair_quadrature import Side, pair_expectation
from ._quadrature import gaussian_rule


if TYPE_CHECKING:
    from ._scalar import ScalarFunction

Method = Literal["auto", "closed", "quadrature"]
# Closed forms hold √(q1q2-k²), which floats lose as |c| -> 1; quadrature does not.
_CLOSED_FROM = 1e-2
_CLOSED_DIGITS = 50


def dual(
    phi: ScalarFunction,
    q1: float,
    q2: float,
    k: float,
    order: int = 0,
    *,
    one_minus_c: float | None = None,
    method: Method = "auto",
) -> float:
    """K(q1, q2, k) = E φ^(order)(u)φ^(order)(v); order n is ∂ⁿK/∂kⁿ (Price's theorem).

    Arguments:
        phi: the function.
        q1: variance of u; 0 for a value that is zero, of which φ makes the constant φ(0).
        q2: variance of v.
        k: covariance.
        order: derivative, distributional: a kink adds point masses to the second.
        one_minus_c: 1 - k/√(q1q2) where it is known better than k can say.
        method: "quadrature"; "closed", the known formula in 50 digits; or "auto", the
            known formula in floats where it is accurate there, else quadrature.

    Returns: the expectation, to 1e-12 relative to √(K(q1,q1,q1)·K(q2,q2,q2)); inf where
        masses meet at c = ±1.

    Raises:
        DataError: no pair has these variances and this covariance.
        UnsupportedError: method is "closed" and no closed form is known, or φ jumps and
            order is 2 or more.

    Example:
        >>> from kernelc.activations import named
        >>> round(dual(named("relu"), 1.0, 1.0, 0.0) * 2 * math.pi, 12)
        1.0
    """
    if k == 0 and min(q1, q2) == 0:
        return line_mean(phi, order, q1) * line_mean(phi, order, q2)
    pair = covariance(q1, q2, k, one_minus_c)
    if method == "closed":
        return _closed_exactly(phi, q1, q2, pair, order)
    # Homogeneous functions have closed forms that cancel only as |c| -> 1; those of the
    # others (sin at small q, any with a shift) may cancel anywhere, and quadrature does not.
    if method == "auto" and phi.homogeneity is not None and pair.s > _CLOSED_FROM:
        closed = _closed_float(phi, order)
        if closed is not None:
            return float(closed(q1, q2, pair.c * pair.a * pair.b))
    if method == "auto" and q1 == q2 and pair.s > 0 and is_costly(phi, q1):
        found = hermite_dual(phi, q1, pair.c, order)
        if found is not None:
            return found
    return _cross(phi, order, phi, order, pair)


def dual_many(
    phi: ScalarFunction,
    q1: float,
    q2: float,
    k: Float64[np.ndarray, " n"],
    order: int = 0,
    *,
    one_minus_c: Float64[np.ndarray, " n"] | None = None,
    method: Method = "auto",
) -> Float64[np.ndarray, " n"]:
    """`dual` at many covariances of one pair of variances.

    Arguments: as `dual`; k and one_minus_c: (n,).

    Returns: (n,) values.

    Raises: as `dual`.

    Example:
        >>> from kernelc.activations import named
        >>> dual_many(named("sin"), 1.0, 1.0, np.array([0.5, 1.0])).round(6).tolist()
        [0.1917, 0.432332]
    """
    k = np.asarray(k, dtype=np.float64)
    gaps = [None] * k.size if one_minus_c is None else np.ravel(one_minus_c).tolist()
    values = [
        dual(phi, q1, q2, each, order, one_minus_c=gap, method=method)
        for each, gap in zip(k.ravel().tolist(), gaps, strict=True)
    ]
    return np.array(values, dtype=np.float64).reshape(k.shape)


def cross_dual(
    phi: ScalarFunction,
    psi: ScalarFunction,
    q1: float,
    q2: float,
    k: float,
    orders: tuple[int, int] = (0, 0),
    *,
    one_minus_c: float | None = None,
) -> float:
    """E φ^(m)(u)ψ^(n)(v) for two functions, (m, n) = orders.

    Arguments: as `dual`, with ψ applied to v.

    Returns: the expectation, by quadrature.

    Raises: as `dual`.

    Example:
        >>> from kernelc.activations import from_expression, named, X
        >>> round(cross_dual(from_expression(X), named("relu"), 1.0, 1.0, 0.5), 14)
        0.25
    """
    m, n = orders
    if k == 0 and min(q1, q2) == 0:
        return line_mean(phi, m, q1) * line_mean(psi, n, q2)
    return _cross(phi, m, psi, n, covariance(q1, q2, k, one_minus_c))


def _closed_exactly(
    phi: ScalarFunction, q1: float, q2: float, pair: Covariance, order: int
) -> float:
    """The closed form in more digits than any of its cancellations can eat."""
    closed = closed_mp(phi, order)
    if closed is None:
        raise UnsupportedError(
            where=phi.name,
            found=f"no closed dual of derivative order {order}",
            law="method='closed' evaluates a known formula",
            remedy="Use method='auto' or 'quadrature'",
        )
    with mpmath.workdps(_CLOSED_DIGITS):
        bound = mpmath.sqrt(mpmath.mpf(q1) * mpmath.mpf(q2))
        # One part in 1e45 inside the ball keeps the root in the formula real.
        k = pair.sign * bound * (1 - max(mpmath.mpf(pair.gap), mpmath.mpf("1e-45")))
        return float(closed(mpmath.mpf(q1), mpmath.mpf(q2), k))


def _cross(phi: ScalarFunction, m: int, psi: ScalarFunction, n: int, pair: Covariance) -> float:
    """Smooth part times smooth part, each smooth part times masses, masses times masses."""
    f, g = Side(phi, m), Side(psi, n)
    left, right = point_masses(phi, m), point_masses(psi, n)
    total = pair_expectation(f, g, pair)
    for location, jump in left:
        total += jump * _density(location, pair.a) * _given(g, location, pair.a, pair.b, pair)
    for location, jump in right:
        total += jump * _density(location, pair.b) * _given(f, location, pair.b, pair.a, pair)
    return total + _met_masses(left, right, pair)


def point_masses(phi: ScalarFunction, order: int) -> tuple[tuple[float, float], ...]:
    """The delta functions in the distribution φ^(order): (location, mass)."""
    if any(phi.jumps(lower) for lower in range(order - 1)):
        raise UnsupportedError(
            where=phi.name,
            found=f"derivative order {order} of a function whose derivative {order - 2} jumps",
            law="The dual of a derivative of a point mass is not computed",
            remedy="Ask for a lower order",
        )
    return phi.jumps(order - 1) if order else ()


def _met_masses(left: tuple, right: tuple, pair: Covariance) -> float:
    total = 0.0
    for x, mass in left:
        for y, other in right:
            if pair.s > 0:
                total += mass * other * pair.density(x, y)
            elif math.isclose(x / pair.a, pair.sign * y / pair.b, rel_tol=1e-14, abs_tol=0):
                total += math.copysign(math.inf, mass * other)
    return total


def _given(g: Side, location: float, own: float, other: float, pair: Covariance) -> float:
    """E g(v) given that the partner, of deviation `own`, sits at `location`."""
    t = location / own
    center = other * (pair.sign * t - pair.sign * pair.gap * t)
    if pair.s == 0:
        # The limit c -> ±1 sees both sides of a jump of g alike.
        nearby = np.nextafter(center, [-math.inf, math.inf])
        return float(np.mean(g(nearby)))
    z, w = gaussian_rule(g.phi, other * pair.s, center)
    return float(w @ g(other * pair.s * z + center))


def _density(x: float, deviation: float) -> float:
    t = x / deviation
    return math.exp(-t * t / 2) / (math.sqrt(2 * math.pi) * deviation)


@lru_cache(maxsize=256)
def _closed_float(phi: ScalarFunction, order: int) -> Callable | None:
    return _lambdified(phi, order, FLOAT_MODULES)


@lru_cache(maxsize=256)
def closed_mp(phi: ScalarFunction, order: int) -> Callable | None:
    """(q1, q2, k) -> the closed dual in mpmath numbers, where one is known."""
    return _lambdified(phi, order, MP_MODULES)


def closed_line(phi: ScalarFunction, q: float) -> tuple[float, float, float] | None:
    """E φ(u), E φ'(u) and E φ(u)² from closed forms, where these are known, at any size of q.

    Example:
        >>> from kernelc.activations import named
        >>> closed_line(named("square"), 1e10)[2]
        3e+20
    """
    means, second = _line_mp(phi), closed_mp(phi, 0)
    if means is None or second is None:
        return None
    with mpmath.workdps(_CLOSED_DIGITS):
        exact = mpmath.mpf(q)
        return float(means[0](exact)), float(means[1](exact)), float(second(exact, exact, exact))


@lru_cache(maxsize=256)
def _line_mp(phi: ScalarFunction) -> tuple[Callable, Callable] | None:
    q = sympy.Symbol("q", positive=True)
    mean, slope = (phi.closed_mean(q, order) for order in (0, 1))
    if mean is None or slope is None:
        return None
    return sympy.lambdify(q, mean, MP_MODULES), sympy.lambdify(q, slope, MP_MODULES)


def _lambdified(phi: ScalarFunction, order: int, modules: list) -> Callable | None:
    if order > 1:
        return None
    q1, q2 = sympy.symbols("q1 q2", positive=True)
    k = sympy.Symbol("k", real=True)
    expr = (phi.closed_dual if order == 0 else phi.closed_dual_derivative)(q1, q2, k)
    return None if expr is None else sympy.lambdify((q1, q2, k), expr, modules)
