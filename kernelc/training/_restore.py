"""restore: a model from the checkpoint folder of a run."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, PyTree

from .._errors import LoadError
from ..ir import Network, NetworkCarrier
from ..lowering import lower
from ._call import split
from ._check import check_model, initial_state
from ._compare import array_differences, differences
from ._identity import fingerprints, program
from ._result import JSONObject, Log, Record
from ._step import owned
from ._store import Store, place_of


@dataclass(frozen=True, eq=False)
class Restored:
    """What a checkpoint folder holds of a run.

    Arguments:
        model: with the parameters of the newest checkpoint, or with those of the best record for
            a run with `keep="best"`.
        state: of the model, None for a model without.
        history: the records until then.
        losses: the loss of every step until then, shape (steps,).
        steps: steps done.
        seconds: how long they took, compilation included.
        best_step: the step of the record with the lowest validation loss; None without one.
    """

    model: PyTree = field(repr=False)
    state: PyTree = field(repr=False)
    history: tuple[Record, ...]
    losses: Float[np.ndarray, " steps"] = field(repr=False)
    steps: int
    seconds: float
    best_step: int | None = None


def restore(
    folder: str | os.PathLike[str], model: Network | NetworkCarrier | Callable, state: PyTree = None
) -> Restored:
    """Reads the model, its state and the history of a run; nothing is trained.

    The folder may belong to a run in progress.

    Arguments:
        folder: what `fit` was given as `checkpoint`.
        model: the network, or any model of that structure, such as the one the run began with;
            its own parameters do not matter. A model lowered with a policy of its own is passed
            itself.
        state: as in `fit`.

    Returns: `Restored`.

    Raises:
        LoadError: there is no checkpoint, it cannot be read, or it is of another model.
        PackageError: Orbax is not installed.

    Example:
        >>> import tempfile, kernelc as kc
        >>> x = kc.Input((2,))
        >>> net = kc.Network(x, kc.Dense(2)(x, name="last"))
        >>> folder, data = tempfile.mkdtemp(), (np.eye(2), np.arange(2))
        >>> model = kc.lower(net, key=jax.random.key(0))
        >>> run = kc.fit(model, data, steps=3, checkpoint=folder, progress=False)
        >>> found = restore(folder, net)
        >>> found.steps, bool((found.model["last"].weight == run.model["last"].weight).all())
        (3, True)
    """
    if isinstance(model, Network | NetworkCarrier):
        model = lower(model, key=jax.random.key(0))
    state = initial_state(model, state)
    store = Store(place_of(folder))
    params, rest = split(model)
    params, state = owned(params), owned(state)
    for _ in range(_ATTEMPTS):
        step = store.latest()
        try:
            text, found, kept = _read(store, step, model, params, rest, state)
            break
        except LoadError:
            # A run in progress may have replaced this checkpoint by a newer one.
            if store.latest() == step:
                raise
    else:
        raise _none(store)
    log = Log.of(text["run"])
    return Restored(
        model=eqx.combine(found, rest),
        state=kept,
        history=tuple(log.history),
        losses=np.asarray(log.losses, np.float32),
        steps=len(log.losses),
        seconds=text["run"]["seconds"],
        best_step=log.best_step,
    )


_ATTEMPTS = 3


def _read(
    store: Store, step: int | None, model: PyTree, params: PyTree, rest: PyTree, state: PyTree
) -> tuple[JSONObject, PyTree, PyTree]:
    """The text of a step, parameters and state."""
    if step is None:
        raise _none(store)
    text = store.text(step)
    _require_same(store.folder, text["identity"], model, params, rest, state)
    name = "best" if text["identity"]["settings"]["keep"] == "best" else "model"
    return text, *store.read(step, {name: (params, state)})[name]


def _none(store: Store) -> LoadError:
    return LoadError(
        where=f"checkpoint {store.folder}",
        found="no checkpoint",
        law="A folder holds what fit(..., checkpoint=folder) stored",
        remedy="Check the path",
    )


def _require_same(
    folder: Path, stored: JSONObject, model: PyTree, params: PyTree, rest: PyTree, state: PyTree
) -> None:
    """LoadError unless the stored arrays are those of such a model, which computes the same."""
    arrays = fingerprints((params, eqx.filter(rest, eqx.is_array), state))
    unlike = array_differences(stored["initial weights"], arrays)
    if not unlike:
        batch = stored["batch"]
        rows = np.broadcast_to(np.zeros((), batch["dtype"]), batch["shape"])
        wanted = {**stored, "jax": jax.__version__}
        wanted["model"] = program("model", check_model(model, state, rows).program)
        unlike = differences(stored, wanted, only_model=True)
    if unlike:
        raise LoadError(
            where=f"checkpoint {folder}",
            found=f"the stored run has {'; '.join(unlike)}",
            law="Parameters are read into the model that was trained",
            remedy="Pass the network or the model that the run began with",
        )
