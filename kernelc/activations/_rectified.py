"""Functions a·min(x, 0) + b·max(x, 0), and the step: homogeneous, closed duals."""

from __future__ import annotations

from typing import Any

import sympy

from ._registry import Definition, register
from ._stable import X


def _angle(q1: Any, q2: Any, k: Any) -> Any:
    """The angle between (u, v) directions, arccos(k/√(q1·q2)), stable at both ends."""
    return sympy.atan2(sympy.sqrt(q1 * q2 - k**2), k)


def _dual(q1: Any, q2: Any, k: Any, mean: Any, a: Any, b: Any) -> Any:
    """Cho & Saul (2009), for slopes a left and b right of zero."""
    if mean != 0:
        return None  # needs the bivariate normal distribution function
    gap = (a - b) ** 2 / (2 * sympy.pi)
    return gap * sympy.sqrt(q1 * q2 - k**2) + k * _slope(q1, q2, k, mean, a, b)


def _slope(q1: Any, q2: Any, k: Any, mean: Any, a: Any, b: Any) -> Any:
    if mean != 0:
        return None
    return (a**2 + b**2) / 2 - (a - b) ** 2 / (2 * sympy.pi) * _angle(q1, q2, k)


def _expectation(q: Any, mean: Any, a: Any, b: Any) -> Any:
    return None if mean != 0 else (b - a) * sympy.sqrt(q / (2 * sympy.pi))


def _rectifier(name: str, expression: Any, slopes: Any, **options: Any) -> Definition:
    def wrap(rule: Any) -> Any:
        return lambda *args, **params: rule(*args, *slopes(**params))

    return register(
        Definition(
            name=name,
            expression=expression,
            dual=wrap(_dual),
            dual_derivative=wrap(_slope),
            expectation=wrap(_expectation),
            **options,
        )
    )


_rectifier("relu", lambda: sympy.Max(0, X), lambda: (0, 1))
_rectifier("abs", lambda: sympy.Abs(X), lambda: (-1, 1))
_rectifier(
    "leaky_relu",
    lambda negative_slope: sympy.Piecewise((X, X > 0), (negative_slope * X, True)),
    lambda negative_slope: (negative_slope, 1),
    defaults=(("negative_slope", 0.01),),
)


def _sign_dual(q1: Any, q2: Any, k: Any, mean: Any) -> Any:
    return None if mean != 0 else 1 - 2 / sympy.pi * _angle(q1, q2, k)


def _step_dual(q1: Any, q2: Any, k: Any, mean: Any) -> Any:
    return None if mean != 0 else sympy.S.Half - _angle(q1, q2, k) / (2 * sympy.pi)


def _sign_slope(q1: Any, q2: Any, k: Any, mean: Any) -> Any:
    return None if mean != 0 else 2 / (sympy.pi * sympy.sqrt(q1 * q2 - k**2))


def _step_slope(q1: Any, q2: Any, k: Any, mean: Any) -> Any:
    return None if mean != 0 else 1 / (2 * sympy.pi * sympy.sqrt(q1 * q2 - k**2))


register(
    Definition(
        name="sign",
        expression=lambda: sympy.sign(X),
        dual=_sign_dual,
        dual_derivative=_sign_slope,
        expectation=lambda q, mean: None if mean != 0 else sympy.S.Zero,
    )
)
register(
    Definition(
        name="step",
        expression=lambda: sympy.Heaviside(X),
        dual=_step_dual,
        dual_derivative=_step_slope,
        expectation=lambda q, mean: None if mean != 0 else sympy.S.Half,
    )
)
