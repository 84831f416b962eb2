"""kfac-jax's optimiser with a bound on the steps that its quadratic model chooses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float


def bounded(optimizer: type[Any], bound: float) -> type[Any]:
    """The class `optimizer` with δᵀ(F + λ)δ <= bound for every step δ whose size is adaptive.

    The minimum of a quadratic model lies where its gradient over its curvature says, however far
    that is; on a noisy batch it can be outside the region where the model holds. What is longer
    than the bound is shortened along its own direction.

    Arguments:
        optimizer: `kfac_jax.Optimizer`.
        bound: on δᵀ(F + λ)δ, which is twice the decrease of the loss that a step with the best
            coefficients foretells.
    """

    # Private methods: `_compat.load`, where `optimizer` comes from, allows one release alone.
    class Bounded(optimizer):
        def _solve_quad_model(
            self,
            quad_model_parameters: Any,
            damping: Array,
            fixed_coefficients: Sequence[Any],
            reg_coeff: Any = None,
        ) -> tuple[tuple[Array, ...], Array]:
            solved, change = super()._solve_quad_model(
                quad_model_parameters, damping, fixed_coefficients, reg_coeff
            )
            if all(fixed is not None for fixed in fixed_coefficients):
                return solved, change
            undamped, identity, weights, slope = quad_model_parameters
            undamped = undamped + (self._l2_reg if reg_coeff is None else reg_coeff) * weights
            damped = undamped + damping * identity
            w = shortened(jnp.stack(solved), damped, bound)
            return tuple(w), self._evaluate_quadratic_model(undamped, damped, slope, w)

    return Bounded


def shortened(
    w: Float[Array, " vectors"], model: Float[Array, "vectors vectors"], bound: float
) -> Float[Array, " vectors"]:
    """The coefficients w, scaled down where needed to wᵀ model w <= bound."""
    square = w @ model @ w
    return w * jnp.sqrt(bound / jnp.maximum(square, bound))
