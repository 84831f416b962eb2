"""Dual kernels E φ(u)ψ(v) of zero-mean Gaussian pairs, distributional derivatives included."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from jaxtyping import Float64

from .._errors import UnsupportedError
from ..activations import ScalarFunction
from ._closed_values import closed_value, known_formula
from ._mehler import hermite_dual, is_costly
from ._moments import line_mean
from ._pair_quadrature import Covariance, Side, covariance, pair_expectation
from ._quadrature import gaussian_rule


Method = Literal["auto", "closed", "quadrature"]


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
        method: "closed", the known formula; "quadrature"; or "auto", the formula where one is
            known and keeps its digits, else quadrature.

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
        return known_formula(phi, q1, q2, pair, order)
    if method == "auto":
        found = closed_value(phi, phi, (q1, q2), pair, (order, order))
        if found is None and q1 == q2 and pair.s > 0 and is_costly(phi, q1):
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

    Returns: the expectation, by a known formula or by quadrature.

    Raises: as `dual`.

    Example:
        >>> from kernelc.activations import from_expression, named, X
        >>> round(cross_dual(from_expression(X), named("relu"), 1.0, 1.0, 0.5), 14)
        0.25
    """
    m, n = orders
    if k == 0 and min(q1, q2) == 0:
        return line_mean(phi, m, q1) * line_mean(psi, n, q2)
    pair = covariance(q1, q2, k, one_minus_c)
    found = closed_value(phi, psi, (q1, q2), pair, orders)
    return _cross(phi, m, psi, n, pair) if found is None else found


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
