"""Sums of polynomials times exponentials of quadratics, taken apart."""

from __future__ import annotations

from typing import Any, TypeAlias

import sympy

from ._stable import X


Terms: TypeAlias = dict[tuple[Any, Any], dict[int, Any]]
"""x^n·exp(p·x² + r·x + t), as a map from (p, r) to the coefficients of the polynomial."""


def decomposed(expr: Any) -> Terms | None:
    """`expr` as a sum of polynomials times exp(px²+rx), if it is one."""
    if expr.has(sympy.sin, sympy.cos, sympy.sinh, sympy.cosh):
        expr = expr.rewrite(sympy.exp)
    expr = sympy.powsimp(sympy.expand(expr), combine="exp")
    terms: Terms = {}
    for term in sympy.Add.make_args(sympy.expand(expr)):
        exponent: Any = sympy.S.Zero
        factor: Any = sympy.S.One
        for part in sympy.Mul.make_args(term):
            if isinstance(part, sympy.exp):
                exponent += part.exp
            else:
                factor *= part
        if not (factor.is_polynomial(X) and exponent.is_polynomial(X)):
            return None
        if sympy.Poly(exponent, X).degree() > 2:
            return None
        p, r, t = (exponent.expand().coeff(X, n) for n in (2, 1, 0))
        polynomial = terms.setdefault((p, r), {})
        for (n,), coefficient in sympy.Poly(factor, X).terms():
            polynomial[n] = polynomial.get(n, sympy.S.Zero) + coefficient * sympy.exp(t)
    return terms
