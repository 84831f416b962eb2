"""Polynomials: every Gaussian expectation is a polynomial in the (co)variances."""

from __future__ import annotations

from typing import Any

import sympy

from ._registry import Definition, register
from ._stable import X


def _evaluate(coefficients: tuple) -> Any:
    return sympy.Add(*[c * X**n for n, c in enumerate(coefficients)])


def _expectation(expr: Any, q: Any, mean: Any) -> Any:
    """E p(mean + √q·Z) = Σ (q/2)^n/n! · p^(2n)(mean): the heat semigroup at time q/2."""
    total, term, n = sympy.S.Zero, expr, 0
    while term != 0:
        total += (q / 2) ** n / sympy.factorial(n) * term.subs(X, mean)
        term, n = term.diff(X, 2), n + 1
    return total


def _dual(expr: Any, q1: Any, q2: Any, k: Any, mean: Any) -> Any:
    """Mehler: E p(u)p(v) = Σ k^n/n! · E p^(n)(u) · E p^(n)(v)."""
    total, term, n = sympy.S.Zero, expr, 0
    while term != 0:
        moments = _expectation(term, q1, mean) * _expectation(term, q2, mean)
        total += k**n / sympy.factorial(n) * moments
        term, n = term.diff(X), n + 1
    return total


def _polynomial(name: str, expression: Any, **options: Any) -> Definition:
    return register(
        Definition(
            name=name,
            expression=expression,
            dual=lambda q1, q2, k, mean, **p: _dual(expression(**p), q1, q2, k, mean),
            dual_derivative=lambda q1, q2, k, mean, **p: _dual(
                expression(**p).diff(X), q1, q2, k, mean
            ),
            expectation=lambda q, mean, **p: _expectation(expression(**p), q, mean),
            **options,
        )
    )


def _complaint(coefficients: Any) -> str | None:
    if not isinstance(coefficients, tuple) or not all(isinstance(c, float) for c in coefficients):
        return "needs a list of real coefficients, constant term first"
    if not any(coefficients[1:]):
        return "needs a nonzero coefficient beyond the constant term"
    return None if len(coefficients) <= 33 else "takes at most degree 32"


_polynomial("identity", lambda: X)
_polynomial("square", lambda: X**2)
_polynomial(
    "polynomial",
    lambda coefficients: _evaluate(coefficients),
    defaults=(("coefficients", None),),
    complaint=_complaint,
)
