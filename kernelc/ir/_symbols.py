"""Symbols in the layers of a network: which there are, and who may take a network that has some."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import sympy

from .._errors import KernelcError
from .._needs_number import needs_number
from ..activations import ScalarFunction
from ._assembly import NetworkNode
from ._layer import Layer
from ._rule_arguments import Shapes


def fields_of_layer(layer: Layer) -> dict[str, object]:
    """The fields of a layer by name."""
    return {field.name: getattr(layer, field.name) for field in dataclasses.fields(layer)}


def symbols_in(value: object) -> set[sympy.Symbol]:
    """Symbols of a field: in expressions, and in what holds them."""
    if isinstance(value, Layer):
        return symbols_in(fields_of_layer(value))
    if isinstance(value, ScalarFunction):
        return set(value.symbols)
    if isinstance(value, dict | tuple):
        items = value.values() if isinstance(value, dict) else value
        return set().union(*map(symbols_in, items))
    return set(getattr(value, "free_symbols", ())) if isinstance(value, sympy.Expr) else set()


def symbols_of(nodes: Iterable[NetworkNode]) -> dict[sympy.Symbol, str]:
    """The symbols of some nodes, and the first node that has each."""
    found: dict[sympy.Symbol, str] = {}
    for node in nodes:
        for symbol in sorted(symbols_in(node.layer), key=str):
            found.setdefault(symbol, node.name)
    return found


def depths_of(nodes: Iterable[NetworkNode]) -> set[sympy.Symbol]:
    """The symbols that say how often a block is applied, those of blocks in blocks among them."""
    return set().union(*(_depths(node.layer, node.in_shapes) for node in nodes))


def _depths(layer: Layer, shapes: Shapes) -> set[sympy.Symbol]:
    found = layer.repetition(shapes)
    if found is None:
        return set()
    # A block has the same nodes for every shape.
    inside = (_depths(each, ((1,),)) for _, each, _ in found.specs)
    return symbols_in(found.times).union(*inside)


def require_numbers(
    nodes: Iterable[NetworkNode], what: str, error: type[KernelcError] = KernelcError
) -> None:
    """Raise `error` where a node has a symbol."""
    for symbol, name in symbols_of(nodes).items():
        raise needs_number(name, symbol, what, error)
