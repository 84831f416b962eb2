"""kfac-jax's optimizer with bounds on the steps that its quadratic model chooses."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree


def bounded(kfac_jax: ModuleType, square: float, share: float) -> type:
    """`kfac_jax.Optimizer`, whose adaptive steps stay where their quadratic model can hold.

    The minimum of a quadratic model may lie anywhere. On a noisy batch it can be outside the
    region where the model holds. An example that is confidently wrong has a gradient and, with p
    near 0 or 1, next to no curvature diag(p) - p pᵀ: the model then predicts a decrease many
    times the loss. A step that is too long is shortened along its own direction.

    Arguments:
        kfac_jax: the module.
        square: bound on δᵀ(F + λ)δ for every step δ, which is twice the decrease of the loss that
            a step with the best coefficients predicts.
        share: bound on -∇ᵀδ, the decrease to first order, as a share of the loss on the batch,
            which is not negative and has no further to fall.
    """

    # Private methods: `_compat.load` allows one release of kfac-jax alone.
    class Bounded(kfac_jax.Optimizer):
        def _coefficients_and_quad_change(
            self,
            state: PyTree,
            vectors: Sequence[PyTree],
            grads: PyTree,
            learning_rate: Array | None,
            momentum: Array | None,
            damping: Array,
            func_args: tuple[PyTree, ...],
            should_update_damping: bool,
        ) -> tuple[tuple[Array, ...], Array]:
            del should_update_damping  # the change is known at every adaptive step
            fixed = (None if learning_rate is None else -learning_rate, momentum)
            parts = self._compute_exact_quad_model_filtered(
                vectors, grads, func_args, state=state, fixed_coefficients=fixed
            )
            solved, _ = self._solve_quad_model(parts, damping, fixed)
            undamped, identity, weights, slope = parts
            undamped = undamped + self._l2_reg * weights
            damped = undamped + damping * identity
            # XLA computes this loss once: it is part of the gradient as well.
            fall = share * self._compute_loss_value(func_args)
            w = shortened(jnp.stack(solved), damped, slope, square, fall)
            return tuple(w), self._evaluate_quadratic_model(undamped, damped, slope, w)

    return Bounded


def shortened(
    w: Float[Array, " vectors"],
    model: Float[Array, "vectors vectors"],
    slope: Float[Array, " vectors"],
    square: float,
    fall: float | Float[Array, ""],
) -> Float[Array, " vectors"]:
    """The coefficients w, scaled down where needed to wᵀ model w <= square, -slopeᵀ w <= fall."""
    length, predicted = w @ model @ w, -(slope @ w)
    by_square = jnp.where(length > square, jnp.sqrt(square / length), 1.0)
    by_fall = jnp.where(predicted > fall, fall / predicted, 1.0)
    return w * jnp.minimum(by_square, by_fall)
