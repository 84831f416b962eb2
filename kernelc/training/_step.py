"""The compiled part: several optimizer steps in one dispatch, stopping at a bad loss."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import NamedSharding
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree, Shaped

from ..data import Weighted
from ._call import apply
from ._losses import Loss
from ._weighing import hits, mean_loss


class Carry(NamedTuple):
    """What a step changes. Its buffers are donated, so no one else may use them."""

    params: PyTree
    opt_state: PyTree
    state: PyTree
    step: Int[Array, ""]


class Fixed(NamedTuple):
    """What all steps of a run read: the untrained rest of the model, and how to train."""

    rest: PyTree
    optimizer: optax.GradientTransformation
    loss: Loss
    key: PRNGKeyArray
    batch_placement: NamedSharding | None


class Batches(NamedTuple):
    """What the steps of one dispatch read: examples, which of them each takes, how many steps."""

    x: Shaped[Array, "n ..."]
    y: PyTree
    rows: Int[Array, "chunk batch"]
    quota: Int[Array, ""]


class _Loop(NamedTuple):
    carry: Carry
    done: Int[Array, ""]
    finite: Bool[Array, ""]
    losses: Float[Array, " chunk"]
    right: Shaped[Array, " chunk"]


class Packed:
    """A carry between two dispatches as leaves and structure; the tree is rebuilt on access.

    Flattening a deep model takes milliseconds of Python, and a dispatch of whole trees would
    flatten them a dozen times.
    """

    def __init__(self, leaves: list[Array], frame: Hashable) -> None:
        self.leaves, self.frame = leaves, frame

    @classmethod
    def of(cls, carry: Carry) -> Packed:
        """The carry, taken apart."""
        return cls(*jax.tree.flatten(carry))

    @functools.cached_property
    def whole(self) -> Carry:
        """The carry itself."""
        return jax.tree.unflatten(self.frame, self.leaves)


class Advanced(NamedTuple):
    """The result of a dispatch: the carry, and the loss and right answers of each step that ran."""

    carry: Packed
    losses: np.ndarray
    right: np.ndarray


def advance(fixed: Packed, batches: Batches, carry: Packed) -> tuple[Packed, Array, Array, Array]:
    """Runs up to `quota` steps; returns the carry, steps run, their losses and right counts.

    `fixed` is a `Fixed`, taken apart once for all dispatches; the buffers of `carry` are deleted.
    """
    given = ((fixed.leaves, fixed.frame), batches)
    (leaves, frame), ran, losses, hits = advance_leaves(given, (carry.leaves, carry.frame))
    return Packed(leaves, frame), ran, losses, hits


@eqx.filter_jit(donate="all-except-first")
def advance_leaves(given: PyTree, carry: PyTree) -> tuple[PyTree, Int[Array, ""], Array, Array]:
    """`advance`, compiled: trees come and go as leaves and structure."""
    (leaves, frame), batches = given
    fixed = jax.tree.unflatten(frame, leaves)
    moved, ran, losses, hits = _advance(fixed, batches, jax.tree.unflatten(carry[1], carry[0]))
    return jax.tree.flatten(moved), ran, losses, hits


def _advance(
    fixed: Fixed, batches: Batches, carry: Carry
) -> tuple[Carry, Int[Array, ""], Array, Array]:
    chunk = len(batches.rows)
    if chunk == 1:
        carry, loss, found = _one_step(fixed, batches, carry, batches.rows[0])
        return carry, jnp.ones((), jnp.int32), loss[None], found[None]
    start = _Loop(
        carry,
        jnp.zeros((), jnp.int32),
        jnp.ones((), bool),
        jnp.zeros(chunk, jnp.float32),
        jnp.zeros(chunk, jnp.float32 if isinstance(batches.y, Weighted) else jnp.int32),
    )

    def going(loop: _Loop) -> Bool[Array, ""]:
        return (loop.done < batches.quota) & loop.finite

    def body(loop: _Loop) -> _Loop:
        carry, loss, found = _one_step(fixed, batches, loop.carry, batches.rows[loop.done])
        return _Loop(
            carry,
            loop.done + 1,
            jnp.isfinite(loss),
            loop.losses.at[loop.done].set(loss.astype(jnp.float32)),
            loop.right.at[loop.done].set(found.astype(loop.right.dtype)),
        )

    # The count of the while loop is an argument: one compilation serves every number of steps. The
    # loop ends early at NaN or infinity.
    end = jax.lax.while_loop(going, body, start)
    return end.carry, end.done, end.losses, end.right


def _one_step(fixed: Fixed, batches: Batches, carry: Carry, rows: Int[Array, " batch"]) -> tuple:
    x, y = taken(batches.x, batches.y, rows, fixed.batch_placement)
    key = jax.random.fold_in(fixed.key, carry.step)

    def objective(params: PyTree) -> tuple[Float[Array, ""], tuple[PyTree, Int[Array, ""]]]:
        model: Callable = eqx.combine(params, fixed.rest)
        # A state can be set only once, and an optimizer may evaluate the loss again.
        state = jax.tree.map(lambda leaf: leaf, carry.state)
        outputs, state = apply(model, x, state, key)
        return mean_loss(fixed.loss, outputs, y), (state, hits(fixed.loss, outputs, y))

    gradient = jax.value_and_grad(objective, has_aux=True)
    (loss, (state, found)), grads = gradient(carry.params)

    def value(params: PyTree) -> Float[Array, ""]:
        return objective(params)[0]

    params, opt_state = updated(fixed.optimizer, carry, grads, loss, value)
    return Carry(params, opt_state, state, carry.step + 1), loss, found


def updated(
    optimizer: optax.GradientTransformation,
    carry: Carry,
    grads: PyTree,
    loss: Float[Array, ""],
    objective: Callable[[PyTree], Float[Array, ""]],
) -> tuple[PyTree, PyTree]:
    """Parameters and optimizer state after an update, with all that optimizers ask for."""

    def value(params: PyTree, obj_fn: object = None) -> Float[Array, ""]:
        # Line searches pass every extra argument to this function, Sophia's `obj_fn` among them.
        del obj_fn
        return objective(params)

    # Optimizers may use, beside the gradient, the loss and its gradient (line searches, adaptive
    # rates) and the loss as a function (line searches, Sophia's curvature). XLA drops the rest.
    extra = {"value": loss, "grad": grads, "value_fn": value, "obj_fn": value}
    update = optax.with_extra_args_support(optimizer).update
    updates, opt_state = update(grads, carry.opt_state, carry.params, **extra)
    return optax.apply_updates(carry.params, updates), opt_state


def taken(
    x: Shaped[Array, "n ..."],
    y: PyTree,
    rows: Int[Array, " batch"],
    placement: NamedSharding | None,
) -> tuple[Array, PyTree]:
    """The examples and targets of one batch, spread over the placement's mesh if there is one."""
    x, y = jax.tree.map(lambda part: jnp.take(part, rows, axis=0, mode="clip"), (x, y))
    if placement is not None:
        x, y = jax.tree.map(lambda v: jax.lax.with_sharding_constraint(v, placement), (x, y))
    return x, y


gather = jax.jit(taken, static_argnums=3)


def owned(tree: PyTree) -> PyTree:
    """A copy of every array, so that donating it deletes nothing the caller holds."""
    # The explicit dtype also drops weak types, which would change between loop rounds.
    return jax.tree.map(lambda leaf: jnp.array(leaf, dtype=jnp.result_type(leaf)), tree)
