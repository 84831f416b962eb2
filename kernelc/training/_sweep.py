"""The same run at several learning rates."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import jax.numpy as jnp
import optax
from jaxtyping import PRNGKeyArray, PyTree

from .._deprecated import renamed_arguments
from .._errors import DataError, shown
from .._limits import real
from ..curvature import KFAC
from ._fit import Data, train
from ._losses import Loss, Named, resolve
from ._result import FitResult
from ._settings import FitSettings, Keep, Optimizer, Validation


MakeOptimizer = Callable[[Any], Optimizer]
"""The optimizer for a learning rate, which is a number or a traced one."""


@renamed_arguments(seed="key")
def learning_rate_sweep(
    model: Callable,
    data: Data,
    rates: Sequence[float],
    make_optimizer: MakeOptimizer = optax.sgd,
    *,
    steps: int = 1000,
    batch_size: int | None = None,
    key: PRNGKeyArray | int = 0,
    loss: Named | Loss = "cross_entropy",
    eval_every: int | None = None,
    train_examples: int = 10_000,
    progress: bool | None = None,
    state: PyTree = None,
    validation: Validation | None = None,
    keep: Keep = "last",
    patience: int | None = None,
) -> dict[float, FitResult]:
    """Trains the model from the same start at every rate, compiling once for all of them.

    Arguments:
        model, data, steps, batch_size, key, loss, eval_every, train_examples, progress,
            state, validation, keep, patience: as in `fit`.
        rates: learning rates, positive and finite.
        make_optimizer: gives the optimizer for a learning rate, for example `optax.sgd` or
            `lambda rate: optax.sgd(rate, momentum=0.9)`. The rate is a traced number for
            Optax, and a plain one in `lambda rate: kernelc.kfac(rate)`.

    Returns: a dict from every rate to its `FitResult`; Ctrl-C ends it with the current run.

    Raises: DataError as `fit` does, and for invalid rates.

    Example:
        >>> import equinox as eqx, jax, numpy as np
        >>> net = eqx.nn.Linear(2, 2, key=jax.random.key(0))
        >>> data = (np.eye(2), np.arange(2))
        >>> results = learning_rate_sweep(net, data, [0.1, 1.0], steps=20, progress=False)
        >>> results[1.0].train.loss < results[0.1].train.loss
        True
    """
    chosen = _rates(rates)
    first = _made(make_optimizer, chosen[0])
    # The rate is part of the optimizer's state, so that all runs share one compiled step; a step
    # of K-FAC takes it as an argument.
    shared = None
    if not isinstance(first, KFAC):
        # Optax finds the argument by this name; that of the user's function may differ.
        made = optax.inject_hyperparams(lambda learning_rate: make_optimizer(learning_rate))
        shared = made(learning_rate=chosen[0])
    settings = FitSettings(
        optimizer=first if shared is None else shared,
        steps=steps,
        batch_size=batch_size,
        key=key,
        loss=resolve(loss),
        eval_every=eval_every,
        train_examples=train_examples,
        progress=progress,
        state=state,
        validation=validation,
        keep=keep,
        patience=patience,
    )
    found: dict[float, FitResult] = {}
    for rate in chosen:
        at = {"optimizer": make_optimizer(rate)} if shared is None else {"adjust": _at(rate)}
        found[rate] = train(model, data, dataclasses.replace(settings, **at))
        if found[rate].interrupted:
            break
    return found


def _at(rate: float) -> Callable[[PyTree], PyTree]:
    def adjust(opt_state: PyTree) -> PyTree:
        dtype = opt_state.hyperparams["learning_rate"].dtype
        return opt_state._replace(
            hyperparams={**opt_state.hyperparams, "learning_rate": jnp.asarray(rate, dtype)}
        )

    return adjust


def _rates(rates: object) -> list[float]:
    """Positive finite learning rates, at least one, or DataError."""
    given = (
        list(rates) if isinstance(rates, Iterable) and not isinstance(rates, str | bytes) else []
    )
    found = [real(rate) for rate in given]
    if not found or not all(0 < rate < math.inf for rate in found):
        raise DataError(
            where="rates",
            found=shown(rates),
            law="A sweep has at least one learning rate, all of them positive finite numbers",
            remedy="Pass for example [0.001, 0.01, 0.1]",
        )
    return found


def _made(make_optimizer: MakeOptimizer, rate: float) -> Optimizer:
    """The optimizer at a rate, or DataError for what makes none."""
    # An optimizer is a pair of functions; K-FAC's is callable too.
    maker = not isinstance(make_optimizer, KFAC | optax.GradientTransformation)
    made = make_optimizer(rate) if maker and callable(make_optimizer) else None
    if not isinstance(made, KFAC) and not callable(getattr(made, "init", None)):
        raise DataError(
            where="make_optimizer",
            found=f"an object of type {type(make_optimizer).__name__}",
            law="A sweep makes an optimizer anew at each rate",
            remedy="Pass the function, such as optax.adam or "
            "lambda rate: optax.sgd(rate, momentum=0.9)",
        )
    return cast(Optimizer, made)
