"""Dual kernels to any number of digits: what the float64 ones are judged by."""

from __future__ import annotations

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
from ._line_mp import expectation_mp
from ._moments import at_masses_mp, kinks_mp, line_mean_mp
from ._smoothed_mp import smoothed_cross


_MOST_TERMS = 2000
_MOST_NODES = 2000
_GUARD = 15  # digits carried beyond those asked for

Function = Callable[[Any], Any]
Pair = tuple[Any, Any, Any, Any]
"""(a, b, c, s): u = a·z, v = b·(c·z + s·w)."""


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
        closed = closed_cross_mp(phi, phi, (order, order))
        return _known_or_computed(phi, order, phi, order, (q1, q2, k), closed)


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
        return _known_or_computed(phi, orders[0], psi, orders[1], (q1, q2, k), None)


def _known_or_computed(
    phi: ScalarFunction,
    m: int,
    psi: ScalarFunction,
    n: int,
    given: tuple[Any, Any, Any],
    closed: Callable[[Any, Any, Any], Any] | None,
) -> Any:
    q1, q2, k = map(mpmath.mpf, given)
    if k == 0 and min(q1, q2) == 0:  # one of the two is zero, so they are independent
        return line_mean_mp(phi, m, q1) * line_mean_mp(psi, n, q2)
    pair = _covariance_mp(q1, q2, k)
    if closed is None or pair[3] == 0:
        return _cross_mp(phi, m, psi, n, pair)
    # cancellation in a formula costs digits: carry twice as many
    with mpmath.workdps(2 * mpmath.mp.dps):
        return closed(*map(mpmath.mpf, given))


def _covariance_mp(q1: Any, q2: Any, k: Any) -> Pair:
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


def _cross_mp(phi: ScalarFunction, m: int, psi: ScalarFunction, n: int, pair: Pair) -> Any:
    a, b, c, s = pair
    if phi.analytic and psi.analytic:
        f, g = phi.mpmath(m), psi.mpmath(n)
        series = _mehler(phi, m, psi, n, pair) if s else None  # on a line, the rule is short
        return _refined(f, g, pair) if series is None else series
    if s == 0:
        return _on_line(phi, m, psi, n, pair)
    if c == 0:
        return line_mean_mp(phi, m, a * a) * line_mean_mp(psi, n, b * b)
    smoothed = smoothed_cross((phi, m), (psi, n), pair)
    return _by_panels(phi, m, psi, n, pair) if smoothed is None else smoothed


def _by_panels(phi: ScalarFunction, m: int, psi: ScalarFunction, n: int, pair: Pair) -> Any:
    """An integral over u of the mean of v given u."""
    a, b, c, s = pair
    left, right = point_masses(phi, m), point_masses(psi, n)
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
        return smooth + at_masses_mp(masses, alpha, beta)

    return by_quadrature


@lru_cache(maxsize=128)
def _closed_mean(psi: ScalarFunction, n: int) -> Callable[[Any, Any], Any] | None:
    closed = closed_moments(psi)
    if closed is None:
        return None
    derivative = sympy.diff(closed.mean, closed.beta, n)
    return sympy.lambdify((closed.alpha, closed.beta), derivative, MP_MODULES)


def _outer(phi: ScalarFunction, psi: ScalarFunction, pair: Pair, integrand: Function) -> Any:
    """E over z, panels split at the kinks of φ and around those of ψ, blurred at scale s."""
    a, b, c, s = pair
    splits = kinks_mp(phi, a, 0)
    blur = s / abs(c) if c else mpmath.inf
    if blur < 1:
        for center in kinks_mp(psi, b * c, 0):
            reach = blur / 2
            splits.append(center)
            while reach < 4:
                splits += [center - reach, center + reach]
                reach *= 2
    return expectation_mp(integrand, splits)


def _on_line(phi: ScalarFunction, m: int, psi: ScalarFunction, n: int, pair: Pair) -> Any:
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


def _refined(f: Function, g: Function, pair: Pair) -> Any:
    """A tensor rule at ever more nodes until two results agree."""
    return _agreed(pair, lambda z, w, _: _trapezoids(f, g, pair, z, w))


def _agreed(pair: Pair, rule: Callable[[list, list, Any], tuple[Any, Any] | None]) -> Any:
    """`rule` at ever more nodes until two results agree; None where it gives none.

    It gives a value and its size: that of u and v being one.

    The finer of two that agree to the square root is right to all digits, as long as the error
    falls exponentially, which it does for analytic f and g.
    """
    agree = mpmath.sqrt(mpmath.ldexp(1, 20 - mpmath.mp.prec))
    limit = mpmath.sqrt(2 * mpmath.mp.prec * mpmath.ln(2)) + 2
    # More digits need more nodes: those of a few digits would agree on nothing.
    step, previous = 1 / (max(2, mpmath.mp.prec // 40) * max(mpmath.mpf(1), *pair[:2])), None
    while True:
        half = int(limit / step)
        z = [i * step for i in range(-half, half + 1)]
        found = rule(z, [step * mpmath.npdf(x) for x in z], step)
        if found is None:
            return None
        total, size = found
        near = agree * min(size, 1 + abs(total))
        if previous is not None and abs(total - previous) <= near:
            return total
        previous, step = total, step / 2


def _mehler(phi: ScalarFunction, m: int, psi: ScalarFunction, n: int, pair: Pair) -> Any:
    """Mehler's series, the sum of cⁿ f_n g_n over Hermite coefficients; None where it is long.

    Coefficients are integrals over a line, so this costs nodes times terms where a tensor rule
    costs nodes squared, each with a value of g. By Parseval's identity the terms left out are at
    most |c|ⁿ times the rest of E f² and E g². They are kept: kernels of one q value share them.
    """
    a, b, c, _ = pair
    tolerance = mpmath.ldexp(1, 20 - mpmath.mp.prec)

    def rule(z: list, w: list, step: Any) -> tuple[Any, Any] | None:
        if len(z) > 2 * _MOST_NODES:
            return None
        first = hermite_line(phi, m, a, step, mpmath.mp.prec)
        second = (
            first if (phi, m, a) == (psi, n, b) else hermite_line(psi, n, b, step, mpmath.mp.prec)
        )
        sides = (first, second)
        rest, total, power = [side.size for side in sides], mpmath.mpf(0), mpmath.mpf(1)
        size = mpmath.sqrt(rest[0] * rest[1])
        bound = tolerance * size
        for order in range(_MOST_TERMS):
            values = [side.coefficient(order) for side in sides]
            total += power * values[0] * values[1]
            power *= c
            rest = [max(r - x * x, 0) for r, x in zip(rest, values, strict=True)]
            left = [max(r, tolerance * s.size) for r, s in zip(rest, sides, strict=True)]
            if abs(power) * mpmath.sqrt(left[0] * left[1]) <= bound:
                return total, size
        return None

    return _agreed(pair, rule)


class _Line:
    """Hermite coefficients of f(a z), z standard normal, by a trapezoid rule, one by one.

    In fixed point, which costs a tenth of floating point: orthonormal functions stay below 1. In
    their tails they grow by as many digits as they start small, so twice the bits are carried.
    """

    def __init__(self, f: Function, a: Any, step: Any, prec: int) -> None:
        limit = mpmath.sqrt(2 * prec * mpmath.ln(2)) + 2
        half = int(limit / step)
        self.shift = 2 * prec + 64
        with mpmath.workprec(self.shift):
            z = [i * step for i in range(-half, half + 1)]
            roots = [mpmath.sqrt(step * mpmath.npdf(x)) for x in z]
            self._nodes = self._fixed(z)
            self._row, self._before = self._fixed(roots), self._fixed([0] * len(z))
        values = [f(a * x) * v for x, v in zip(z, roots, strict=True)]
        self.size = mpmath.fsum(x * x for x in values)
        # Values near 1, or those of a small a are zero in fixed point.
        self._root = min(0, mpmath.mag(self.size) // 2) if self.size else 0
        self._values = self._fixed([mpmath.ldexp(x, -self._root) for x in values])
        self._found: list[Any] = []

    def _fixed(self, numbers: list[Any]) -> np.ndarray:
        return np.array([int(mpmath.ldexp(x, self.shift)) for x in numbers], dtype=object)

    def coefficient(self, order: int) -> Any:
        """E f(a z) h_n(z) with the orthonormal Hermite polynomial h_n."""
        while len(self._found) <= order:
            self._found.append(self._next())
        return self._found[order]

    def _next(self) -> Any:
        shift, n = self.shift, len(self._found)
        found = mpmath.ldexp(int((self._values * self._row).sum()), self._root - 2 * shift)
        with mpmath.workprec(shift):
            root = int(mpmath.ldexp(mpmath.sqrt(n), shift))
            inverse = int(mpmath.ldexp(1 / mpmath.sqrt(n + 1), shift))
        row = (((self._nodes * self._row - root * self._before) >> shift) * inverse) >> shift
        self._before, self._row = self._row, row
        return found


@lru_cache(maxsize=64)
def hermite_line(phi: ScalarFunction, order: int, a: Any, step: Any, prec: int) -> _Line:
    """The coefficients of φ^(order)(a z) by a rule of this step, kept."""
    return _Line(phi.mpmath(order), a, step, prec)


def _trapezoids(f: Function, g: Function, pair: Pair, z: list, w: list) -> tuple[Any, Any]:
    """A tensor trapezoid rule, and √(E f² E g²)."""
    a, b, c, s = pair
    nodes = list(zip(z, w, strict=True))
    inner = nodes if s else [(mpmath.mpf(0), mpmath.mpf(1))]
    total = mpmath.fsum(
        v * f(a * x) * mpmath.fsum(u * g(b * (c * x + s * y)) for y, u in inner) for x, v in nodes
    )
    squares = [mpmath.fsum(v * h(t * x) ** 2 for x, v in nodes) for h, t in ((f, a), (g, b))]
    return total, mpmath.sqrt(squares[0] * squares[1])
