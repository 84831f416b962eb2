"""The compiled part: several optimizer steps in one dispatch, stopping at a bad loss."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jax.sharding import NamedSharding
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree, Shaped

from kernelc.training._call import apply
from kernelc.training._losses import Loss, by_example
from kernelc.training._scoring import right


class Carry(NamedTuple):
    """What a step changes; its buffers are donated, so nobody else may own them."""

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
    y: Shaped[Array, "n ..."]
    rows: Int[Array, "chunk batch"]
    quota: Int[Array, ""]


class _Loop(NamedTuple):
    carry: Carry
    done: Int[Array, ""]
    finite: Bool[Array, ""]
    losses: Float[Array, " chunk"]
    right: Int[Array, " chunk"]


class Packed:
    """A carry between two dispatches, as leaves and structure; put together when one looks.

    Python takes milliseconds for the tree of a deep model, and a dispatch of whole trees takes
    them apart a dozen times.
    """

    def __init__(self, leaves: list[Array], frame: Any) -> None:
        self.leaves, self.frame = leaves, frame

    @classmethod
    def of(cls, carry: Carry) -> Packed:
        """The carry, taken apart."""
        return cls(*jax.tree.flatten(carry))

    @functools.cached_property
    def whole(self) -> Carry:
        """The carry itself."""
        return jax.tree.unflatten(self.frame, self.leaves)


def advance(fixed: Packed, batches: Batches, carry: Packed) -> tuple[Packed, Array, Array, Array]:
    """Runs up to `quota` steps; returns the carry, steps run, their losses and right counts.

    Arguments:
        fixed: a `Fixed`, taken apart once for all dispatches.
        batches: what these steps train on.
        carry: where to start; its buffers are deleted.
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
        carry, loss, hits = _one_step(fixed, batches, carry, batches.rows[0])
        return carry, jnp.ones((), jnp.int32), loss[None], hits[None]
    start = _Loop(
        carry,
        jnp.zeros((), jnp.int32),
        jnp.ones((), bool),
        jnp.zeros(chunk, jnp.float32),
        jnp.zeros(chunk, jnp.int32),
    )

    def going(loop: _Loop) -> Bool[Array, ""]:
        return (loop.done < batches.quota) & loop.finite

    def body(loop: _Loop) -> _Loop:
        carry, loss, hits = _one_step(fixed, batches, loop.carry, batches.rows[loop.done])
        return _Loop(
            carry,
            loop.done + 1,
            jnp.isfinite(loss),
            loop.losses.at[loop.done].set(loss.astype(jnp.float32)),
            loop.right.at[loop.done].set(hits.astype(jnp.int32)),
        )

    # A while loop whose count is data: one compilation serves every number of steps, and a
    # step is compiled once however many a dispatch runs. It ends early at NaN or infinity.
    end = jax.lax.while_loop(going, body, start)
    return end.carry, end.done, end.losses, end.right


def _one_step(fixed: Fixed, batches: Batches, carry: Carry, rows: Int[Array, " batch"]) -> tuple:
    x, y = _taken(batches.x, batches.y, rows, fixed.batch_placement)
    key = jax.random.fold_in(fixed.key, carry.step)

    def objective(params: PyTree) -> tuple[Float[Array, ""], tuple[PyTree, Int[Array, ""]]]:
        model: Callable = eqx.combine(params, fixed.rest)
        # A state can be changed only once, and an optimizer may ask for the loss again.
        state = jax.tree.map(lambda leaf: leaf, carry.state)
        outputs, state = apply(model, x, state, key)
        hits = jnp.sum(right(fixed.loss, outputs, y))
        return jnp.mean(by_example(fixed.loss, outputs, y)), (state, hits)

    gradient = jax.value_and_grad(objective, has_aux=True)
    (loss, (state, hits)), grads = gradient(carry.params)

    def value(params: PyTree) -> Float[Array, ""]:
        return objective(params)[0]

    params, opt_state = updated(fixed.optimizer, carry, grads, loss, value)
    return Carry(params, opt_state, state, carry.step + 1), loss, hits


def updated(
    optimizer: optax.GradientTransformation,
    carry: Carry,
    grads: PyTree,
    loss: Float[Array, ""],
    objective: Callable[[PyTree], Float[Array, ""]],
) -> tuple[PyTree, PyTree]:
    """Parameters and optimizer state after an update, with all that optimizers ask for."""

    def value(params: PyTree, obj_fn: object = None) -> Float[Array, ""]:
        # A line search refuses arguments that its function does not take, Sophia's included.
        del obj_fn
        return objective(params)

    # What optimizers ask for beyond the gradient: the loss and its gradient (line searches,
    # adaptive rates) and the loss as a function (line searches, Sophia's curvature). What is
    # not asked for is not computed.
    extra = {"value": loss, "grad": grads, "value_fn": value, "obj_fn": value}
    update = optax.with_extra_args_support(optimizer).update
    updates, opt_state = update(grads, carry.opt_state, carry.params, **extra)
    return optax.apply_updates(carry.params, updates), opt_state


@functools.partial(jax.jit, static_argnums=3)
def gather(
    x: Shaped[Array, "n ..."],
    y: Shaped[Array, "n ..."],
    rows: Int[Array, " batch"],
    placement: NamedSharding | None,
) -> tuple[Array, Array]:
    """The examples and targets of one batch, spread over the placement's mesh if there is one."""
    return _taken(x, y, rows, placement)


def _taken(x: Array, y: Array, rows: Array, placement: NamedSharding | None) -> tuple[Array, Array]:
    x, y = (jnp.take(part, rows, axis=0, mode="clip") for part in (x, y))
    if placement is not None:
        x, y = (jax.lax.with_sharding_constraint(v, placement) for v in (x, y))
    return x, y


def owned(tree: PyTree) -> PyTree:
    """A copy of every array, so that donating it deletes nothing the caller holds."""
    # The explicit dtype also drops weak types, which would change between loop rounds.
    return jax.tree.map(lambda leaf: jnp.array(leaf, dtype=jnp.result_type(leaf)), tree)
