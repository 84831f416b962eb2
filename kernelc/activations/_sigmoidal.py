"""Sigmoids, their clipped stand-ins and functions built on them; no closed moments are known."""

from __future__ import annotations

import jax.numpy as jnp
import sympy
from jaxtyping import Array

from ._registry import Definition, register
from ._stable import X, sigmoid, softplus


def _clip(expr: sympy.Expr, low: int, high: int) -> sympy.Expr:
    return sympy.Min(sympy.Max(expr, low), high)


def _bent_identity(x: Array) -> Array:
    # √(x²+1) − 1 = x²/(√(x²+1) + 1), which does not cancel near 0
    return x * (x / (jnp.sqrt(x * x + 1) + 1)) / 2 + x


register(Definition("tanh", lambda: sympy.tanh(X)))
register(Definition("sigmoid", lambda: sigmoid(X)))
register(Definition("softplus", lambda: softplus(X)))
register(Definition("swish", lambda: X * sigmoid(X)), "silu")
register(Definition("mish", lambda: X * sympy.tanh(softplus(X))))
register(Definition("softsign", lambda: X / (1 + sympy.Abs(X))))
register(Definition("atan", lambda: sympy.atan(X)))
register(Definition("asinh", lambda: sympy.asinh(X)))
bent = Definition("bentid", lambda: (sympy.sqrt(X**2 + 1) - 1) / 2 + X, jax=lambda: _bent_identity)
register(bent)
register(Definition("relu6", lambda: _clip(X, 0, 6)))
register(Definition("hard_tanh", lambda: _clip(X, -1, 1)))
register(Definition("hard_sigmoid", lambda: _clip(X + 3, 0, 6) / 6))
register(Definition("hard_swish", lambda: X * _clip(X + 3, 0, 6) / 6))
