"""Closed forms of Gaussian expectations of a function, transformations folded in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import sympy
from sympy import Expr

from ._exponentials import Terms, exponential_terms, line_expectation, pair_expectation
from ._formula import Affine, Formula, flat
from ._registry import ACTIVATIONS, Definition
from ._stable import X, normal_cdf
from ._structure import analytic, pieces


_A = sympy.Dummy("erf")
# Coefficients given as floats agree to rounding.
_ROUNDING = 1e-13


def closed_cross(
    first: Formula,
    second: Formula,
    orders: tuple[int, int],
    moments: tuple[sympy.Symbol, sympy.Symbol, sympy.Symbol],
) -> Expr | None:
    """E φ^(m)(u)ψ^(n)(v), (m, n) = orders, for symbols (q1, q2, k), if known."""
    if first == second and orders in ((0, 0), (1, 1)):
        return (closed_dual, closed_dual_derivative)[orders[0]](first, *moments)
    left, right = _terms(first, orders[0]), _terms(second, orders[1])
    if left is None or right is None:
        return None
    return pair_expectation(left, right, *moments)


@lru_cache(maxsize=512)
def closed_dual(function: Formula, q1: Expr, q2: Expr, k: Expr) -> Expr | None:
    """E φ(u)φ(v), transformations folded into the variances and the mean."""
    found = _defined_dual(function, q1, q2, k)
    return _by_terms(function, 0, (q1, q2, k)) if found is None else found


@lru_cache(maxsize=512)
def closed_dual_derivative(function: Formula, q1: Expr, q2: Expr, k: Expr) -> Expr | None:
    """E φ'(u)φ'(v); δ drops out."""
    found = _defined_slope(function, q1, q2, k)
    return _by_terms(function, 1, (q1, q2, k)) if found is None else found


def closed_mean(function: Formula, q: Expr, n: int) -> Expr | None:
    """E φ^(n)(u), n = 0 or 1: the slope is the derivative in a shift of the input."""
    q = sympy.sympify(q, strict=True)
    rule, (a, b, c, d), params = _known(function)
    if rule is not None and rule.expectation is not None:
        shift = sympy.Dummy("m", real=True)
        mean = rule.expectation(a**2 * q, b if n == 0 else shift, **params)
        if mean is not None:
            return c * (mean + d) if n == 0 else a * c * mean.diff(shift).xreplace({shift: b})
    terms = _terms(function, n)
    return None if terms is None else line_expectation(terms, q)


def _by_terms(function: Formula, n: int, moments: tuple[Expr, Expr, Expr]) -> Expr | None:
    terms = _terms(function, n)
    if terms is None:
        return None
    return pair_expectation(terms, terms, *(sympy.sympify(x, strict=True) for x in moments))


def _terms(function: Formula, n: int) -> Terms | None:
    root, _ = flat(function)
    if not analytic(root) or exponential_terms(root.expr.diff(X, n)) is None:
        return None
    return exponential_terms(pieces(function)[0].expr.diff(X, n))


def _known(function: Formula) -> tuple[Definition | None, Affine, Mapping[str, Expr]]:
    """The definition with a closed dual that a function is an affine image of, if any."""
    root, (a, b, c, d) = flat(function)
    if root.definition is not None:
        return root.definition, (a, b, c, d), root.exact_params
    found = affine_image(root.expr) if analytic(root) else None
    if found is None:
        return None, (a, b, c, d), {}
    definition, (alpha, beta, gamma, delta) = found
    return definition, (alpha * a, alpha * b + beta, c * gamma, delta + d / gamma), {}


def _defined_dual(function: Formula, q1: Expr, q2: Expr, k: Expr) -> Expr | None:
    rule, (a, b, c, d), params = _known(function)
    if rule is None or rule.dual is None:
        return None
    q1, q2, k = (a**2 * sympy.sympify(value, strict=True) for value in (q1, q2, k))
    product = rule.dual(q1, q2, k, b, **params)
    if product is None or d == 0:
        return None if product is None else c**2 * product
    if rule.expectation is None:
        return None
    first, second = (rule.expectation(q, b, **params) for q in (q1, q2))
    if first is None or second is None:
        return None
    return c**2 * (product + d * (first + second) + d**2)


def _defined_slope(function: Formula, q1: Expr, q2: Expr, k: Expr) -> Expr | None:
    rule, (a, b, c, _), params = _known(function)
    if rule is None or rule.dual is None:
        return None
    q1, q2, k = (a**2 * sympy.sympify(value, strict=True) for value in (q1, q2, k))
    if rule.dual_derivative is not None:
        slope = rule.dual_derivative(q1, q2, k, b, **params)
        return None if slope is None else a**2 * c**2 * slope
    t = sympy.Dummy("k", real=True)
    product = rule.dual(q1, q2, t, b, **params)
    return None if product is None else a**2 * c**2 * product.diff(t).xreplace({t: k})


@lru_cache(maxsize=512)
def affine_image(expr: Expr) -> tuple[Definition, Affine] | None:
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


def _in_erf(expr: Expr) -> tuple[sympy.Poly, tuple[Expr, Expr]] | None:
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
