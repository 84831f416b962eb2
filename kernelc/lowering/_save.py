"""save: a model with its network, weights, statistics and policy in one file."""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Iterator
from typing import NoReturn

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, PyTree

from .._errors import DataError, KernelcError, shown
from ..ir import Network
from ..modules import Model, is_index, leaves_of, state_arrays, state_starts
from ._arrange import loops_of
from ._container import Container, write_container
from ._lower import bare


FORMAT = "kernelc.model"
VERSION = "1"


def save(path: str | os.PathLike[str], model: Model, state: eqx.nn.State | None = None) -> None:
    """Write a model into one file: its network, weights, running statistics and policy.

    The file is in the safetensors format: arrays by node name behind a JSON header, with a
    checksum, so that other tools read the weights too. It is written under another
    name and then moved, so that an interrupted write leaves no partial file.

    Arguments:
        path: where to; what is there is replaced.
        model: what `lower` returns, in either form, trained or not.
        state: its state, for models with batch norm: `result.state` after `fit`,
            `eqx.nn.State(model)` before.

    Raises:
        KernelcError: a model that was not lowered from a network, or was changed in more than
            its values and `inference` since; a place that cannot be written to.
        DataError: a missing state, or that of another model.

    Example:
        >>> import jax, pathlib, tempfile, kernelc as kc
        >>> x = kc.Input((4,))
        >>> model = kc.lower(kc.Network(x, kc.Dense(3)(x)), key=jax.random.key(0))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     kc.save(pathlib.Path(folder) / "small.kernelc", model)
        ...     again, state = kc.load(pathlib.Path(folder) / "small.kernelc")
        >>> bool((again["dense_1"].weight == model["dense_1"].weight).all())
        True
    """
    network = _network_of(model)
    loops = loops_of(model)
    like = bare(network, model.policy, model.axis_name, model.remat, loops)
    arrays, settings = _content(model, like)
    arrays |= _statistics(model, state)
    layers = {"layers": "scan" if loops else "unrolled", "remat": model.remat}
    form = {
        "policy": {**dataclasses.asdict(model.policy), **layers},
        "axis_name": model.axis_name,
        "loops": loops,
        "settings": settings,
    }
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "network": network.to_json(),
        "model": json.dumps(form, allow_nan=False),
    }
    host = {name: np.asarray(array) for name, array in arrays.items()}
    write_container(path, Container(metadata, host))


def _network_of(model: object) -> Network:
    if not isinstance(model, Model):
        raise KernelcError(
            where="save",
            found=f"an argument of type {type(model).__name__}",
            law="models are saved",
            remedy="pass what kernelc.lower(network, key=...) returns, or result.model of fit",
        )
    if not isinstance(model.network, Network):
        raise KernelcError(
            where="save",
            found="a model made by hand, without its network",
            law="a file of weights says what network they belong to",
            remedy="build it with kernelc.lower, or store it with equinox",
        )
    return model.network


def leaves_by_name(model: Model) -> Iterator[tuple[str, PyTree]]:
    """(name, leaf) in the order of `jax.tree.flatten(model, is_leaf=is_index)`.

    Names are those of node and parameter: dense_1.weight; in a loop, where the leaf is that of all
    blocks, the node is that of the first one.
    """
    return ((leaf.layers[0] + leaf.path, leaf.value) for leaf in leaves_of(model.nodes))


Settings = dict[str, bool | int | float]


def _content(model: Model, like: Model) -> tuple[dict[str, Array], Settings]:
    """Arrays and settings by name, once the model is known to be what `load` will build."""
    if jax.tree.structure(model, is_leaf=is_index) != jax.tree.structure(like, is_leaf=is_index):
        _refuse("model", "layers or constants that are not those its network is lowered to")
    arrays: dict[str, Array] = {}
    settings: Settings = {}
    names = Counter(name for name, _ in leaves_by_name(model))
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        _refuse(twice[0], "two parameters of this name, by the names of nodes with dots")
    for (name, leaf), (_, wanted) in zip(leaves_by_name(model), leaves_by_name(like), strict=True):
        if isinstance(wanted, jax.ShapeDtypeStruct):
            if not eqx.is_array(leaf) or (leaf.shape, leaf.dtype) != (wanted.shape, wanted.dtype):
                told = f"{leaf.dtype}{list(leaf.shape)}" if eqx.is_array(leaf) else shown(leaf)
                _refuse(name, f"{told} where the network and the policy say {wanted}")
            arrays[name] = leaf
        elif type(wanted) in (bool, int, float) and type(leaf) is type(wanted):
            settings[name] = leaf
        elif not is_index(wanted) and not np.array_equal(leaf, wanted):
            _refuse(name, f"{shown(leaf)} where the network says {shown(wanted)}")
    return arrays, settings


def _statistics(model: Model, state: eqx.nn.State | None) -> dict[str, Array]:
    if state is None and state_starts(model.nodes):
        raise KernelcError(
            where="save",
            found="a model with running statistics and no state",
            law="without its statistics a trained model computes something else",
            remedy="pass the state: result.state after fit, eqx.nn.State(model) before",
        )
    if state is None:
        return {}
    if not isinstance(state, eqx.nn.State):
        raise DataError(
            where="save: state",
            found=shown(state),
            law="the state of a model is an equinox.nn.State",
            remedy="pass result.state after fit, or leave it out for a model without statistics",
        )
    return state_arrays(state, model.nodes)


def _refuse(where: str, found: str) -> NoReturn:
    raise KernelcError(
        where=where,
        found=found,
        law="a file holds the values of a network as it is described, so that it loads again",
        remedy="change the network and lower it, or store the model with equinox",
    )
