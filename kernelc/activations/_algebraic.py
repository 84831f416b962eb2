"""Softsign, bent identity and the inverse functions: slow tails, no known closed moment."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import sympy

from ._registry import Definition, register
from ._stable import X


def _bent_identity(x: Any) -> Any:
    # √(x²+1) − 1 = x²/(√(x²+1) + 1), which does not cancel near 0
    return x * (x / (jnp.sqrt(x * x + 1) + 1)) / 2 + x


register(Definition(name="softsign", expression=lambda: X / (1 + sympy.Abs(X))))
register(Definition(name="atan", expression=lambda: sympy.atan(X)))
register(Definition(name="asinh", expression=lambda: sympy.asinh(X)))
register(
    Definition(
        name="bentid",
        expression=lambda: (sympy.sqrt(X**2 + 1) - 1) / 2 + X,
        jax=lambda: _bent_identity,
    )
)
