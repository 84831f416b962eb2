"""Polynomials: every Gaussian expectation is a polynomial in the (co)variances."""

from __future__ import annotations

from collections.abc import Callable

import sympy
from sympy import Expr

from ._exponentials import pair_mean, shifted_mean
from ._registry import Definition, Expression, Parameters, register
from ._stable import X


def _polynomial(
    name: str,
    expression: Expression,
    defaults: Parameters = (),
    complaint: Callable[..., str | None] | None = None,
) -> Definition:
    def dual(q1: Expr, q2: Expr, k: Expr, mean: Expr, order: int = 0, **params: Expr) -> Expr:
        p = expression(**params).diff(X, order)
        return pair_mean(p, p, (mean, mean), (q1, q2, k))

    return Definition(
        name=name,
        expression=expression,
        defaults=defaults,
        dual=dual,
        dual_derivative=lambda *moments, **params: dual(*moments, order=1, **params),
        expectation=lambda q, mean, **params: shifted_mean(expression(**params), mean, q),
        complaint=complaint,
    )


def _sum(coefficients: tuple[Expr, ...]) -> Expr:
    return sympy.Add(*[c * X**n for n, c in enumerate(coefficients)])


def _complaint(coefficients: object) -> str | None:
    if not isinstance(coefficients, tuple) or not all(isinstance(c, float) for c in coefficients):
        return "needs a list of real coefficients, constant term first"
    if not any(coefficients[1:]):
        return "needs a nonzero coefficient beyond the constant term"
    return None if len(coefficients) <= 33 else "takes at most degree 32"


for _definition in (
    _polynomial("identity", lambda: X),
    _polynomial("square", lambda: X**2),
    _polynomial(
        "polynomial",
        lambda coefficients: _sum(coefficients),
        defaults=(("coefficients", None),),
        complaint=_complaint,
    ),
):
    register(_definition)
