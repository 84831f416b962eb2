"""A network whose numbers are exact, so that sums and squares of them are not rounded."""

from __future__ import annotations

import dataclasses
from typing import TypeVar

from ..ir import Layer, Network
from ._exact_numbers import rational


L = TypeVar("L", bound=Layer)


def exact_network(network: Network) -> Network:
    """The network with fractions and roots in place of the floats that layers may have.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((8,))
        >>> exact_network(kc.Network(x, kc.Dense(8, weight_std=0.3)(x))).nodes[1].layer.weight_std
        3/10
    """
    specs = [(node.name, _exact_layer(node.layer), node.inputs) for node in network]
    return type(network).from_specs(specs, network.name)


def _exact_layer(layer: L) -> L:
    # Fields of other types stay: their layers compute with floats.
    fields = {
        field.name: _exact(getattr(layer, field.name))
        for field in dataclasses.fields(layer)
        if "Real" in str(field.type)
    }
    return dataclasses.replace(layer, **fields) if fields else layer


def _exact(value: object) -> object:
    if isinstance(value, tuple):
        return tuple(map(_exact, value))
    return rational(value) if isinstance(value, float) else value
