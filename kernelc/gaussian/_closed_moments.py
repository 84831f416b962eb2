"""Closed moments of φ(αZ+β) for pieces that are sums of polynomials times exponentials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy

from ..activations import (
    FLOAT_MODULES,
    MP_MODULES,
    ScalarFunction,
    X,
    decomposed,
    normal_cdf,
    owens_t,
)


ALPHA = sympy.Symbol("alpha", positive=True)
BETA = sympy.Symbol("beta", real=True)


@dataclass(frozen=True)
class ClosedMoments:
    """E φ(X), E φ(X)² and E φ'(X)² at X = αZ+β, exact in the symbols `alpha` and `beta`.

    Arguments:
        mean: E φ(X).
        second: E φ(X)².
        slope_second: E φ'(X)²; infinite where φ jumps.
        alpha: the symbol of the scale.
        beta: the symbol of the shift.
    """

    mean: sympy.Expr
    second: sympy.Expr
    slope_second: sympy.Expr
    alpha: sympy.Symbol = ALPHA
    beta: sympy.Symbol = BETA

    def numpy(self) -> Callable[[Any, Any], tuple[Any, Any, Any]]:
        """(α, β) -> (mean, second, slope_second) in float64."""
        return _lambdified(self, "numpy")

    def mpmath(self) -> Callable[[Any, Any], tuple[Any, Any, Any]]:
        """(α, β) -> (mean, second, slope_second) at mpmath's working precision."""
        return _lambdified(self, "mpmath")


def closed_moments(
    phi: ScalarFunction, alpha: sympy.Symbol = ALPHA, beta: sympy.Symbol = BETA
) -> ClosedMoments | None:
    """Exact first and second moments of φ(αZ+β), where elementary ones (or Owen's T) exist.

    Each piece is a sum of xⁿ·exp(px²+rx); against a Gaussian that is another Gaussian times
    a constant, and its truncated moments follow from integration by parts.

    Arguments:
        phi: the function.
        alpha: the symbol to use for the scale, positive.
        beta: the symbol to use for the shift, real.

    Returns: `ClosedMoments`, or None where no closed form is known (tanh, softplus, ...).

    Example:
        >>> from kernelc.activations import named
        >>> closed_moments(named("square")).mean
        alpha**2 + beta**2
    """
    closed = _closed(phi)
    if closed is None or (alpha, beta) == (ALPHA, BETA):
        return closed

    def renamed(expr: Any) -> Any:
        return expr.xreplace({ALPHA: alpha, BETA: beta})

    mean, second = renamed(closed.mean), renamed(closed.second)
    return ClosedMoments(mean, second, renamed(closed.slope_second), alpha, beta)


@lru_cache(maxsize=256)
def _closed(phi: ScalarFunction) -> ClosedMoments | None:
    special = _of_erf(phi) or _of_gelu(phi)
    if special is not None:
        return special
    mean = _expectation(phi, lambda expr: expr)
    second = _expectation(phi, lambda expr: expr**2)
    slope = _expectation(phi, lambda expr: expr.diff(X) ** 2)
    if mean is None or second is None or slope is None:
        return None
    return ClosedMoments(mean, second, sympy.oo if phi.jumps(0) else slope)


def _expectation(phi: ScalarFunction, form: Callable[[Any], Any]) -> sympy.Expr | None:
    total: Any = sympy.S.Zero
    for piece in phi.pieces:
        terms = decomposed(form(piece.expr))
        if terms is None:
            return None
        for (p, r), polynomial in terms.items():
            whole = piece.lower.is_infinite and piece.upper.is_infinite
            if not (p.is_real and p.is_nonpositive) or (not whole and not r.is_real):
                return None
            total += _piece_expectation(p, r, polynomial, piece.lower, piece.upper)
    return total


def _piece_expectation(p: Any, r: Any, polynomial: dict[int, Any], lower: Any, upper: Any):
    """E xⁿ exp(px²+rx) 1(lower < x < upper): complete the square, then truncate."""
    shrink = 1 - 2 * p * ALPHA**2
    deviation = ALPHA / sympy.sqrt(shrink)
    center = (BETA + r * ALPHA**2) / shrink
    exponent = (p * BETA**2 + r * BETA + r**2 * ALPHA**2 / 2) / shrink
    moment = truncated_moments(center, deviation, lower, upper, max(polynomial, default=0))
    body = sum(coefficient * moment[n] for n, coefficient in polynomial.items())
    if r.is_real:
        return sympy.exp(exponent) / sympy.sqrt(shrink) * body
    return _real_part(exponent, body) / sympy.sqrt(shrink)


def _real_part(exponent: Any, body: Any) -> Any:
    """Re(exp(exponent) body): sin and cos came in as pairs of conjugate exponentials."""
    size, turn = sympy.expand(exponent).as_real_imag()
    real, imaginary = sympy.expand(body, complex=True).as_real_imag()
    return sympy.exp(size) * (sympy.cos(turn) * real - sympy.sin(turn) * imaginary)


def truncated_moments(
    center: Any, deviation: Any, lower: Any, upper: Any, degree: int
) -> list[Any]:
    """E Yⁿ 1(lower < Y < upper) for n = 0..degree, Y ~ N(center, deviation²).

    Example:
        >>> truncated_moments(BETA, ALPHA, -sympy.oo, sympy.oo, 2)[2]
        alpha**2 + beta**2
    """
    ends = [(edge, sign) for edge, sign in ((lower, -1), (upper, 1)) if edge.is_finite]

    def boundary(n: int) -> Any:
        # deviation² times the density: what integration by parts leaves at the ends
        return sum(
            sign * edge**n * deviation * _bump((edge - center) / deviation) for edge, sign in ends
        )

    moments = [_mass(center, deviation, lower, upper)]
    for n in range(1, degree + 1):
        before = (n - 1) * deviation**2 * moments[n - 2] if n > 1 else 0
        moments.append(sympy.expand(center * moments[n - 1] + before - boundary(n - 1)))
    return moments


def _mass(center: Any, deviation: Any, lower: Any, upper: Any) -> Any:
    # From the side where the mass is the smaller difference: Φ(-t) keeps its tail.
    if upper is sympy.oo:
        return sympy.S.One if lower.is_infinite else normal_cdf((center - lower) / deviation)
    below = normal_cdf((upper - center) / deviation)
    return below - (0 if lower.is_infinite else normal_cdf((lower - center) / deviation))


def _bump(t: Any) -> Any:
    return sympy.exp(-(t**2) / 2) / sympy.sqrt(2 * sympy.pi)


def _of_erf(phi: ScalarFunction) -> ClosedMoments | None:
    """φ = erf: the mean is Gaussian smoothing, the second moment one orthant."""
    if phi.expr != sympy.erf(X):
        return None
    a, b = ALPHA, BETA
    root = sympy.sqrt(1 + 2 * a**2)
    wide = 1 + 4 * a**2
    orthant: Any = owens_t(sympy.sqrt(2) * b / root, 1 / sympy.sqrt(wide))
    return ClosedMoments(
        mean=sympy.erf(b / root),
        second=1 - 8 * orthant,
        slope_second=4 / sympy.pi * sympy.exp(-2 * b**2 / wide) / sympy.sqrt(wide),
    )


def _of_gelu(phi: ScalarFunction) -> ClosedMoments | None:
    """φ = xΦ(x), by Stein's lemma twice from E Φ(X)² (Owen's T)."""
    textbook = X * (1 + sympy.erf(X / sympy.sqrt(2))) / 2
    if phi.expr != X * normal_cdf(X) and sympy.expand(phi.expr - textbook) != 0:
        return None
    a, b = ALPHA, BETA
    v, wide = 1 + a**2, 1 + 2 * a**2
    h = b / sympy.sqrt(v)
    orthant: Any = owens_t(h, 1 / sympy.sqrt(wide))
    square = normal_cdf(h) - 2 * orthant  # E Φ(X)²
    bump = _bump(h) / sympy.sqrt(v)  # E of the density at X
    m, s2 = b / v, a**2 / v  # X under that bump is N(m, s2)
    inner = m / sympy.sqrt(1 + s2)
    tilted = m * normal_cdf(inner) + s2 * _bump(inner) / sympy.sqrt(1 + s2)
    pair = sympy.exp(-(b**2) / wide) / (2 * sympy.pi * sympy.sqrt(wide))  # E density²
    return ClosedMoments(
        mean=b * normal_cdf(h) + a**2 * bump,
        second=(a**2 + b**2) * square
        + 4 * b * a**2 * bump * normal_cdf(inner)
        + 2 * a**4 * (pair - bump * tilted),
        slope_second=square + 2 * bump * tilted + pair * (a**2 / wide + (b / wide) ** 2),
    )


@lru_cache(maxsize=256)
def _lambdified(closed: ClosedMoments, where: str) -> Callable[[Any, Any], tuple[Any, Any, Any]]:
    modules = FLOAT_MODULES if where == "numpy" else MP_MODULES
    expressions = (closed.mean, closed.second, closed.slope_second)
    return sympy.lambdify((closed.alpha, closed.beta), expressions, modules)
