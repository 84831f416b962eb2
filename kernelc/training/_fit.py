"""The entry point of training."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from contextlib import ExitStack, closing

import jax.numpy as jnp
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import PRNGKeyArray, PyTree
from numpy.typing import ArrayLike

from .._deprecated import renamed_arguments
from .._errors import DataError, shown as shown_value
from ..data import Dataset, Rows, Stream, Weighted
from ._call import split
from ._check import check_model, check_trainable, check_values, initial_state, shown
from ._checkpoint import Checkpoints
from ._identity import identity
from ._loop import run
from ._losses import Loss, Named, resolve
from ._optimizers import check_rate
from ._result import FitResult
from ._settings import (
    Callback,
    FitSettings,
    Keep,
    Optimizer,
    Plan,
    Validation,
    compare_parts,
    read_parts,
)
from ._source import put, source
from ._step import Carry, owned
from ._stepper import stepper_for
from ._store import locked


# One object for all runs: the cache of compiled steps compares optimizers by identity.
_DEFAULT = optax.adam(1e-3)

Data = Dataset | Stream | tuple[ArrayLike | Rows | Weighted, ...]


@renamed_arguments(seed="key")
def fit(
    model: Callable,
    data: Data,
    *,
    optimizer: Optimizer | None = None,
    steps: int = 1000,
    batch_size: int | None = None,
    key: PRNGKeyArray | int = 0,
    loss: Named | Loss = "cross_entropy",
    eval_every: int | None = None,
    train_examples: int = 10_000,
    progress: bool | None = None,
    state: PyTree = None,
    callback: Callback | None = None,
    mesh: Mesh | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    validation: Validation | None = None,
    keep: Keep = "last",
    patience: int | None = None,
) -> FitResult:
    """Trains a model; the same arguments give the same bits on the same machine.

    Arguments:
        model: any eqx.Module or callable pytree: `model(x)` gives the outputs of one example,
            a method `model.batched(xs)` is used where there is one. It is not changed.
        data: a `Dataset`, a `Stream`, or arrays, lists or data frames (x, y), (train_x, train_y,
            test_x, test_y), or three such pairs: training, validation, test. What y holds depends
            on the loss: class numbers, integers of shape (n,), or (n, *locations) with a label
            for each location of outputs (*locations, classes); or numbers of shape (n, ...) like
            the outputs, (n,) for a network with one output. `kernelc.data.Weighted(y, weights)`
            says which of them count.
        optimizer: any Optax transformation, or `kernelc.kfac()`; `optax.adam(1e-3)` when None.
        steps: optimizer steps.
        batch_size: examples in a step; 128 (256 with K-FAC), or all when there are fewer, when
            None.
        key: a JAX random key, or an int for one: of the order of batches, of what a `Stream`
            alters at random, and of the model's own randomness (dropout).
        loss: a name, `CrossEntropy(...)`, `Huber(...)`, or a function of (outputs, y) that returns
            one loss per example, or one per location or output, of which the mean is taken. Names:
            `"cross_entropy"`, the mean over locations; `"squared_error"`, ½ Σ_k (f_k − t_k)² over
            all outputs, labels as one-hot rows; `"squared_error_per_location"`, the mean over
            locations of ½ Σ_k (f_k − t_k)²; `"huber"`; `"binary_cross_entropy"`, outputs are logits
            of yes or no and y of their shape holds 0 and 1, summed over all; `"multi_label"`, the
            same, summed over the last axis, the mean over locations. To a function y comes as it
            is, but with the axis of outputs where the network has one output and y the shape (n,).
        eval_every: steps between records of the history; a tenth of all when None.
        train_examples: how many training examples the final training metrics are taken on.
        progress: shows a bar (True), none (False), or only on a terminal (None).
        state: state to start from; the model's initial one when None.
        callback: called as callback(record, model, state) at every record; a truthy return
            value ends the run.
        mesh: splits every batch over the first axis of this mesh; parameters are copied to
            all its devices.
        checkpoint: folder that the run is stored in at every record (by Orbax, which
            `pip install 'kernelc[checkpoint]'` brings), and from which it goes on when it was
            stored there before: model, optimizer, position in the data, keys and history
            continue as if nothing had happened, bit for bit. A folder holds one run: another
            model, other initial weights, loss, optimizer, data, batch size or key is refused with
            what differs. `kernelc.restore` reads the model out of the folder.
        validation: examples to choose by, which are not trained on: a pair (x, y), or a share of
            the training part, drawn by `key`. Every record has their loss.
        keep: `"last"`, or `"best"` for the parameters and the state of the record with the lowest
            validation loss.
        patience: ends the run when so many records in a row were not better than the best.

    Returns: `FitResult`. A loss that is NaN or infinite ends the run with `diverged` set: it
        is a result, not an error. Ctrl-C ends it with `interrupted` set, after the steps under
        way; a second Ctrl-C in the middle of a step raises KeyboardInterrupt.

    Raises: DataError when numbers are out of range, data is not finite, or data and model do
        not fit each other; UnsupportedError for K-FAC on weights it would not take whole, and for
        optimizers that show to treat weights by their axes on layers in a loop; LoadError when
        the checkpoint is of another run or cannot be read; all before the first step, but for
        examples made on demand, which are checked as they are made. KernelcError when the
        checkpoint cannot be written; what was stored before stays.

    Example:
        >>> import equinox as eqx, jax, numpy as np
        >>> net = eqx.nn.MLP(2, 2, 8, 1, key=jax.random.key(0))
        >>> x = np.random.default_rng(0).normal(size=(64, 2))
        >>> result = fit(net, (x, (x[:, 0] > 0).astype(int)), steps=500, progress=False)
        >>> result.train.accuracy > 0.9
        True
    """
    settings = FitSettings(
        optimizer=_DEFAULT if optimizer is None else optimizer,
        steps=steps,
        batch_size=batch_size,
        key=key,
        loss=resolve(loss),
        eval_every=eval_every,
        train_examples=train_examples,
        progress=progress,
        state=state,
        callback=callback,
        mesh=mesh,
        checkpoint=checkpoint,
        validation=validation,
        keep=keep,
        patience=patience,
    )
    return train(model, data, settings)


def train(model: Callable, data: Data, settings: FitSettings) -> FitResult:
    """`fit` by its settings."""
    state = initial_state(model, settings.state)
    found = read_parts(data, settings)
    size = settings.batch_of(len(found.train.y))
    everywhere, spread = _placements(settings.mesh, size)
    batch = shown(found.train.x, size)
    traced = check_model(model, state, batch)
    for name, part in found._asdict().items():
        if part is not None:
            check_values(model, part.x, f"fit: {name} examples")
    found, answers = compare_parts(found, traced.shape, settings.loss)
    params, rest = split(model)
    check_trainable(params)
    check_rate(settings.optimizer, settings.steps)
    train, validation, test = (part and source(part.x, part.y, everywhere) for part in found)
    assert train is not None
    outputs = math.prod(traced.shape)
    plan = Plan(train, validation, test, answers, size, settings, traced.convolves, outputs)
    optimizer, loss, key = settings.optimizer, settings.loss, put(settings.key, everywhere)
    stepper = stepper_for(rest, optimizer, loss, key, everywhere, spread, settings.adjust)
    params, state = owned(params), owned(state)
    opt_state = owned(stepper.start(params, state, batch, found.train.y[:size]))
    carry = put(Carry(params, opt_state, state, jnp.zeros((), jnp.int32)), everywhere)
    with closing(plan.train), ExitStack() as stack:
        checkpoints = None
        if settings.checkpoint is not None:
            known = identity(carry, rest, found, traced, plan)
            checkpoints = Checkpoints(settings.checkpoint, known)
            stack.enter_context(locked(checkpoints.folder))
        return run(plan, stepper, carry, checkpoints)


def _placements(mesh: Mesh | None, size: int) -> tuple[NamedSharding | None, NamedSharding | None]:
    if mesh is None:
        return None, None
    if not isinstance(mesh, Mesh):
        raise DataError(
            where="mesh",
            found=shown_value(mesh),
            law="Batches are split over a jax.sharding.Mesh",
            remedy="Pass jax.make_mesh((devices,), ('batch',)), or leave it out",
        )
    # A mesh whose axes are automatic, whatever they were: the compiler places the values.
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
