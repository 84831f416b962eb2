"""kfac-jax around one problem: its curvature blocks, its state, its steps."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from kernelc._errors import KernelcError, UnsupportedError, reason
from kernelc.curvature._blocks import Block, KFACBlocks
from kernelc.curvature._bounded import bounded
from kernelc.curvature._compat import load, one_blas_thread, quiet
from kernelc.curvature._conv import conv_block
from kernelc.curvature._outcome import Curvature, Outcome, register
from kernelc.curvature._settings import KFAC, is_adaptive
from kernelc.curvature._tables import blocks, patterns


class Batch(NamedTuple):
    """Examples and targets of a step, and the arrays of the model that are not trained."""

    x: Array
    y: PyTree
    fixed: list[Array]


# The arrays of a model without its structure: taking deep models apart in Python at every step
# would cost as much as the step.
Leaves = list[Array]
Forward = Callable[[Leaves, PyTree, PRNGKeyArray, Batch], Outcome]


@dataclass(frozen=True)
class Problem:
    """What is minimized.

    Arguments:
        forward: (params, state, key, batch) to the outcome. It closes over no arrays.
        loss: "softmax" for −log softmax(outputs)_y with labels y, "squares" for
            ½ Σ (outputs − y)² with rows or labels y, "sigmoid" for the sigmoid cross-entropy of
            answers y. It says what the Gauss-Newton matrix is.
        stateful: whether the model has a state.
    """

    forward: Forward
    loss: Curvature
    stateful: bool


class Step(NamedTuple):
    """What a step returns: new parameters, optimizer state and state, loss, numbers passed on."""

    params: Leaves
    opt_state: PyTree
    state: PyTree
    loss: Float[Array, ""]
    aux: PyTree


class Engine:
    """One compiled optimizer: for one problem, one set of shapes, and one kind of settings.

    Learning rate, momentum and damping that are not adaptive are arguments of a step, and the
    damping that adaptive damping starts with is one of `start`, so that runs at other values
    share what is compiled.

    Arguments:
        settings: how to train.
        problem: what to train.

    Raises: PackageError when kfac-jax is missing or was not tested.
    """

    def __init__(self, settings: KFAC, problem: Problem) -> None:
        self._kfac_jax = load()
        self._settings, self._problem = settings, problem
        optimizer, bound = self._kfac_jax.Optimizer, settings.norm_constraint
        if is_adaptive(settings.learning_rate):
            # kfac-jax has bounds of its own for given rates alone.
            bounds = (math.inf if b is None else b for b in (bound, settings.decrease_bound))
            optimizer, bound = bounded(self._kfac_jax, *bounds), None
        adaptive = is_adaptive(settings.damping)
        self._optimizer = optimizer(
            jax.value_and_grad(self.value, has_aux=True),
            l2_reg=settings.l2,
            value_func_has_aux=True,
            value_func_has_state=self._problem.stateful,
            value_func_has_rng=True,
            use_adaptive_learning_rate=is_adaptive(settings.learning_rate),
            use_adaptive_momentum=is_adaptive(settings.momentum),
            use_adaptive_damping=adaptive,
            initial_damping=settings.initial_damping if adaptive else None,
            min_damping=settings.min_damping,
            damping_adaptation_interval=settings.damping_every,
            norm_constraint=bound,
            # Burn-in would read batches that are no steps, and helped in no trial.
            num_burnin_steps=0,
            estimation_mode=settings.estimation,
            curvature_ema=settings.curvature_ema,
            curvature_update_period=settings.curvature_every,
            inverse_update_period=settings.inverse_every,
            layer_tag_to_block_ctor={
                "conv2d": conv_block(self._kfac_jax),
                **blocks(self._kfac_jax),
                # With masking, locations of zero gradient count as padding. A layer before one
                # that starts at zero would have no locations at all, and a damping of 0/0.
                "repeated_dense": functools.partial(
                    self._kfac_jax.RepeatedDenseKroneckerFactored, use_masking=False
                ),
            },
            auto_register_kwargs=patterns(self._kfac_jax),
            custom_estimator_ctor=self._estimated,
            batch_size_extractor=lambda batch: batch.x.shape[0],
        )

    def blocks(
        self, params: Leaves, state: PyTree, batch: Batch, names: Sequence[str]
    ) -> KFACBlocks:
        """The curvature blocks, found by tracing the loss once; `names` has one for each array.

        Raises: UnsupportedError when kfac-jax cannot take the model apart.
        """
        if not self._estimator.finalized:
            arguments = self._arguments(params, state, jax.random.key(0), batch)
            try:
                with quiet():
                    self._estimator.finalize(arguments)
            except KernelcError:
                raise
            except Exception as error:
                # Whatever the graph matcher raises on a model becomes one readable sentence;
                # the original stays attached.
                raise UnsupportedError(
                    where="K-FAC on this model",
                    found=reason(error),
                    law="K-FAC reads every layer off the traced loss, and does not see into "
                    "scan, while or cond",
                    remedy="Run the layers in a Python loop, or train with an Optax optimizer",
                ) from error
        found = sorted(self._estimator.indices_to_block_map.items())
        return KFACBlocks(tuple(self._block(block, at, params, names) for at, block in found))

    def start(self, params: Leaves, state: PyTree, batch: Batch, damping: float) -> PyTree:
        """The state of the optimizer before the first step: a pytree of arrays.

        Arguments:
            params, state, batch: what the first step will be given.
            damping: where adaptive damping starts.
        """
        with quiet():
            opt_state = self._optimizer.init(params, jax.random.key(0), batch, state)
        opt_state.damping = jnp.full_like(opt_state.damping, damping)
        return opt_state

    def step(
        self,
        params: Leaves,
        opt_state: PyTree,
        state: PyTree,
        key: PRNGKeyArray,
        batch: Batch,
        number: int,
        values: dict[str, float],
    ) -> Step:
        """One step; it deletes the buffers of params, opt_state and state.

        Arguments:
            params, opt_state, state: what the step changes.
            key: randomness of this step: the model's, and that of the curvature estimate.
            batch: what the loss is taken on.
            number: how many steps were done before.
            values: learning rate, momentum and damping, those that are not adaptive.

        Returns: the changed values, the loss before the step without l2, and `aux`.
        """
        given = {name: jnp.asarray(value, jnp.float32) for name, value in values.items()}
        with quiet(), one_blas_thread():
            *changed, stats = self._optimizer.step(
                params,
                opt_state,
                key,
                batch=batch,
                func_state=state,
                global_step_int=number,
                **given,
            )
            # All that one computation returns is ready at the same time.
            jax.block_until_ready(stats["loss"])
        params, opt_state, state = changed if self._problem.stateful else (*changed, None)
        return Step(params, opt_state, state, stats["aux"]["loss"], stats["aux"]["passed_on"])

    def value(self, *arguments: PyTree) -> tuple[Float[Array, ""], PyTree]:
        """The loss with l2, and what goes with it, as kfac-jax takes it.

        Arguments:
            arguments: params, state if the problem has one, key and batch.
        """
        params, *states, key, batch = arguments
        # Foreign states can be changed only once, and this is traced several times.
        state = jax.tree.map(lambda leaf: leaf, states[0]) if states else None
        made = self._problem.forward(params, state, key, batch)
        register(self._kfac_jax, self._problem.loss, self._settings.estimation, made)
        total = made.loss
        if self._settings.l2:
            squares = sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(params))
            total = total + 0.5 * self._settings.l2 * squares
        aux = {"loss": made.loss, "passed_on": made.passed_on}
        return total, (made.state, aux) if states else aux

    def _block(
        self, block: object, places: Sequence[int], params: Leaves, names: Sequence[str]
    ) -> Block:
        return Block(
            tuple(names[i] for i in places),
            tuple(params[i].shape for i in places),
            type(block).__name__,
            isinstance(block, self._kfac_jax.KroneckerFactored),
        )

    def _arguments(self, params: Leaves, state: PyTree, key: PRNGKeyArray, batch: Batch) -> tuple:
        return (params, state, key, batch) if self._problem.stateful else (params, key, batch)

    def _estimated(self, **options: object) -> object:
        # The one public way to the estimator of an optimizer is to make it.
        self._estimator = self._kfac_jax.BlockDiagonalCurvature(**options)
        return self._estimator
