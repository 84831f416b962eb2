"""ELU and its relatives: linear to the right, a saturating exponential to the left."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
import sympy
from jaxtyping import Array

from ._registry import Definition, register
from ._stable import X


# Klambauer et al. (2017): the pair for which mean 0 and variance 1 are a fixed point.
_SELU_ALPHA = 1.6732632423543772
_SELU_SCALE = 1.0507009873554805


def _expression(scale: sympy.Expr, height: sympy.Expr, width: sympy.Expr) -> sympy.Expr:
    left = scale * height * (sympy.exp(X / width) - 1)
    return sympy.Piecewise((scale * X, X > 0), (left, True))


def _jax(scale: float, height: float, width: float) -> Callable[[Array], Array]:
    def run(x: Array) -> Array:
        # expm1: exp(x) - 1 has no correct digit left near 0 in half precision
        left = height * jnp.expm1(jnp.where(x > 0, -1.0, x) / width)
        return scale * jnp.where(x > 0, x, left)

    return run


for _definition in (
    Definition(
        name="elu",
        expression=lambda elu_alpha: _expression(1, elu_alpha, 1),
        defaults=(("elu_alpha", 1.0),),
        jax=lambda elu_alpha: _jax(1.0, elu_alpha, 1.0),
    ),
    Definition(
        name="selu",
        expression=lambda: _expression(sympy.Float(_SELU_SCALE), sympy.Float(_SELU_ALPHA), 1),
        jax=lambda: _jax(_SELU_SCALE, _SELU_ALPHA, 1.0),
    ),
    Definition(
        name="celu",
        expression=lambda celu_alpha: _expression(1, celu_alpha, celu_alpha),
        defaults=(("celu_alpha", 1.0),),
        jax=lambda celu_alpha: _jax(1.0, celu_alpha, celu_alpha),
        complaint=lambda celu_alpha: None if celu_alpha > 0 else "needs celu_alpha > 0",
    ),
):
    register(_definition)
