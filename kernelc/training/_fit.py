"""The entry point of training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree

from kernelc._errors import DataError
from kernelc.data import Dataset
from kernelc.training._call import split
from kernelc.training._check import (
    Part,
    check_batch,
    check_count,
    check_data,
    check_model,
    check_trainable,
    initial_state,
)
from kernelc.training._loop import Callback, Plan, run
from kernelc.training._losses import Loss, Named, resolve
from kernelc.training._result import FitResult
from kernelc.training._source import Source, put
from kernelc.training._step import Carry, Fixed, owned


# One object for all runs: the compiled step is found again by the optimiser's identity.
_DEFAULT = optax.adam(1e-3)

Data = Dataset | tuple[np.ndarray, ...]


def fit(
    model: Callable,
    data: Data,
    *,
    optimizer: optax.GradientTransformation | None = None,
    steps: int = 1000,
    batch_size: int | None = None,
    seed: int = 0,
    loss: Named | Loss = "cross_entropy",
    eval_every: int | None = None,
    train_examples: int = 10_000,
    progress: bool | None = None,
    state: Any = None,
    callback: Callback | None = None,
    mesh: Mesh | None = None,
) -> FitResult:
    """Trains a model; the same arguments give the same bits on the same machine.

    Arguments:
        model: any eqx.Module or callable pytree: `model(x)` gives the logits of one example,
            a method `model.batched(xs)` is used where there is one. It is not changed.
        data: a `Dataset`, or arrays (x, y) or (train_x, train_y, test_x, test_y); y holds
            labels of shape (n,), or rows of targets for `"squared_error"`.
        optimizer: any Optax transformation; `optax.adam(1e-3)` when None.
        steps: optimiser steps.
        batch_size: examples in a step; 128, or all when there are fewer, when None.
        seed: seed of the order of batches and of the model's own randomness (dropout).
        loss: `"cross_entropy"`, `"squared_error"` (½ Σ_k (f_k − t_k)², labels as one-hot
            rows), or a function of (logits, y) that returns one loss per example.
        eval_every: steps between records of the history; a tenth of all when None.
        train_examples: how many training examples the final training metrics are taken on.
        progress: shows a bar (True), none (False), or only on a terminal (None).
        state: state to start from; the model's initial one when None.
        callback: called as callback(record, model, state) at every record; a true answer
            ends the run.
        mesh: splits every batch over the first axis of this mesh; parameters are copied to
            all its devices.

    Returns: `FitResult`. A loss that is NaN or infinite ends the run with `diverged` set: it
        is a result, not an error.

    Raises: DataError when numbers are out of range, data is not finite, or data and model do
        not fit each other; all before the first step.

    Example:
        >>> import equinox as eqx
        >>> net = eqx.nn.MLP(2, 2, 8, 1, key=jax.random.key(0))
        >>> x = np.random.default_rng(0).normal(size=(64, 2))
        >>> result = fit(net, (x, (x[:, 0] > 0).astype(int)), steps=500, progress=False)
        >>> result.train.accuracy > 0.9
        True
    """
    return train(
        model,
        data,
        optimizer=_DEFAULT if optimizer is None else optimizer,
        steps=steps,
        batch_size=batch_size,
        seed=seed,
        loss=loss,
        eval_every=eval_every,
        train_examples=train_examples,
        progress=progress,
        state=state,
        callback=callback,
        mesh=mesh,
    )


def train(
    model: Callable,
    data: Data,
    *,
    optimizer: optax.GradientTransformation,
    state: Any = None,
    mesh: Mesh | None = None,
    adjust: Callable[[PyTree], PyTree] = lambda opt_state: opt_state,
    **options: Any,
) -> FitResult:
    """`fit` with a hook that changes the optimiser's initial state."""
    loss = resolve(options.pop("loss"))
    (x, y), test = check_data(data)
    state = initial_state(model, state)
    size = options.pop("batch_size")
    size = check_batch(min(128, len(x)) if size is None else size, len(x))
    everywhere, batches = _placements(mesh, size)
    # Checked on all labels, but only the shape of one batch.
    convolves = check_model(model, state, x[:size], y, loss)
    if test is not None:
        check_model(model, state, test[0][:1], test[1], loss)
    params, rest = split(model)
    check_trainable(params)
    options = {**options, "loss": loss, "batch_size": size, "convolves": convolves}
    plan = _plan(Source.of(x, y, everywhere), test, options)
    params = owned(params)
    opt_state = owned(adjust(_initialised(optimizer, params)))
    carry = Carry(params, opt_state, owned(state), jnp.zeros((), jnp.int32))
    key = put(jax.random.key(plan.seed), everywhere)
    nothing = jnp.zeros(())  # the loop puts the batches in
    fixed = Fixed(rest, optimizer, loss, key, batches, nothing, nothing, nothing, nothing)
    return run(plan, fixed, put(carry, everywhere))


def _plan(train: Source, test: Part | None, options: dict[str, Any]) -> Plan:
    steps = check_count("steps", options["steps"])
    every = options["eval_every"]
    return Plan(
        train=train,
        test=None if test is None else Source.of(test[0], test[1], train.placement),
        loss=options["loss"],
        steps=steps,
        batch_size=options["batch_size"],
        seed=check_count("seed", options["seed"], least=0),
        eval_every=check_count("eval_every", max(1, steps // 10) if every is None else every),
        train_examples=check_count("train_examples", options["train_examples"]),
        progress=options["progress"],
        callback=options["callback"],
        convolves=options["convolves"],
    )


def _initialised(optimizer: optax.GradientTransformation, params: PyTree) -> PyTree:
    if not callable(getattr(optimizer, "init", None)):
        raise DataError(
            where="optimizer",
            found=type(optimizer).__name__,
            law="An optimiser is an Optax gradient transformation",
            remedy="Pass for example optax.adam(1e-3)",
        )
    return optimizer.init(params)


def _placements(mesh: Mesh | None, size: int) -> tuple[NamedSharding | None, ...]:
    if mesh is None:
        return None, None
    # The mesh anew: whatever kind its axes were, here the compiler places the values.
    plain = Mesh(mesh.devices, mesh.axis_names)
    first = plain.axis_names[0]
    if size % plain.shape[first]:
        raise DataError(
            where="batch_size",
            found=f"{size} over the {plain.shape[first]} devices of mesh axis {first!r}",
            law="Every device takes an equal share of a batch",
            remedy="Choose a multiple of the number of devices",
        )
    everywhere = NamedSharding(plain, PartitionSpec())
    return everywhere, NamedSharding(plain, PartitionSpec(first))
