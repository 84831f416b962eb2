"""Clipped, piecewise polynomial stand-ins for smooth functions."""

from __future__ import annotations

from typing import Any

import sympy

from ._registry import Definition, register
from ._stable import X


def _clip(expr: Any, low: int, high: int) -> Any:
    return sympy.Min(sympy.Max(expr, low), high)


register(Definition(name="relu6", expression=lambda: _clip(X, 0, 6)))
register(Definition(name="hard_tanh", expression=lambda: _clip(X, -1, 1)))
register(Definition(name="hard_sigmoid", expression=lambda: _clip(X + 3, 0, 6) / 6))
register(Definition(name="hard_swish", expression=lambda: X * _clip(X + 3, 0, 6) / 6))
