"""Steps of K-FAC: one at a time from the host, each compiled by kfac-jax."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding
from jaxtyping import Array, Int, PRNGKeyArray, PyTree, Shaped

from kernelc._errors import UnsupportedError
from kernelc.curvature import KFAC, Batch, Engine, KFACBlocks, Problem, parameter_names
from kernelc.training._call import apply
from kernelc.training._losses import CrossEntropy, Loss, cross_entropy, squared_error
from kernelc.training._scoring import right
from kernelc.training._step import Carry, Packed, gather


# Compiled steps of deep networks take half a minute to make, and hundreds of megabytes.
_KEPT = 8


@dataclass(frozen=True, eq=False)
class KfacStepper:
    """K-FAC steps; the state of kfac-jax is the optimizer's state of the carry.

    Arguments:
        rest: what of the model is not trained.
        settings: how to train.
        loss: one of the losses with a name.
        key: randomness by step, of the model and of the curvature estimate.
        batches: where batches are placed on a mesh, if there is one.
    """

    rest: PyTree
    settings: KFAC
    loss: Loss
    key: PRNGKeyArray
    batches: NamedSharding | None = None

    def start(self, params: PyTree, state: PyTree, x: np.ndarray, y: np.ndarray) -> PyTree:
        self.blocks(params, state, x, y).require_kronecker(self.settings.allow_diagonal)
        batch = self._batch(jnp.asarray(x), jnp.asarray(y))
        engine, leaves = self._engine(params, state, batch)
        return engine.start(leaves, state, batch, self.settings.initial_damping)

    def blocks(self, params: PyTree, state: PyTree, x: np.ndarray, y: np.ndarray) -> KFACBlocks:
        """The curvature blocks that a run would have."""
        names = parameter_names(params)
        batch = self._batch(jnp.asarray(x), jnp.asarray(y))
        engine, leaves = self._engine(params, state, batch)
        return engine.blocks(leaves, state, batch, names)

    def advance(
        self,
        x: Shaped[Array, "n ..."],
        y: Shaped[Array, "n ..."],
        rows: Int[Array, "chunk batch"],
        count: int,
        carry: Packed,
    ) -> tuple[Packed, int, np.ndarray, np.ndarray]:
        params, opt_state, state, step = carry.whole
        before = int(step)
        losses: list[float] = []
        hits: list[int] = []
        batch = self._batch(*gather(x, y, rows[0], self.batches))
        engine, leaves = self._engine(params, state, batch)
        for number in range(before, before + count):
            batch = self._batch(*gather(x, y, rows[number - before], self.batches))
            key = jax.random.fold_in(self.key, number)
            values = self.settings.values(number)
            done = engine.step(leaves, opt_state, state, key, batch, number, values)
            leaves, opt_state, state = done.params, done.opt_state, done.state
            losses.append(float(done.loss))
            hits.append(int(done.aux))
            if not np.isfinite(losses[-1]):
                break
        params = jax.tree.unflatten(jax.tree.structure(params), leaves)
        carry = Packed.of(Carry(params, opt_state, state, step + len(losses)))
        return carry, len(losses), np.asarray(losses, np.float32), np.asarray(hits, np.int32)

    @functools.cached_property
    def _parts(self) -> tuple[list[Array], Any, tuple, Any]:
        """The rest of the model: its arrays, which a step takes, and what they are part of."""
        arrays, static = eqx.partition(self.rest, eqx.is_array)
        return *jax.tree.flatten(arrays), *_hashable(static)

    def _batch(self, x: Array, y: Array) -> Batch:
        return Batch(x, y, self._parts[0])

    def _engine(self, params: PyTree, state: PyTree, batch: Batch) -> tuple[Engine, list[Array]]:
        leaves, frame = jax.tree.flatten(params)
        arrays, around = jax.tree.flatten((leaves, state, batch))
        shapes = tuple((leaf.shape, str(leaf.dtype)) for leaf in arrays)
        engine = _compiled(
            self.settings.compiled(),
            self.loss,
            (frame, *self._parts[1:]),
            (shapes, around),
            state is not None,
        )
        return engine, leaves


def _hashable(tree: PyTree) -> tuple[tuple, Any]:
    leaves, frame = jax.tree.flatten(tree)
    return tuple(leaves), frame


@functools.lru_cache(maxsize=_KEPT)
def _compiled(
    settings: KFAC, loss: Loss, model: tuple[Any, Any, tuple, Any], shapes: Any, stateful: bool
) -> Engine:
    """The engine for models of one structure: every run on such a model compiles once."""
    del shapes  # kfac-jax traces an optimizer once, for the shapes it meets first
    trained, fixed, static, around = model

    def forward(leaves: list[Array], state: PyTree, key: PRNGKeyArray, batch: Batch) -> tuple:
        parts = (
            jax.tree.unflatten(trained, leaves),
            jax.tree.unflatten(fixed, batch.fixed),
            jax.tree.unflatten(around, static),
        )
        outputs, state = apply(eqx.combine(*parts), batch.x, state, key)
        _require_rows(outputs)
        return outputs, loss(outputs, batch.y), state, jnp.sum(right(loss, outputs, batch.y))

    return Engine(settings, Problem(forward, _registration(loss), stateful))


def _require_rows(outputs: Array) -> None:
    if outputs.ndim != 2:
        raise UnsupportedError(
            where="K-FAC: outputs",
            found=f"shape {outputs.shape}",
            law="K-FAC knows the curvature of losses of one row of outputs per example",
            remedy="Use an Optax optimizer, or give the network one row of outputs",
        )


def _registration(loss: Loss) -> Literal["softmax", "squares"]:
    # The curvature of the softmax does not depend on the targets.
    if loss is cross_entropy or isinstance(loss, CrossEntropy):
        return "softmax"
    if loss is squared_error:
        return "squares"
    raise UnsupportedError(
        where="K-FAC: loss",
        found=getattr(loss, "__name__", type(loss).__name__),
        law="K-FAC approximates the Gauss-Newton matrix of a loss that it knows",
        remedy='Use "cross_entropy", CrossEntropy or "squared_error", or an Optax optimizer',
    )
