"""The error function and the Gaussian error linear units."""

from __future__ import annotations

import sympy
from sympy import Expr

from ._registry import Definition, centered, register
from ._stable import X, normal_cdf, sigmoid


def _erf_root(q1: Expr, q2: Expr, k: Expr) -> Expr:
    return sympy.sqrt((1 + 2 * q1) * (1 + 2 * q2) - 4 * k**2)


def _erf_dual(q1: Expr, q2: Expr, k: Expr) -> Expr:
    """Williams (1997)."""
    return 2 / sympy.pi * sympy.atan2(2 * k, _erf_root(q1, q2, k))


def _gelu_dual(q1: Expr, q2: Expr, k: Expr) -> Expr:
    """Tsuchida et al. (2020), arXiv 2002.08517."""
    product = (1 + q1) * (1 + q2)
    d = sympy.sqrt(product - k**2)
    bracket = (k**2 + q1 * q2 * d**2) / (product * d) + k * sympy.atan2(k, d)
    return k / 4 + bracket / (2 * sympy.pi)


def _gelu_slope(q1: Expr, q2: Expr, k: Expr) -> Expr:
    product = (1 + q1) * (1 + q2)
    d = sympy.sqrt(product - k**2)
    tail = k / (2 * sympy.pi * d) * (1 / d**2 + (1 - q1 * q2) / product + 1)
    return sympy.Rational(1, 4) + sympy.atan2(k, d) / (2 * sympy.pi) + tail


def _gelu_expectation(q: Expr, mean: Expr) -> Expr:
    """Stein: E uΦ(u) = mean E Φ(u) + q E Φ'(u)."""
    t = mean / sympy.sqrt(1 + q)
    bump = sympy.exp(-(t**2) / 2) / sympy.sqrt(2 * sympy.pi * (1 + q))
    return mean * normal_cdf(t) + q * bump


def _gelu_tanh() -> Expr:
    # (1 + tanh(t))/2 = sigmoid(2t): the tanh form loses the left tail to cancellation
    return X * sigmoid(2 * sympy.sqrt(2 / sympy.pi) * (X + sympy.Float(0.044715) * X**3))


for _definition in (
    Definition(
        name="erf",
        expression=lambda: sympy.erf(X),
        dual=centered(_erf_dual),
        dual_derivative=centered(lambda q1, q2, k: 4 / sympy.pi / _erf_root(q1, q2, k)),
        expectation=lambda q, mean: sympy.erf(mean / sympy.sqrt(1 + 2 * q)),
    ),
    Definition(
        name="gelu",
        expression=lambda: X * normal_cdf(X),
        dual=centered(_gelu_dual),
        dual_derivative=centered(_gelu_slope),
        expectation=_gelu_expectation,
    ),
    Definition(name="gelu_tanh", expression=_gelu_tanh),
):
    register(_definition)
