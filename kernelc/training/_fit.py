"""The entry point of training."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree

from kernelc._errors import DataError
from kernelc.curvature import KFAC
from kernelc.data import Dataset, Rows, Stream
from kernelc.training._call import split
from kernelc.training._check import (
    Part,
    check_batch,
    check_count,
    check_data,
    check_model,
    check_trainable,
    initial_state,
    shown,
)
from kernelc.training._checkpoint import Checkpoints, data_digest
from kernelc.training._kfac_stepper import KfacStepper
from kernelc.training._loop import Callback, Plan, run
from kernelc.training._losses import Loss, Named, resolve
from kernelc.training._result import FitResult
from kernelc.training._source import Source, put, source
from kernelc.training._step import Carry, owned
from kernelc.training._stepper import OptaxStepper, Stepper


# One object for all runs: the compiled step is found again by the optimiser's identity.
_DEFAULT = optax.adam(1e-3)

Data = Dataset | Stream | tuple[np.ndarray | Rows, ...]
Optimizer = optax.GradientTransformation | KFAC


def fit(
    model: Callable,
    data: Data,
    *,
    optimizer: Optimizer | None = None,
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
    checkpoint: str | os.PathLike[str] | None = None,
) -> FitResult:
    """Trains a model; the same arguments give the same bits on the same machine.

    Arguments:
        model: any eqx.Module or callable pytree: `model(x)` gives the logits of one example,
            a method `model.batched(xs)` is used where there is one. It is not changed.
        data: a `Dataset`, a `Stream`, or arrays (x, y) or (train_x, train_y, test_x, test_y);
            y holds labels of shape (n,), or rows of targets for `"squared_error"`.
        optimizer: any Optax transformation, or `kernelc.kfac()`; `optax.adam(1e-3)` when None.
        steps: optimiser steps.
        batch_size: examples in a step; 128 (256 with K-FAC), or all when there are fewer, when
            None.
        seed: seed of the order of batches, of what a `Stream` alters at random, and of the
            model's own randomness (dropout).
        loss: `"cross_entropy"`, `"squared_error"` (½ Σ_k (f_k − t_k)², labels as one-hot
            rows), `CrossEntropy(label_smoothing=...)`, or a function of (logits, y) that
            returns one loss per example.
        eval_every: steps between records of the history; a tenth of all when None.
        train_examples: how many training examples the final training metrics are taken on.
        progress: shows a bar (True), none (False), or only on a terminal (None).
        state: state to start from; the model's initial one when None.
        callback: called as callback(record, model, state) at every record; a true answer
            ends the run.
        mesh: splits every batch over the first axis of this mesh; parameters are copied to
            all its devices.
        checkpoint: folder that the run is stored in at every record (by Orbax, which
            `pip install 'kernelc[checkpoint]'` brings), and from which it goes on when it was
            stored there before: model, optimiser, position in the data, keys and history
            continue as if nothing had happened, bit for bit. Learning rates and other numbers
            inside an Optax optimiser are yours to keep the same.

    Returns: `FitResult`. A loss that is NaN or infinite ends the run with `diverged` set: it
        is a result, not an error.

    Raises: DataError when numbers are out of range, data is not finite, or data and model do
        not fit each other; UnsupportedError for K-FAC on weights it would not take whole, and for
        optimisers that show to treat weights by their axes on layers in a loop; LoadError when
        the checkpoint is of another run or cannot be read; all before the first step, but for
        examples made on demand, which are checked as they are made.

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
        checkpoint=checkpoint,
    )


def train(
    model: Callable,
    data: Data,
    *,
    optimizer: Optimizer,
    state: Any = None,
    mesh: Mesh | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    adjust: Callable[[PyTree], PyTree] = lambda opt_state: opt_state,
    **options: Any,
) -> FitResult:
    """`fit` with a hook that changes the optimiser's initial state."""
    loss = resolve(options.pop("loss"))
    (x, y), test = check_data(data)
    state = initial_state(model, state)
    size = options.pop("batch_size")
    usual = getattr(optimizer, "default_batch_size", 128)
    size = check_batch(min(usual, len(x)) if size is None else size, len(x))
    placements = _placements(mesh, size)
    # Checked on all labels, but only the shape of one batch.
    batch = shown(x, size)
    convolves = check_model(model, state, batch, y, loss)
    if test is not None:
        check_model(model, state, shown(test[0], 1), test[1], loss)
    params, rest = split(model)
    check_trainable(params)
    options = {**options, "loss": loss, "batch_size": size, "convolves": convolves}
    if checkpoint is not None:
        identity = {"seed": options["seed"], "batch size": size, "data": data_digest(x, y)}
        options["checkpoints"] = Checkpoints(checkpoint, identity)
    plan = _plan(source(x, y, placements[0]), test, options)
    stepper = _stepper(optimizer, rest, plan, placements, adjust)
    params, state = owned(params), owned(state)
    opt_state = owned(stepper.start(params, state, batch, y[:size]))
    carry = Carry(params, opt_state, state, jnp.zeros((), jnp.int32))
    with closing(plan.train):
        return run(plan, stepper, put(carry, placements[0]))


def _stepper(
    optimizer: Optimizer,
    rest: PyTree,
    plan: Plan,
    placements: tuple[NamedSharding | None, ...],
    adjust: Callable[[PyTree], PyTree],
) -> Stepper:
    everywhere, batches = placements
    key = put(jax.random.key(plan.seed), everywhere)
    if isinstance(optimizer, KFAC):
        return KfacStepper(rest, optimizer, plan.loss, key, batches)
    return OptaxStepper(rest, optimizer, plan.loss, key, everywhere, batches, adjust)


def _plan(train: Source, test: Part | None, options: dict[str, Any]) -> Plan:
    steps = check_count("steps", options["steps"])
    every = options["eval_every"]
    return Plan(
        train=train,
        test=None if test is None else source(test[0], test[1], train.placement),
        loss=options["loss"],
        steps=steps,
        batch_size=options["batch_size"],
        seed=check_count("seed", options["seed"], least=0),
        eval_every=check_count("eval_every", max(1, steps // 10) if every is None else every),
        train_examples=check_count("train_examples", options["train_examples"]),
        progress=options["progress"],
        callback=options["callback"],
        convolves=options["convolves"],
        checkpoints=options.get("checkpoints"),
    )


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
