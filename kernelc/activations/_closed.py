"""Closed forms of Gaussian expectations of a function, transformations folded in."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy

from ._closed_duals import affine_image, exponential_terms, line_expectation, pair_expectation
from ._exponentials import Terms
from ._formula import Formula, flat
from ._registry import Definition
from ._stable import X
from ._structure import analytic, pieces


def _known(function: Formula) -> tuple[Definition | None, tuple, dict[str, Any]]:
    """The definition with a closed dual that a function is an affine image of, if any."""
    root, (a, b, c, d) = flat(function)
    if root.definition is not None:
        return root.definition, (a, b, c, d), root.exact_params
    found = affine_image(root.expr) if analytic(root) else None
    if found is None:
        return None, (a, b, c, d), {}
    definition, (alpha, beta, gamma, delta) = found
    return definition, (alpha * a, alpha * b + beta, c * gamma, delta + d / gamma), {}


def _terms(function: Formula, n: int) -> Terms | None:
    root, _ = flat(function)
    if not analytic(root) or exponential_terms(root.expr.diff(X, n)) is None:
        return None
    return exponential_terms(pieces(function)[0].expr.diff(X, n))


def closed_cross(
    first: Formula,
    second: Formula,
    orders: tuple[int, int],
    moments: tuple[sympy.Symbol, sympy.Symbol, sympy.Symbol],
) -> sympy.Expr | None:
    """E φ^(m)(u)ψ^(n)(v), (m, n) = orders, for symbols (q1, q2, k), if known."""
    if first == second and orders in ((0, 0), (1, 1)):
        return (closed_dual, closed_dual_derivative)[orders[0]](first, *moments)
    left, right = _terms(first, orders[0]), _terms(second, orders[1])
    if left is None or right is None:
        return None
    return pair_expectation(left, right, *moments)


@lru_cache(maxsize=512)
def closed_dual(function: Formula, q1: Any, q2: Any, k: Any) -> sympy.Expr | None:
    """E φ(u)φ(v), transformations folded into the variances and the mean."""
    found = _defined_dual(function, q1, q2, k)
    if found is None and (terms := _terms(function, 0)) is not None:
        return pair_expectation(terms, terms, *(sympy.sympify(x, strict=True) for x in (q1, q2, k)))
    return found


def _defined_dual(function: Formula, q1: Any, q2: Any, k: Any) -> sympy.Expr | None:
    rule, (a, b, c, d), params = _known(function)
    if rule is None or rule.dual is None:
        return None
    q1, q2, k = (a**2 * sympy.sympify(value, strict=True) for value in (q1, q2, k))
    product = rule.dual(q1, q2, k, b, **params)
    if product is None or d == 0:
        return None if product is None else c**2 * product
    if rule.expectation is None:
        return None
    means = [rule.expectation(q, b, **params) for q in (q1, q2)]
    if any(mean is None for mean in means):
        return None
    return c**2 * (product + d * (means[0] + means[1]) + d**2)


@lru_cache(maxsize=512)
def closed_dual_derivative(function: Formula, q1: Any, q2: Any, k: Any) -> sympy.Expr | None:
    """E φ'(u)φ'(v); δ drops out."""
    found = _defined_slope(function, q1, q2, k)
    if found is None and (terms := _terms(function, 1)) is not None:
        return pair_expectation(terms, terms, *(sympy.sympify(x, strict=True) for x in (q1, q2, k)))
    return found


def _defined_slope(function: Formula, q1: Any, q2: Any, k: Any) -> sympy.Expr | None:
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


def closed_mean(function: Formula, q: Any, n: int) -> sympy.Expr | None:
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
