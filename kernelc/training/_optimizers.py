"""Checks of optimizers: they descend, and take weights that are stacked in a loop."""

from __future__ import annotations

import math
from typing import NamedTuple, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Int, PyTree

from .._errors import DataError, KernelcError, UnsupportedError
from ..curvature import KFAC
from ..modules import Model, ModelRepeat


# Rates that warm up from 0 are above it at the second step.
_TRIED = 3


def check_rate(optimizer: optax.GradientTransformation | KFAC, steps: int) -> None:
    """DataError for an Optax transformation that does not descend.

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


class _Loop(NamedTuple):
    done: Int[Array, ""]
    updates: PyTree
    state: PyTree


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

    def going(loop: _Loop) -> Array:
        return (loop.done < steps) & (loop.updates["tried"] == 0).all()

    def body(loop: _Loop) -> _Loop:
        return _Loop(loop.done + 1, *update(gradient, loop.state, params, **extra))

    start = _Loop(jnp.asarray(_TRIED, jnp.int32), updates, state)
    return np.asarray(jax.lax.while_loop(going, body, start).updates["tried"], np.float64)


def _slope(params: PyTree, obj_fn: object = None) -> Array:
    # Line searches pass every extra argument to this function.
    del obj_fn
    return jnp.sum(params["tried"] + params["tried"] ** 2 / 2)


def check_forms(optimizer: optax.GradientTransformation, params: PyTree) -> None:
    """UnsupportedError for an optimizer that keeps more or fewer numbers for stacked weights.

    A loop stacks the weights of its layers along one more axis. Muon leaves such an array to Adam,
    and optimizers with factors for the axes of a matrix have one more factor. Optimizers without
    such state (clipping by unit, LARS) are not detected, nor are those whose `init` needs the
    values of the parameters.
    """
    if not isinstance(params, Model) or not params.looped:
        return

    def kept(*blocks: int) -> int:
        """Numbers in the state for loops of that many blocks, or for one that is not stacked."""
        state = jax.eval_shape(optimizer.init, _resized(params, blocks))
        return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(state))

    # Trees of one structure, since an optimizer may hold masks of it.
    try:
        one, two, three = kept(), kept(2), kept(3)
    except jax.errors.JAXTypeError:
        return
    block, one_more = two - one, three - two
    if block != one_more:
        raise UnsupportedError(
            where="optimizer",
            found=f"a state with {block} numbers more for the second block of the loops, with "
            f"{one_more} more for the third",
            law="An optimizer that treats the axes of a weight differently needs each weight as an "
            "array of its own; a loop stacks them",
            remedy='Train kernelc.unrolled(model), or lower with layers="unrolled"',
        )


def _resized(params: Model, blocks: tuple[int, ...]) -> PyTree:
    def resized(node: PyTree) -> PyTree:
        if not isinstance(node, ModelRepeat):
            return node
        return jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct((*blocks, *leaf.shape[1:]), leaf.dtype), node
        )

    return jax.tree.map(resized, params, is_leaf=lambda node: isinstance(node, ModelRepeat))
