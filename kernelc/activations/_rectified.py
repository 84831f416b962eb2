"""Functions a·min(x, 0) + b·max(x, 0), and the step: homogeneous, closed duals."""

from __future__ import annotations

from collections.abc import Callable

import sympy
from sympy import Expr

from ._registry import Definition, Expression, Parameters, Rule, centered, register
from ._stable import X


# The slopes left and right of zero, from the parameters.
Slopes = Callable[..., tuple[Expr, Expr]]


def _angle(q1: Expr, q2: Expr, k: Expr) -> Expr:
    """The angle between (u, v) directions, arccos(k/√(q1·q2)), stable at both ends."""
    return sympy.atan2(sympy.sqrt(q1 * q2 - k**2), k)


def _dual(q1: Expr, q2: Expr, k: Expr, a: Expr, b: Expr) -> Expr:
    """Cho & Saul (2009), for slopes a left and b right of zero."""
    gap = (a - b) ** 2 / (2 * sympy.pi)
    return gap * sympy.sqrt(q1 * q2 - k**2) + k * _slope(q1, q2, k, a, b)


def _slope(q1: Expr, q2: Expr, k: Expr, a: Expr, b: Expr) -> Expr:
    return (a**2 + b**2) / 2 - (a - b) ** 2 / (2 * sympy.pi) * _angle(q1, q2, k)


def _expectation(q: Expr, a: Expr, b: Expr) -> Expr:
    return (b - a) * sympy.sqrt(q / (2 * sympy.pi))


def _rectifier(
    name: str, expression: Expression, slopes: Slopes, defaults: Parameters = ()
) -> Definition:
    """Slopes may be symbols: the forms below hold for any."""

    # Another mean would need the bivariate normal distribution function.
    def wrap(rule: Rule) -> Rule:
        return centered(lambda *moments, **params: rule(*moments, *slopes(**params)))

    return Definition(
        name=name,
        expression=expression,
        defaults=defaults,
        dual=wrap(_dual),
        dual_derivative=wrap(_slope),
        expectation=wrap(_expectation),
        symbolic=tuple(parameter for parameter, _ in defaults),
    )


for _definition in (
    _rectifier("relu", lambda: sympy.Max(0, X), lambda: (0, 1)),
    _rectifier("abs", lambda: sympy.Abs(X), lambda: (-1, 1)),
    _rectifier(
        "leaky_relu",
        lambda negative_slope: sympy.Piecewise((X, X > 0), (negative_slope * X, True)),
        lambda negative_slope: (negative_slope, 1),
        defaults=(("negative_slope", 0.01),),
    ),
    Definition(
        name="sign",
        expression=lambda: sympy.sign(X),
        dual=centered(lambda q1, q2, k: 1 - 2 / sympy.pi * _angle(q1, q2, k)),
        dual_derivative=centered(lambda q1, q2, k: 2 / (sympy.pi * sympy.sqrt(q1 * q2 - k**2))),
        expectation=centered(lambda q: sympy.S.Zero),
    ),
    Definition(
        name="step",
        expression=lambda: sympy.Heaviside(X),
        dual=centered(lambda q1, q2, k: sympy.S.Half - _angle(q1, q2, k) / (2 * sympy.pi)),
        dual_derivative=centered(lambda q1, q2, k: 1 / (2 * sympy.pi * sympy.sqrt(q1 * q2 - k**2))),
        expectation=centered(lambda q: sympy.S.Half),
    ),
):
    register(_definition)
