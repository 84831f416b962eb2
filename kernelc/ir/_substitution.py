"""Symbols in the layers of a network, replaced by numbers or expressions."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Mapping, Sequence
from typing import TypeAlias, TypeVar

import sympy

from .._errors import GraphError
from .._limits import MOST_NODES
from ..activations import ScalarFunction
from ._assembly import Spec, specs_with_new_names
from ._graph import Graph
from ._layer import Layer, Repetition
from ._rule_arguments import Real
from ._symbols import fields_of_layer, symbols_in, symbols_of


L = TypeVar("L", bound=Layer)
Values: TypeAlias = Mapping[sympy.Symbol, Real]


def substituted(network: Graph, values: Values) -> list[Spec]:
    """The specs of `network` with the symbols in `values` replaced at the same time; a block whose
    number of times becomes an integer is written out."""
    known = _checked(network, values)
    layers = [with_values(node.layer, known, node.name) for node in network]
    specs = [(node.name, layer, node.inputs) for node, layer in zip(network, layers, strict=True)]
    blocks = [layer.repetition(node.in_shapes) for node, layer in zip(network, layers, strict=True)]
    return written_out(specs, blocks)


def written_out(specs: Sequence[Spec], blocks: Sequence[Repetition | None]) -> list[Spec]:
    """Specs with blocks in place of what stands for them some known number of times.

    Nodes without a name of their own are then numbered anew.

    Arguments:
        specs: the specs.
        blocks: for each what it stands for, or None.
    """
    known = [block is not None and isinstance(block.times, int) for block in blocks]
    if not any(known):
        return [*specs]
    found: list[Spec] = []
    place: list[int] = []
    for (name, layer, inputs), block in zip(specs, blocks, strict=True):
        inputs = tuple(place[i] for i in inputs)
        if block is not None and isinstance(block.times, int):
            place.append(_append(found, block.specs, block.times, inputs[0]))
        else:
            found.append((name, layer, inputs))
            place.append(len(found) - 1)
    return specs_with_new_names(found)


def _append(specs: list[Spec], block: Sequence[Spec], times: int, entry: int) -> int:
    """Append a block some times; the index of its output."""
    for _ in range(times):
        start = len(specs) - 1
        specs += [
            (name, layer, tuple(entry if i == 0 else start + i for i in inputs))
            for name, layer, inputs in block[1:]
        ]
        entry = len(specs) - 1
        if entry >= MOST_NODES:
            raise GraphError(
                where="network",
                found=f"{times:,} times a block of {len(block) - 1:,} nodes",
                law=f"a network has at most {MOST_NODES:,} nodes",
                remedy="give the depth a smaller number",
            )
    return entry


def _checked(network: Graph, values: Values) -> Values:
    """The values by the symbols that the network has."""
    present = symbols_of(network)
    # A depth became a positive integer, whatever the symbol it was given as.
    counts = {s.name: s for s in present if s.is_integer and s.is_positive}
    found: dict[sympy.Symbol, Real] = {}
    for given, value in values.items():
        same = {given, counts.get(getattr(given, "name", ""), given)} & set(present)
        if not same:
            known = ", ".join(sorted(map(str, present))) or "none"
            raise GraphError(
                where=network.name,
                found=f"a value for {given!r}"[:120],
                law=f"values are given to symbols of the network, here {known}",
                remedy="pass the SymPy symbol itself, with the same assumptions",
            )
        if isinstance(value, bool) or not isinstance(value, numbers.Real | sympy.Expr):
            # SymPy would evaluate text.
            raise _not_real(str(given), f"the value {value!r}")
        found |= dict.fromkeys(same, value)
    return found


def with_values(layer: L, values: Values, where: str) -> L:
    """A layer with the symbols of its fields replaced."""
    fields = {
        name: _replaced(value, values, f"{where}.{name}")
        for name, value in fields_of_layer(layer).items()
        if symbols_in(value) & set(values)
    }
    return dataclasses.replace(layer, **fields) if fields else layer


def _replaced(value: object, values: Values, where: str) -> object:
    if isinstance(value, Layer):
        return with_values(value, values, where)
    if isinstance(value, ScalarFunction):
        return value.subs(values)
    if isinstance(value, tuple):
        return tuple(_replaced(item, values, where) for item in value)
    if not isinstance(value, sympy.Expr) or not symbols_in(value) & set(values):
        return value
    expr: sympy.Expr = value
    result = expr.subs(dict(values), simultaneous=True)
    if not isinstance(result, sympy.Expr) or result.is_extended_real is False:
        raise _not_real(where, f"{value} that becomes {result}")
    if not result.is_number:
        return result
    if not (result.is_real and result.is_finite):
        raise _not_real(where, f"{value} that becomes {result}")
    return int(result) if _counts(value) and result == int(result) else float(result)


def _counts(value: sympy.Expr) -> bool:
    """Whether a field is one symbol for an integer, such as a depth."""
    return value.is_Symbol and value.is_integer is True


def _not_real(where: str, found: str) -> GraphError:
    return GraphError(
        where=where,
        found=found[:200],
        law="fields are finite real numbers or expressions that can be",
        remedy="give the symbols other values",
    )
