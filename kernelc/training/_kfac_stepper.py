"""K-FAC: which curvature blocks it uses, and its steps, each compiled by kfac-jax."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree, Shaped
from numpy.typing import ArrayLike

from .._errors import DataError
from ..curvature import (
    KFAC,
    Batch,
    Engine,
    KFACBlocks,
    Outcome,
    Problem,
    kfac,
    parameter_names,
)
from ..data import Targets, Weighted, examples, nothing_counts
from ..modules import Model
from ._call import apply, split
from ._check import check_model, initial_state
from ._curvature import LossWithCurvature, curvature_of, registered
from ._losses import Loss, Named, resolve
from ._scoring import fitted
from ._step import Advanced, Carry, Packed, gather
from ._weighing import hits, mean_loss


# A compiled step of a deep network takes half a minute to compile and hundreds of megabytes.
_KEPT = 8


def kfac_blocks(
    model: Callable,
    x: Float[np.ndarray, "batch ..."] | None = None,
    *,
    loss: Named | LossWithCurvature = "cross_entropy",
    state: PyTree = None,
) -> KFACBlocks:
    """The curvature block that K-FAC has for each parameter; nothing is compiled.

    `fit` refuses what `diagonal_weights` of the report lists, unless it is allowed.

    Arguments:
        model: any model that `fit` takes.
        x: examples, of which only shape and dtype are used; a `Model` knows them itself.
        loss: as in `fit`.
        state: as in `fit`.

    Returns: the blocks with names and shapes of their parameters; prints as a table.

    Raises:
        DataError: a model that is no `Model`, without examples.
        UnsupportedError: a model that K-FAC cannot take apart, or a loss that it does not know.
        PackageError: kfac-jax is missing, or was not tested.

    Example:
        >>> import jax, kernelc as kc
        >>> inputs = kc.Input((4,))
        >>> net = kc.Network(inputs, kc.Dense(2)(inputs, name="last"))
        >>> print(kfac_blocks(kc.lower(net, key=jax.random.key(0))))
        DenseTwoKroneckerFactored  last.weight (4, 2)
        DenseTwoKroneckerFactored  last.bias (2,)
    """
    x = examples(_examples(model, x), "kfac_blocks: x")
    state = initial_state(model, state)
    function = resolve(loss)
    outputs = check_model(model, state, x).shape
    # The trace does not depend on the values of the targets.
    labels = curvature_of(function) == "softmax"
    y = np.zeros((len(x), *(outputs[:-1] if labels else outputs)), np.int32 if labels else float)
    y = fitted(y, outputs, function)
    params, rest = split(model)
    stepper = KfacStepper(rest, kfac(), function, jax.random.key(0))
    return stepper.blocks(params, state, x, y)


def _examples(model: Callable, x: ArrayLike | None) -> ArrayLike:
    if x is not None:
        return x
    if not isinstance(model, Model):
        raise DataError(
            where="kfac_blocks: x",
            found="None",
            law="Only a kernelc.Model knows the shape of its examples",
            remedy="Pass a few examples, for example x[:2]",
        )
    like = model.input_format.like(2)
    return np.zeros(like.shape, like.dtype)


@dataclass(frozen=True, eq=False)
class KfacStepper:
    """K-FAC steps, one at a time from the host; as `OptaxStepper`.

    The state of kfac-jax is the optimizer's state of the carry; `key` is the randomness of the
    curvature estimate too.
    """

    rest: PyTree
    settings: KFAC
    loss: Loss
    key: PRNGKeyArray
    batches: NamedSharding | None = None

    def start(self, params: PyTree, state: PyTree, x: np.ndarray, y: Targets) -> PyTree:
        self.blocks(params, state, x, y).require_kronecker(self.settings.allow_diagonal)
        engine, leaves, batch = self._engine(params, state, *jax.tree.map(jnp.asarray, (x, y)))
        return engine.start(leaves, state, batch, self.settings.initial_damping)

    def blocks(self, params: PyTree, state: PyTree, x: np.ndarray, y: Targets) -> KFACBlocks:
        """The curvature blocks that a run would have."""
        names = parameter_names(params)
        engine, leaves, batch = self._engine(params, state, *jax.tree.map(jnp.asarray, (x, y)))
        return engine.blocks(leaves, state, batch, names)

    def advance(
        self,
        x: Shaped[Array, "n ..."],
        y: PyTree,
        rows: Int[Array, "chunk batch"],
        count: int,
        carry: Packed,
    ) -> Advanced:
        params, opt_state, state, step = carry.whole
        before = int(step)
        losses: list[float] = []
        good: list[float] = []
        engine, leaves, batch = self._engine(params, state, *gather(x, y, rows[0], self.batches))
        for number in range(before, before + count):
            x_now, y_now = gather(x, y, rows[number - before], self.batches)
            if nothing_counts(y_now):
                # There is no curvature to divide by, and no gradient.
                losses.append(0.0)
                good.append(0.0)
                continue
            batch = Batch(x_now, y_now, batch.fixed)
            key = jax.random.fold_in(self.key, number)
            values = self.settings.values(number)
            done = engine.step(leaves, opt_state, state, key, batch, number, values)
            leaves, opt_state, state = done.params, done.opt_state, done.state
            losses.append(float(done.loss))
            good.append(float(done.aux))
            if not np.isfinite(losses[-1]):
                break
        params = jax.tree.unflatten(jax.tree.structure(params), leaves)
        carry = Packed.of(Carry(params, opt_state, state, step + len(losses)))
        kind = np.float32 if isinstance(y, Weighted) else np.int32
        return Advanced(carry, np.asarray(losses, np.float32), np.asarray(good, kind))

    @functools.cached_property
    def _parts(self) -> tuple[list[Array], _Rest]:
        """The arrays of the rest of the model, which a step takes, and all else of it."""
        arrays, static = eqx.partition(self.rest, eqx.is_array)
        leaves, around = jax.tree.flatten(static)
        fixed, frame = jax.tree.flatten(arrays)
        return fixed, _Rest(frame, tuple(leaves), around)

    def _engine(
        self, params: PyTree, state: PyTree, x: Array, y: PyTree
    ) -> tuple[Engine, list[Array], Batch]:
        fixed, rest = self._parts
        batch = Batch(x, y, fixed)
        leaves, frame = jax.tree.flatten(params)
        arrays, around = jax.tree.flatten((leaves, state, batch))
        shapes = tuple((leaf.shape, str(leaf.dtype)) for leaf in arrays), around
        settings, stateful = self.settings.compiled(), state is not None
        return _compiled(settings, self.loss, (frame, rest), shapes, stateful), leaves, batch


class _Rest(NamedTuple):
    """What of a model is not trained, without its arrays, and what both are part of."""

    fixed: Hashable
    static: tuple[Hashable, ...]
    around: Hashable


@functools.lru_cache(maxsize=_KEPT)
def _compiled(
    settings: KFAC, loss: Loss, model: tuple[Hashable, _Rest], shapes: Hashable, stateful: bool
) -> Engine:
    """The engine for models of one structure: every run on such a model compiles once."""
    del shapes  # kfac-jax traces an optimizer once, for the shapes it meets first
    trained, rest = model

    def forward(leaves: list[Array], state: PyTree, key: PRNGKeyArray, batch: Batch) -> Outcome:
        parts = (
            jax.tree.unflatten(trained, leaves),
            jax.tree.unflatten(rest.fixed, batch.fixed),
            jax.tree.unflatten(rest.around, rest.static),
        )
        outputs, state = apply(eqx.combine(*parts), batch.x, state, key)
        found = registered(loss, outputs, batch.y)
        mean = mean_loss(loss, outputs, batch.y)
        return Outcome(*found, mean, state, hits(loss, outputs, batch.y))

    return Engine(settings, Problem(forward, curvature_of(loss), stateful))
