"""Gaussian expectations of sums of polynomials times exponentials of quadratics."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TypeAlias

import sympy
from sympy import Expr

from ._stable import X


Polynomial: TypeAlias = dict[int, Expr]
Terms: TypeAlias = dict[tuple[Expr, Expr], Polynomial]
"""x^n·exp(p·x² + r·x + t), as a map from (p, r) to the coefficients of the polynomial."""

# Formulas grow with the square of the terms: with more they are slower than a table.
_MOST_TERMS, _MOST_DEGREE = 6, 33


def decomposed(expr: Expr) -> Terms | None:
    """`expr` as a sum of polynomials times exp(px²+rx), if it is one."""
    if expr.has(sympy.sin, sympy.cos, sympy.sinh, sympy.cosh):
        expr = expr.rewrite(sympy.exp)
    expr = sympy.powsimp(sympy.expand(expr), combine="exp")
    terms: Terms = {}
    for term in sympy.Add.make_args(sympy.expand(expr)):
        parts = sympy.Mul.make_args(term)
        powers = [part.exp for part in parts if isinstance(part, sympy.exp)]
        exponent: Expr = sum(powers, sympy.S.Zero)
        # One by one, so that SymPy distributes numbers over sums.
        others = (part for part in parts if not isinstance(part, sympy.exp))
        factor: Expr = math.prod(others, start=sympy.S.One)
        if not (factor.is_polynomial(X) and exponent.is_polynomial(X)):
            return None
        if sympy.Poly(exponent, X).degree() > 2:
            return None
        p, r, t = (exponent.expand().coeff(X, n) for n in (2, 1, 0))
        polynomial = terms.setdefault((p, r), {})
        for (n,), coefficient in sympy.Poly(factor, X).terms():
            polynomial[n] = polynomial.get(n, sympy.S.Zero) + coefficient * sympy.exp(t)
    return terms


@lru_cache(maxsize=512)
def exponential_terms(expr: Expr) -> Terms | None:
    """`expr` as a short sum of polynomials times exp(px² + rx), p <= 0 and r complex, if it is one.

    Example:
        >>> sorted(exponential_terms(sympy.sin(3 * X)), key=str)
        [(0, -3*I), (0, 3*I)]
    """
    terms = decomposed(expr)
    if terms is None or len(terms) > _MOST_TERMS:
        return None
    if any(not (p.is_real and p.is_nonpositive) for p, _ in terms):
        return None
    degree = max(max(polynomial, default=0) for polynomial in terms.values())
    limit = _MOST_DEGREE if len(terms) == 1 else _MOST_DEGREE // len(terms)
    if degree > limit:
        return None
    return {
        key: {n: sympy.expand(value, complex=True) for n, value in polynomial.items()}
        for key, polynomial in terms.items()
    }


def pair_expectation(first: Terms, second: Terms, q1: Expr, q2: Expr, k: Expr) -> Expr:
    """E f(u) g(v): each product of exponentials is a Gaussian of another mean and covariance.

    With P = diag(p, p') that of exp(pu² + ru + p'v² + r'v) is S = (1 - 2ΣP)⁻¹Σ around
    S(r, r'), its mass exp((r, r')S(r, r')/2)/√det(1 - 2ΣP).
    """
    total = sympy.S.Zero
    for (p, r), left in first.items():
        for (s, t), right in second.items():
            det = sympy.expand((1 - 2 * p * q1) * (1 - 2 * s * q2) - 4 * p * s * k**2)
            a = ((1 - 2 * s * q2) * q1 + 2 * s * k**2) / det
            b = ((1 - 2 * p * q1) * q2 + 2 * p * k**2) / det
            c = k / det
            power = (r**2 * a + 2 * r * t * c + t**2 * b) / 2
            means = (r * a + t * c, r * c + t * b)
            moment = pair_mean(_expression(left), _expression(right), means, (a, b, c))
            total += _real(moment, power) / sympy.sqrt(det)
    return total


def line_expectation(terms: Terms, q: Expr) -> Expr:
    """E f(u)."""
    total = sympy.S.Zero
    for (p, r), polynomial in terms.items():
        shrink = 1 - 2 * p * q
        moment = shifted_mean(_expression(polynomial), r * q / shrink, q / shrink)
        total += _real(moment, r**2 * q / shrink / 2) / sympy.sqrt(shrink)
    return total


def pair_mean(f: Expr, g: Expr, means: tuple[Expr, Expr], moments: tuple[Expr, Expr, Expr]) -> Expr:
    """E f(u) g(v) of polynomials: Σ c^n/n! E f^(n)(u) E g^(n)(v) (Mehler).

    Arguments:
        f, g: polynomials in X.
        means: of u and v.
        moments: variance of u, variance of v, covariance c.
    """
    a, b, c = moments
    total, n = sympy.S.Zero, 0
    while f != 0 and g != 0:
        term = shifted_mean(f, means[0], a) * shifted_mean(g, means[1], b)
        total += c**n / sympy.factorial(n) * term
        f, g, n = f.diff(X), g.diff(X), n + 1
    return total


def shifted_mean(polynomial: Expr, mean: Expr, variance: Expr) -> Expr:
    """E p(mean + √variance Z) = Σ (variance/2)^n/n! p^(2n)(mean): the heat semigroup."""
    total, n = sympy.S.Zero, 0
    while polynomial != 0:
        total += (variance / 2) ** n / sympy.factorial(n) * polynomial.subs(X, mean)
        polynomial, n = polynomial.diff(X, 2), n + 1
    return total


def _expression(polynomial: Polynomial) -> Expr:
    return sympy.Add(*[value * X**n for n, value in polynomial.items()])


def _real(factor: Expr, power: Expr) -> Expr:
    """The real part of factor·exp(power); imaginary parts cancel between conjugate terms."""
    if not (factor.has(sympy.I) or power.has(sympy.I)):
        return factor * sympy.exp(power)
    (a, b), (height, turn) = (_parts(value) for value in (factor, power))
    return sympy.exp(height) * (a * sympy.cos(turn) - b * sympy.sin(turn))


def _parts(value: Expr) -> tuple[Expr, Expr]:
    """Real and imaginary part, the symbols being real."""
    expanded = sympy.expand(value)
    imaginary = expanded.coeff(sympy.I)
    return sympy.expand(expanded - sympy.I * imaginary), imaginary
