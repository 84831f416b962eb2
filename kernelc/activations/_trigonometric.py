"""sin, cos, exp and the Gaussian bump: every Gaussian expectation is elementary."""

from __future__ import annotations

import sympy
from sympy import Expr

from ._registry import Definition, Rule, register
from ._stable import X


def _waves(sign: int) -> Rule:
    """Product-to-sum: E of cos(u − v) ∓ cos(u + v + 2·mean), halved."""

    def dual(q1: Expr, q2: Expr, k: Expr, mean: Expr) -> Expr:
        s = (q1 + q2) / 2
        return (sympy.exp(k - s) + sign * sympy.exp(-k - s) * sympy.cos(2 * mean)) / 2

    return dual


def _exp_dual(q1: Expr, q2: Expr, k: Expr, mean: Expr) -> Expr:
    return sympy.exp(2 * mean + (q1 + q2) / 2 + k)


def _bump_dual(q1: Expr, q2: Expr, k: Expr, mean: Expr) -> Expr:
    """det(I+Σ)^(-1/2)·exp(−m·(I+Σ)⁻¹m/2) with m = (mean, mean)."""
    det = (1 + q1) * (1 + q2) - k**2
    return sympy.exp(-(mean**2) * (2 + q1 + q2 - 2 * k) / (2 * det)) / sympy.sqrt(det)


for _definition in (
    Definition(
        name="sin",
        expression=lambda: sympy.sin(X),
        dual=_waves(-1),
        dual_derivative=_waves(1),
        expectation=lambda q, mean: sympy.exp(-q / 2) * sympy.sin(mean),
    ),
    Definition(
        name="cos",
        expression=lambda: sympy.cos(X),
        dual=_waves(1),
        dual_derivative=_waves(-1),
        expectation=lambda q, mean: sympy.exp(-q / 2) * sympy.cos(mean),
    ),
    Definition(
        name="exp",
        expression=lambda: sympy.exp(X),
        dual=_exp_dual,
        dual_derivative=_exp_dual,
        expectation=lambda q, mean: sympy.exp(mean + q / 2),
    ),
    Definition(
        name="gaussian",
        expression=lambda: sympy.exp(-(X**2) / 2),
        dual=_bump_dual,
        expectation=lambda q, mean: sympy.exp(-(mean**2) / (2 + 2 * q)) / sympy.sqrt(1 + q),
    ),
):
    register(_definition)
