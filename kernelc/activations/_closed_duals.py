"""Closed duals found from an expression: exponential polynomials, and erf under affine maps."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy

from ._exponentials import Terms, decomposed
from ._registry import ACTIVATIONS, Definition
from ._stable import X, normal_cdf


# Formulas grow with the square of the terms: with more they are slower than a table.
_MOST_TERMS, _MOST_DEGREE = 6, 33
_A = sympy.Dummy("erf")
# Coefficients given as floats agree to rounding.
_ROUNDING = 1e-13


@lru_cache(maxsize=512)
def exponential_terms(expr: Any) -> Terms | None:
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


def pair_expectation(first: Terms, second: Terms, q1: Any, q2: Any, k: Any) -> sympy.Expr:
    """E f(u) g(v): each product of exponentials is a Gaussian of another mean and covariance.

    With P = diag(p, p') that of exp(pu² + ru + p'v² + r'v) is S = (1 - 2ΣP)⁻¹Σ around
    S(r, r'), its mass exp((r, r')S(r, r')/2)/√det(1 - 2ΣP).
    """
    total: Any = sympy.S.Zero
    for (p, r), left in first.items():
        for (s, t), right in second.items():
            det = sympy.expand((1 - 2 * p * q1) * (1 - 2 * s * q2) - 4 * p * s * k**2)
            a = ((1 - 2 * s * q2) * q1 + 2 * s * k**2) / det
            b = ((1 - 2 * p * q1) * q2 + 2 * p * k**2) / det
            c = k / det
            power = (r**2 * a + 2 * r * t * c + t**2 * b) / 2
            moment = _mixed(left, right, (r * a + t * c, r * c + t * b), (a, b, c))
            total += _real(moment, power) / sympy.sqrt(det)
    return total


def line_expectation(terms: Terms, q: Any) -> sympy.Expr:
    """E f(u)."""
    total: Any = sympy.S.Zero
    for (p, r), polynomial in terms.items():
        shrink = 1 - 2 * p * q
        moment = _moment(_expression(polynomial), r * q / shrink, q / shrink)
        total += _real(moment, r**2 * q / shrink / 2) / sympy.sqrt(shrink)
    return total


def _mixed(left: dict, right: dict, means: tuple[Any, Any], moments: tuple[Any, Any, Any]) -> Any:
    """E f(u) g(v) of polynomials: Σ c^n/n! E f^(n)(u) E g^(n)(v) (Mehler)."""
    a, b, c = moments
    f, g, total, n = _expression(left), _expression(right), sympy.S.Zero, 0
    while f != 0 and g != 0:
        term = _moment(f, means[0], a) * _moment(g, means[1], b)
        total += c**n / sympy.factorial(n) * term
        f, g, n = f.diff(X), g.diff(X), n + 1
    return total


def _moment(polynomial: Any, mean: Any, variance: Any) -> Any:
    """E p(mean + √variance Z) = Σ (variance/2)^n/n! p^(2n)(mean)."""
    total, n = sympy.S.Zero, 0
    while polynomial != 0:
        total += (variance / 2) ** n / sympy.factorial(n) * polynomial.subs(X, mean)
        polynomial, n = polynomial.diff(X, 2), n + 1
    return total


def _expression(polynomial: dict) -> Any:
    return sympy.Add(*[value * X**n for n, value in polynomial.items()])


def _real(factor: Any, power: Any) -> Any:
    """The real part of factor·exp(power); imaginary parts cancel between conjugate terms."""
    if not (factor.has(sympy.I) or power.has(sympy.I)):
        return factor * sympy.exp(power)
    (a, b), (height, turn) = (_parts(value) for value in (factor, power))
    return sympy.exp(height) * (a * sympy.cos(turn) - b * sympy.sin(turn))


def _parts(value: Any) -> tuple[Any, Any]:
    """Real and imaginary part, the symbols being real."""
    expanded = sympy.expand(value)
    imaginary = expanded.coeff(sympy.I)
    return sympy.expand(expanded - sympy.I * imaginary), imaginary


@lru_cache(maxsize=512)
def affine_image(expr: Any) -> tuple[Definition, tuple[Any, Any, Any, Any]] | None:
    """A registered activation φ0 with `expr` = γ(φ0(αx + β) + δ), through its error function.

    Example:
        >>> found = affine_image(sympy.erf(5 * X) / 2 + sympy.Rational(1, 2))
        >>> found[0].name, found[1]
        ('erf', (5, 0, 1/2, 1))
    """
    mine = _in_erf(expr)
    if mine is None:
        return None
    polynomial, (slope, shift) = mine
    for definition in dict.fromkeys(ACTIVATIONS.values()):
        if definition.dual is None or definition.defaults:
            continue
        theirs = _in_erf(definition.expression())
        if theirs is None:
            continue
        alpha, beta = slope / theirs[1][0], (shift - theirs[1][1]) / theirs[1][0]
        image = _in_erf(definition.expression().xreplace({X: alpha * X + beta}))
        if image is None:
            continue
        gamma = polynomial.LC() / image[0].LC()
        rest = polynomial - gamma * image[0]
        constant = rest.coeff_monomial(1)
        size = abs(polynomial.LC()) * _ROUNDING
        if all(not abs(c) > size for m, c in rest.terms() if any(m)):
            return definition, (alpha, beta, gamma, constant / gamma)
    return None


def _in_erf(expr: Any) -> tuple[Any, tuple[Any, Any]] | None:
    """A polynomial in x and one erf(ax + b), with (a, b); None where it is no such thing."""
    plain = sympy.expand(expr.replace(normal_cdf, lambda u: (1 + sympy.erf(u / sympy.sqrt(2))) / 2))
    atoms = plain.atoms(sympy.erf)
    if len(atoms) != 1:
        return None
    (atom,) = atoms
    argument = sympy.Poly(atom.args[0], X) if atom.args[0].is_polynomial(X) else None
    body = plain.xreplace({atom: _A})
    if argument is None or argument.degree() != 1 or not body.is_polynomial(X, _A):
        return None
    slope, shift = argument.all_coeffs()
    if slope.is_negative:
        slope, shift, body = -slope, -shift, body.xreplace({_A: -_A})
    return sympy.Poly(body, _A, X), (slope, shift)
