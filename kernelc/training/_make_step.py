"""One training step, for people who write the loop themselves."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray, PyTree
from numpy.typing import ArrayLike

from .._errors import KernelcError
from ..data import Part, Weighted, part
from ..modules import as_key
from ._call import split
from ._check import check_model, check_trainable, check_values, compared, initial_state
from ._losses import Loss, Named, resolve
from ._optimizers import check_rate
from ._scoring import fitted
from ._settings import Optimizer
from ._step import Carry, Packed, owned
from ._stepper import Stepper, stepper_for


# Steps that an optimizer may warm up for from a rate of 0.
_LOOKED_AT = 10_000


def make_step(
    model: Callable,
    optimizer: Optimizer,
    loss: Named | Loss = "cross_entropy",
    *,
    key: PRNGKeyArray | int = 0,
    state: eqx.nn.State | None = None,
) -> TrainStep:
    """The step that `fit` takes, for a loop of one's own.

    Arguments:
        model: any model that `fit` takes; it is not changed.
        optimizer: an Optax transformation, or `kernelc.kfac()`.
        loss: as in `fit`.
        key: a JAX random key, or an int for one: what dropout and K-FAC draw follows from it and
            the number of the step.
        state: the model's state; its first one when None.

    Returns: a `TrainStep`: `carry = step.start(x, y)`, then `carry, loss = step(carry, x, y)` for
        each batch, and `step.model(carry)`.

    Raises: DataError for a model, loss or optimizer that `fit` refuses; KernelcError for a key
        that is none.

    Example:
        >>> import kernelc as kc, numpy as np, optax
        >>> inputs = kc.Input((2,))
        >>> net = kc.Network(inputs, kc.Dense(2)(inputs))
        >>> x, y = np.eye(2, dtype=np.float32), np.arange(2)
        >>> step = make_step(kc.lower(net, key=0), optax.sgd(1.0))
        >>> carry = step.start(x, y)
        >>> for _ in range(50):
        ...     carry, loss = step(carry, x, y)
        >>> int(carry.step), float(loss) < 0.1
        (50, True)
    """
    state = initial_state(model, state)
    params, rest = split(model)
    check_trainable(params)
    function, key = resolve(loss), as_key("make_step", key)
    stepper = stepper_for(rest, optimizer, function, key)
    return TrainStep(stepper, optimizer, function, (params, state))


@dataclass(frozen=True, eq=False)
class TrainStep:
    """A compiled training step; `make_step` makes it.

    A step is a pure function of the carry and the batch. The arrays of the carry that is passed in
    are deleted, because their memory is reused for the one that is returned.
    """

    stepper: Stepper = field(repr=False)
    optimizer: Optimizer
    loss: Loss
    _start: tuple[PyTree, eqx.nn.State | None] = field(repr=False)

    def start(self, x: ArrayLike, y: ArrayLike | Weighted) -> Carry:
        """What the first step begins with: a pytree of arrays, which any checkpointer can store.

        Arguments:
            x: a batch of examples, (batch, ...).
            y: their targets, as in `fit`.

        Returns: a named tuple of `params`, `opt_state`, `state` of the model, and `step`, the
            number of steps done.

        Raises: DataError when data, model, loss and optimizer do not fit each other;
            UnsupportedError for K-FAC on weights it would not take whole, and for optimizers that
            need the unrolled form.
        """
        check_rate(self.optimizer, _LOOKED_AT)
        found = self._batch(x, y)
        params, state = (owned(tree) for tree in self._start)
        opt_state = owned(self.stepper.start(params, state, found.x, found.y))
        return Carry(params, opt_state, state, jnp.zeros((), jnp.int32))

    def __call__(self, carry: Carry, x: ArrayLike, y: ArrayLike | Weighted) -> tuple[Carry, float]:
        """One step on one batch.

        Arguments:
            carry: what `start` or the step before returned; its arrays are deleted.
            x, y: a batch. Another number of examples compiles another program.

        Returns: the carry after the step, and the mean loss of the batch before it.

        Raises: DataError when data and model do not fit each other; KernelcError for a carry that
            a step took before.
        """
        batch = self._batch(x, y)
        rows = jnp.arange(len(batch.y), dtype=jnp.int32)[None]
        given = Packed.of(carry)
        if any(leaf.is_deleted() for leaf in given.leaves):
            raise KernelcError(
                where="step: carry",
                found="a carry whose arrays are deleted",
                law="A step deletes the carry it takes, as its memory holds the next one",
                remedy="Go on with the carry that the last step returned",
            )
        y = jax.tree.map(jnp.asarray, batch.y)
        done = self.stepper.advance(jnp.asarray(batch.x), y, rows, 1, given)
        return done.carry.whole, float(done.losses[0])

    def model(self, carry: Carry) -> PyTree:
        """The model with the parameters of the carry, in arrays of its own."""
        return eqx.combine(owned(carry.params), self.stepper.rest)

    def _batch(self, x: ArrayLike, y: ArrayLike | Weighted) -> Part:
        """The batch, its targets as the loss compares them."""
        found = part(x, y, "batch")
        weights = found.y.weights.shape[1:] if isinstance(found.y, Weighted) else None
        kind = (found.x.shape[1:], str(found.x.dtype), weights)
        if kind not in self._shapes:
            params, state = self._start
            model = eqx.combine(params, self.stepper.rest)
            shape = check_model(model, state, found.x[:1]).shape
            compared(found, shape, self.loss)
            self._shapes[kind] = shape
        check_values(eqx.combine(self._start[0], self.stepper.rest), found.x, "batch: x")
        return Part(found.x, fitted(found.y, self._shapes[kind], self.loss))

    @functools.cached_property
    def _shapes(self) -> dict[Hashable, tuple[int, ...]]:
        """The shape of an output by the kind of a batch, once it is checked."""
        return {}
