"""Dual kernels to any number of digits: what the float64 ones are judged by."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import mpmath
import numpy as np
import sympy

from .._errors import DataError
from ..activations import MP_MODULES, ScalarFunction
from ._closed_moments import closed_moments
from ._closed_values import closed_cross_mp
from ._dual import point_masses
from ._line import line_mean_mp
from ._moments import expectation_mp, integral_mp, kinks_mp
from ._nodes import hermite_rows


_LARGEST_COSINE = 0.9
_MOST_TERMS = 700
_MOST_NODES = 2000
_GUARD = 15  # digits carried beyond those asked for


def dual_mp(phi: ScalarFunction, q1: Any, q2: Any, k: Any, dps: int = 30, order: int = 0) -> Any:
    """E φ^(order)(u)φ^(order)(v) to `dps` digits: `dual` in mpmath numbers.

    Arguments:
        phi: the function.
        q1: variance of u (mpmath number, float or text).
        q2: variance of v.
        k: covariance.
        dps: decimal digits wanted.
        order: derivative, distributional.

    Returns: an mpmath number.

    Raises:
        DataError: no pair has these variances and this covariance.
        UnsupportedError: φ jumps and order is 2 or more.

    Example:
        >>> from kernelc.activations import named
        >>> print(mpmath.nstr(dual_mp(named("relu"), 1, 1, 0), 20))
        0.15915494309189533577
    """
    with mpmath.workdps(dps + _GUARD):
        if _has_zero(q1, q2, k):
            return _product_mp(phi, order, phi, order, q1, q2)
        pair = _covariance_mp(q1, q2, k)
        closed = closed_cross_mp(phi, phi, (order, order))
        if closed is not None and pair[3] > 0:
            # cancellation in a formula costs digits: carry twice as many
            with mpmath.workdps(2 * (dps + _GUARD)):
                return closed(mpmath.mpf(q1), mpmath.mpf(q2), mpmath.mpf(k))
        return _cross_mp(phi, order, phi, order, pair)


def cross_dual_mp(
    phi: ScalarFunction,
    psi: ScalarFunction,
    q1: Any,
    q2: Any,
    k: Any,
    dps: int = 30,
    orders: tuple[int, int] = (0, 0),
) -> Any:
    """E φ^(m)(u)ψ^(n)(v) to `dps` digits, (m, n) = orders: `cross_dual` in mpmath numbers.

    Arguments: as `dual_mp`, with ψ applied to v.

    Returns: an mpmath number.

    Raises: as `dual_mp`.

    Example:
        >>> from kernelc.activations import named
        >>> print(mpmath.nstr(cross_dual_mp(named("identity"), named("relu"), 1, 1, "0.5"), 20))
        0.25
    """
    with mpmath.workdps(dps + _GUARD):
        if _has_zero(q1, q2, k):
            return _product_mp(phi, orders[0], psi, orders[1], q1, q2)
        return _cross_mp(phi, orders[0], psi, orders[1], _covariance_mp(q1, q2, k))


def _has_zero(q1: Any, q2: Any, k: Any) -> bool:
    """Whether one of the two is zero, so that they are independent."""
    return mpmath.mpf(k) == 0 and min(mpmath.mpf(q1), mpmath.mpf(q2)) == 0


def _product_mp(phi: ScalarFunction, m: int, psi: ScalarFunction, n: int, q1: Any, q2: Any) -> Any:
    return line_mean_mp(phi, m, mpmath.mpf(q1)) * line_mean_mp(psi, n, mpmath.mpf(q2))


def _covariance_mp(q1: Any, q2: Any, k: Any) -> tuple[Any, Any, Any, Any]:
    """(a, b, c, s): u = a·z, v = b·(c·z + s·w)."""
    q1, q2, k = mpmath.mpf(q1), mpmath.mpf(q2), mpmath.mpf(k)
    if not (0 < q1 < mpmath.inf and 0 < q2 < mpmath.inf and k * k <= q1 * q2):
        raise DataError(
            where="dual_mp",
            found=f"variances {q1}, {q2} and covariance {k}",
            law="Variances are positive and finite, and |k| ≤ √(q1·q2)",
            remedy="Pass numbers that some Gaussian pair has",
        )
    s = mpmath.sqrt((q1 * q2 - k * k) / (q1 * q2))
    c = mpmath.sign(k) * mpmath.sqrt(1 - s * s) if s < mpmath.mpf("0.5") else None
    return mpmath.sqrt(q1), mpmath.sqrt(q2), k / mpmath.sqrt(q1 * q2) if c is None else c, s


def _cross_mp(
    phi: ScalarFunction, m: int, psi: ScalarFunction, n: int, pair: tuple[Any, Any, Any, Any]
) -> Any:
    a, b, c, s = pair
    left, right = point_masses(phi, m), point_masses(psi, n)
    if phi.analytic and psi.analytic:
        f, g = phi.mpmath(m), psi.mpmath(n)
        series = _mehler(f, g, pair)
        return _trapezoids(f, g, pair) if series is None else series
    if s == 0:
        return _on_line(phi, m, psi, n, pair)
    given = _conditional(psi, n, right)
    f = phi.mpmath(m)
    total = _outer(phi, psi, pair, lambda z: f(a * z) * given(b * s, b * c * z))
    for location, jump in left:
        t = mpmath.mpf(location) / a
        total += jump * mpmath.npdf(t) / a * given(b * s, b * c * t)
    return total


def _conditional(psi: ScalarFunction, n: int, masses: tuple) -> Callable[[Any, Any], Any]:
    """(α, β) -> E ψ^(n)(αZ+β), point masses included: ∂ⁿ/∂βⁿ of the mean where it is closed."""
    closed = _closed_mean(psi, n)
    if closed is not None:
        return lambda alpha, beta: mpmath.re(closed(alpha, beta))
    g = psi.mpmath(n)

    def by_quadrature(alpha: Any, beta: Any) -> Any:
        splits = kinks_mp(psi, alpha, beta)
        smooth = expectation_mp(lambda w: g(alpha * w + beta), splits)
        return smooth + sum(
            jump * mpmath.npdf((location - beta) / alpha) / alpha for location, jump in masses
        )

    return by_quadrature


@lru_cache(maxsize=128)
def _closed_mean(psi: ScalarFunction, n: int) -> Callable[[Any, Any], Any] | None:
    closed = closed_moments(psi)
    if closed is None:
        return None
    derivative = sympy.diff(closed.mean, closed.beta, n)
    return sympy.lambdify((closed.alpha, closed.beta), derivative, MP_MODULES)


def _outer(
    phi: ScalarFunction, psi: ScalarFunction, pair: tuple, integrand: Callable[[Any], Any]
) -> Any:
    """E over z, panels split at the kinks of φ and around those of ψ, blurred at scale s."""
    a, b, c, s = pair
    limit = mpmath.sqrt(2 * mpmath.mp.prec * mpmath.ln(2)) + 3
    splits = kinks_mp(phi, a, 0)
    blur = s / abs(c) if c else mpmath.inf
    if blur < 1:
        for center in kinks_mp(psi, b * c, 0):
            reach = blur / 2
            splits.append(center)
            while reach < 4:
                splits += [center - reach, center + reach]
                reach *= 2
    inner = [z for z in splits if -limit < z < limit]
    edges = sorted({-limit, limit, *(mpmath.mpf(i) for i in range(-6, 7, 2)), *inner})
    return integral_mp(lambda z: integrand(z) * mpmath.npdf(z), edges)


def _on_line(
    phi: ScalarFunction, m: int, psi: ScalarFunction, n: int, pair: tuple[Any, Any, Any, Any]
) -> Any:
    """c = ±1: one dimension; a mass sees the mean of both sides of a jump, and inf a mass."""
    a, b, c, _ = pair
    f, g = phi.mpmath(m), psi.mpmath(n)
    splits = [*kinks_mp(phi, a, 0), *kinks_mp(psi, b * c, 0)]
    total = expectation_mp(lambda z: f(a * z) * g(b * c * z), splits)
    left = [(mpmath.mpf(x) / a, jump / a) for x, jump in point_masses(phi, m)]
    right = [(c * mpmath.mpf(y) / b, jump / b) for y, jump in point_masses(psi, n)]
    nudge = mpmath.ldexp(1, -mpmath.mp.prec // 2)
    for masses, other in ((left, lambda z: g(b * c * z)), (right, lambda z: f(a * z))):
        for t, jump in masses:
            total += jump * mpmath.npdf(t) * (other(t - nudge) + other(t + nudge)) / 2
    for t, jump in left:
        for r, other_jump in right:
            if mpmath.almosteq(t, r):
                return mpmath.sign(jump * other_jump) * mpmath.inf
    return total


def _mehler(
    f: Callable[[Any], Any], g: Callable[[Any], Any], pair: tuple[Any, Any, Any, Any]
) -> Any:
    """Mehler's series, the sum of cⁿ f_n g_n over Hermite coefficients; None where it is long.

    Coefficients are integrals over a line, so this costs nodes times terms where a tensor rule
    costs nodes squared, each with a value of g. By Parseval's identity the terms left out are at
    most |c|ⁿ times the rest of E f² and E g².
    """
    a, b, c, _ = pair
    if abs(c) > _LARGEST_COSINE:
        return None
    tolerance = mpmath.ldexp(1, 20 - mpmath.mp.prec)
    limit = mpmath.sqrt(2 * mpmath.mp.prec * mpmath.ln(2)) + 2
    step, previous = 1 / (2 * max(mpmath.mpf(1), a, b)), None
    while limit / step < _MOST_NODES:
        half = int(limit / step)
        z = [i * step for i in range(-half, half + 1)]
        w = [step * mpmath.npdf(x) for x in z]
        total = _mehler_sum([f(a * x) for x in z], [g(b * x) for x in z], c, z, w, tolerance)
        if total is None:
            return None
        if previous is not None and abs(total - previous) <= mpmath.sqrt(tolerance) * (
            1 + abs(total)
        ):
            return total
        previous, step = total, step / 2
    return None


def _mehler_sum(f: list, g: list, c: Any, z: list, w: list, tolerance: Any) -> Any:
    """The series at one rule of nodes z and weights w; None when it does not end."""
    f = [v * x for v, x in zip(w, f, strict=True)]
    g = [v * x for v, x in zip(w, g, strict=True)]
    size = [mpmath.fsum(x * x / v for x, v in zip(values, w, strict=True)) for values in (f, g)]
    rest, total = list(size), mpmath.mpf(0)
    bound = tolerance * mpmath.sqrt(size[0] * size[1])
    nodes = np.array(z, dtype=object)
    rows = hermite_rows(nodes, 0 * nodes + mpmath.mpf(1), mpmath.sqrt)
    for n, row in enumerate(itertools.islice(rows, _MOST_TERMS)):
        first, second = mpmath.fdot(f, row), mpmath.fdot(g, row)
        total += c**n * first * second
        rest = [max(r - x * x, 0) for r, x in zip(rest, (first, second), strict=True)]
        floor = [tolerance * x for x in size]
        left = mpmath.sqrt(max(rest[0], floor[0]) * max(rest[1], floor[1]))
        if abs(c) ** (n + 1) * left <= bound:
            return total
    return None


def _trapezoids(
    f: Callable[[Any], Any], g: Callable[[Any], Any], pair: tuple[Any, Any, Any, Any]
) -> Any:
    """A tensor trapezoid rule, refined until two agree; exponential for analytic f and g."""
    a, b, c, s = pair
    tolerance = mpmath.ldexp(1, 20 - mpmath.mp.prec)
    limit = mpmath.sqrt(2 * mpmath.mp.prec * mpmath.ln(2)) + 2
    step, previous = 1 / (2 * max(mpmath.mpf(1), a, b)), None
    while True:
        half = int(limit / step)
        nodes = [(i * step, step * mpmath.npdf(i * step)) for i in range(-half, half + 1)]
        inner = nodes if s else [(mpmath.mpf(0), mpmath.mpf(1))]
        total = mpmath.fsum(
            w * f(a * z) * mpmath.fsum(v * g(b * (c * z + s * y)) for y, v in inner)
            for z, w in nodes
        )
        # the finer of two that agree to the square root is right to all digits
        if previous is not None and abs(total - previous) <= mpmath.sqrt(tolerance) * (
            1 + abs(total)
        ):
            return total
        previous, step = total, step / 2
