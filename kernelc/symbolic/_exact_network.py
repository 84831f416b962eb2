"""A network whose numbers are exact, so that sums and squares of them are not rounded."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TypeAlias, TypeVar, get_args

import sympy

from ..activations import ScalarFunction
from ..ir import Layer, Network, field_types
from ._exact_numbers import rational, rational_function, rationals


L = TypeVar("L", bound=Layer)
Values: TypeAlias = Mapping[sympy.Symbol, sympy.Expr]


def exact_network(network: Network, values: Values) -> Network:
    """The network with fractions and roots in place of the floats that layers may have.

    Arguments:
        network: the network.
        values: exact numbers for its symbols.

    Example:
        >>> import kernelc as kc, sympy
        >>> w, x = sympy.Symbol("w", positive=True), kc.Input((8,))
        >>> net = kc.Network(x, kc.Dense(8, weight_std=0.3 * w)(x))
        >>> exact_network(net, {w: sympy.Rational(1, 7)}).nodes[1].layer.weight_std
        3/70
    """
    specs = [(node.name, _exact_layer(node.layer, values), node.inputs) for node in network]
    return type(network).from_specs(specs, network.name)


def _exact_layer(layer: L, values: Values) -> L:
    types = field_types(type(layer))
    fields = {
        field.name: _exact(getattr(layer, field.name), types[field.name], values)
        for field in dataclasses.fields(layer)
    }
    return dataclasses.replace(layer, **fields)


def _exact(value: object, annotation: object, values: Values) -> object:
    if isinstance(value, tuple):
        return tuple(_exact(item, annotation, values) for item in value)
    if isinstance(value, ScalarFunction):
        return rational_function(value, tuple(values.items()))
    if isinstance(value, sympy.Expr):
        return rationals(value).xreplace(dict(values))
    # Layers whose fields hold no expressions compute with floats.
    return rational(value) if isinstance(value, float) and _formulas(annotation) else value


def _formulas(annotation: object) -> bool:
    """Whether a field of this type may hold an expression."""
    return annotation is sympy.Expr or any(map(_formulas, get_args(annotation)))
