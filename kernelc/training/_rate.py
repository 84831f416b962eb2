"""Whether an optimizer goes anywhere: a learning rate of 0, below 0 or NaN trains nothing."""

from __future__ import annotations

from typing import NoReturn

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, PyTree

from kernelc._errors import DataError, KernelcError
from kernelc.curvature import KFAC


# Rates that warm up from 0 are above it at the second step.
_TRIED = 3


def check_rate(optimizer: optax.GradientTransformation | KFAC, steps: int) -> None:
    """DataError for an Optax transformation that does not go down a slope.

    It is tried on Σ p + ½ Σ p² of two parameters at 0, where the gradient is 1. Transformations
    made for the tree of one model are not tried.
    """
    if isinstance(optimizer, KFAC):
        if optimizer.learning_rate == 0.0:
            _refuse("a learning rate of 0")
        return
    if not isinstance(optimizer, optax.GradientTransformation):
        return
    params = {"tried": jnp.zeros(2, jnp.float32)}
    try:
        state = optimizer.init(params)
        update = _first_update(optimizer, params, state, steps)
    except (KernelcError, TypeError, ValueError, KeyError, AttributeError):
        # Masks, labels and selections of another tree.
        return
    if (update < 0).all():
        return
    found = f"an update of {update[0]:g} along a gradient of 1"
    if (update == 0).all():
        found = f"updates of 0 in all {steps} steps"
    _refuse(found)


def _refuse(found: str) -> NoReturn:
    raise DataError(
        where="optimizer",
        found=found,
        law="An optimizer goes against the gradient, by a learning rate above 0",
        remedy="Pass a positive finite rate, such as optax.adam(1e-3)",
    )


def _first_update(
    optimizer: optax.GradientTransformation, params: PyTree, state: PyTree, steps: int
) -> np.ndarray:
    """The first update that is not 0, if there is one."""
    gradient = jax.tree.map(jnp.ones_like, params)
    extra = {"value": jnp.ones(()), "grad": gradient, "value_fn": _slope, "obj_fn": _slope}
    update = optax.with_extra_args_support(optimizer).update
    updates = params
    for _ in range(min(_TRIED, steps)):
        updates, state = update(gradient, state, params, **extra)
        if np.any(updates["tried"]):
            return np.asarray(updates["tried"], np.float64)

    def going(loop: tuple) -> Array:
        count, updates, _ = loop
        return (count < steps) & (updates["tried"] == 0).all()

    def body(loop: tuple) -> tuple:
        updates, state = update(gradient, loop[2], params, **extra)
        return loop[0] + 1, updates, state

    start = (jnp.asarray(_TRIED, jnp.int32), updates, state)
    return np.asarray(jax.lax.while_loop(going, body, start)[1]["tried"], np.float64)


def _slope(params: PyTree, obj_fn: object = None) -> Array:
    # Line searches refuse arguments that their function does not take.
    del obj_fn
    return jnp.sum(params["tried"] + params["tried"] ** 2 / 2)
