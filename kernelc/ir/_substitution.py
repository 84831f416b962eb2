"""Symbols in the layers of a network, replaced by numbers or expressions."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Mapping
from typing import TypeAlias, TypeVar

import sympy

from .._errors import GraphError
from ._assembly import NetworkNode
from ._graph import Graph
from ._layer import Layer
from ._rule_arguments import Real


G = TypeVar("G", bound=Graph)
Values: TypeAlias = Mapping[sympy.Symbol, Real]


def substituted(network: G, values: Values) -> G:
    """`network` with the symbols in `values` replaced at the same time."""
    present = {s for node in network for s in _symbols(_fields(node.layer))}
    for symbol in values:
        if symbol not in present:
            known = ", ".join(sorted(map(str, present))) or "none"
            raise GraphError(
                where=network.name,
                found=f"a value for {symbol!r}"[:120],
                law=f"values are given to symbols of the network, here {known}",
                remedy="pass the SymPy symbol itself, with the same assumptions",
            )
        value = values[symbol]
        if isinstance(value, bool) or not isinstance(value, numbers.Real | sympy.Expr):
            # SymPy would evaluate text.
            raise _not_real(str(symbol), f"the value {value!r}")

    def change(node: NetworkNode) -> Layer:
        fields = {
            name: _replaced(value, values, f"{node.name}.{name}")
            for name, value in _fields(node.layer).items()
            if _symbols(value) & set(values)
        }
        return dataclasses.replace(node.layer, **fields) if fields else node.layer

    return network.rebuild(change)


def _fields(layer: Layer) -> dict[str, object]:
    return {field.name: getattr(layer, field.name) for field in dataclasses.fields(layer)}


def _symbols(value: object) -> set[sympy.Symbol]:
    if isinstance(value, dict | tuple):
        items = value.values() if isinstance(value, dict) else value
        return set().union(*map(_symbols, items))
    return set(getattr(value, "free_symbols", ())) if isinstance(value, sympy.Expr) else set()


def _replaced(value: object, values: Values, where: str) -> object:
    if isinstance(value, tuple):
        return tuple(_replaced(item, values, where) for item in value)
    if not _symbols(value) & set(values):
        return value
    expr: sympy.Expr = value
    result = expr.subs(dict(values), simultaneous=True)
    if not isinstance(result, sympy.Expr) or result.is_extended_real is False:
        raise _not_real(where, f"{value} that becomes {result}")
    if not result.is_number:
        return result
    if not (result.is_real and result.is_finite):
        raise _not_real(where, f"{value} that becomes {result}")
    return float(result)


def _not_real(where: str, found: str) -> GraphError:
    return GraphError(
        where=where,
        found=found[:200],
        law="fields are finite real numbers or expressions that can be",
        remedy="give the symbols other values",
    )
