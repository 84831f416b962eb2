"""From what a user types to a network: a JSON file, or an attribute of a Python module."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

import kernelc as kc

from ._model import example_shape, is_model, read_model
from ._modules import attribute, called, imported


if TYPE_CHECKING:
    from ..ir import NetworkCarrier


Spec = Annotated[
    str,
    typer.Argument(
        metavar="SPEC",
        help="MODULE:NAME, a Network or a function without arguments that returns one (this runs "
        "your Python file), a .json file (which runs nothing), or a model that is read: "
        "torch:timm:NAME, torch:torchvision:NAME, torch:MODULE:FACTORY, equinox:MODULE:FACTORY.",
    ),
]

Shape = Annotated[
    str | None,
    typer.Option(
        "--shape",
        metavar="SIZES",
        help="Shape of one input of a model that is read: 3,64,64. No batch axis.",
    ),
]

Tokens = Annotated[
    bool, typer.Option("--tokens", help="Inputs of a model that is read are integers.")
]

Own = Annotated[
    list[str] | None,
    typer.Option(
        "--import",
        metavar="MODULE",
        help="Run this Python module first: it defines layers and activations that SPEC uses.",
    ),
]

_FORMS = "a network is given as MODULE:NAME, as a .json file, or as torch: or equinox: with a model"


def load_network(spec: str, own: Sequence[str] | None) -> kc.Network:
    """The network that `spec` names.

    Arguments:
        spec: MODULE:NAME, a .json file, or a model that is read.
        own: modules to import before, which define layers and activations.

    Raises:
        LoadError: nothing of that name, or not a network.
    """
    found = load_carrier(spec, own)
    return found if isinstance(found, kc.Network) else found.network


def load_carrier(
    spec: str, own: Sequence[str] | None, shape: str | None = None, tokens: bool = False
) -> kc.Network | NetworkCarrier:
    """The network that `spec` names, or what is read of the model that it names.

    Arguments:
        spec, own: as for `load_network`.
        shape: sizes of an input of the model, "3,64,64"; found out where it can be if None.
        tokens: whether inputs of the model are integers.

    Raises:
        LoadError: nothing of that name, or not a network.
        UnsupportedError: a model that cannot be read.
    """
    for module in own or ():
        imported(module)
    if is_model(spec):
        return read_model(spec, example_shape(shape), tokens)
    if shape is not None or tokens:
        raise kc.LoadError(
            where="--tokens" if tokens else "--shape",
            found=f"an option of models that are read, with {spec!r}",
            law="a network says itself what inputs it takes",
            remedy="leave it out",
        )
    if spec.endswith(".json"):
        return kc.Network.load(spec)
    module, colon, name = spec.partition(":")
    if not (colon and module and name) or os.sep in module or module.endswith(".py"):
        raise kc.LoadError(
            where=repr(spec),
            found="neither MODULE:NAME nor a .json file",
            law=_FORMS,
            remedy="for a Network called net in my_net.py, write my_net:net",
        )
    return _network(spec, attribute(imported(module), name))


def _network(spec: str, value: object) -> kc.Network:
    if callable(value) and not isinstance(value, kc.Layer | type):
        value = called(spec, value)
    if isinstance(value, kc.ShapedNetwork):
        value = value.network
    if not isinstance(value, kc.Network):
        raise kc.LoadError(
            where=spec,
            found=f"an object of type {type(value).__name__}",
            law="NAME is a kernelc.Network, or a function without arguments that returns one",
            remedy="end with net = kernelc.Network(x, ...) and name that",
        )
    return value
