"""Networks as JSON: exact, versioned, and read back without evaluating anything."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any, NoReturn

import sympy

from .._errors import KernelcError, LoadError, UnsupportedError
from ..activations import ScalarFunction, X, decode_expression, encode_expression
from ._layer import Layer


FORMAT = "kernelc.network"
VERSION = 1
LONGEST_TEXT = 64 * 2**20
"""Characters of JSON that are read at most."""

_ASSUMPTIONS = ("positive", "nonnegative", "real")

Specs = list[tuple[str, Layer, tuple[int, ...]]]


def dump(name: str, specs: Specs) -> str:
    """The JSON text of a network given as (name, layer, input indices)."""
    nodes = [
        {
            "name": node,
            "kind": type(layer).__name__,
            "fields": {
                field.name: _encoded(node, getattr(layer, field.name))
                for field in dataclasses.fields(layer)
            },
            "inputs": list(inputs),
        }
        for node, layer, inputs in specs
    ]
    document = {"format": FORMAT, "version": VERSION, "name": name, "nodes": nodes}
    return json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False)


def parse(text: str) -> tuple[str, Specs]:
    """The name and specs of a network in JSON.

    Raises:
        LoadError: anything `dump` would not write: broken or oversized text, another format or
            version, unknown kinds and fields, values of wrong types.
    """
    document = _document(text)
    nodes = document["nodes"]
    return document["name"], [_node(item, index) for index, item in enumerate(nodes)]


def _document(text: str) -> dict[str, Any]:
    if not isinstance(text, str) or len(text) > LONGEST_TEXT:
        size = f"{len(text):,} characters" if isinstance(text, str) else type(text).__name__
        _refuse("network file", size, f"a network is text of at most {LONGEST_TEXT:,} characters")
    try:
        document = json.loads(text, parse_constant=_not_finite)
    except RecursionError:
        _refuse("network file", "JSON nested too deeply", "networks nest a few levels")
    except ValueError as error:
        _refuse("network file", f"broken JSON ({error})", "a network file is one JSON object")
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        _refuse("network file", "another kind of JSON", f'its "format" is "{FORMAT}"')
    if document.get("version") != VERSION:
        found = f"version {document.get('version')!r}"
        _refuse("network file", found, f"this kernelc reads version {VERSION}")
    if set(document) != {"format", "version", "name", "nodes"}:
        found = f"entries {', '.join(sorted(map(str, document)))}"
        _refuse("network file", found, "a network has a format, a version, a name and nodes")
    if not isinstance(document["name"], str) or not isinstance(document["nodes"], list):
        _refuse("network file", "a name or nodes of the wrong type", "nodes are a list")
    return document


def _node(item: Any, index: int) -> tuple[str, Layer, tuple[int, ...]]:
    where = f"nodes[{index}]"
    if not isinstance(item, dict) or set(item) != {"name", "kind", "fields", "inputs"}:
        _refuse(where, "a malformed node", "a node has a name, a kind, fields and inputs")
    name, inputs = item["name"], item["inputs"]
    if not isinstance(name, str) or not name:
        _refuse(where, f"name {name!r}", "names are non-empty strings")
    if not isinstance(inputs, list) or any(type(i) is not int for i in inputs):
        _refuse(name, f"inputs {inputs!r}", "inputs are a list of node indices")
    if any(not 0 <= i < index for i in inputs):
        _refuse(name, f"inputs {inputs}", f"node {index} reads only nodes before it: no cycles")
    return name, _layer(name, item["kind"], item["fields"]), tuple(inputs)


def _layer(name: str, kind: Any, fields: Any) -> Layer:
    known = Layer.kinds.get(kind) if isinstance(kind, str) else None
    if known is None:
        law = f"kinds are {', '.join(sorted(Layer.kinds))}"
        _refuse(name, f"kind {str(kind)[:64]!r}", law)
    wanted = {field.name for field in dataclasses.fields(known)}
    if not isinstance(fields, dict) or not set(fields) <= wanted:
        _refuse(name, "fields of another kind", f"{kind} has {', '.join(sorted(wanted)) or 'none'}")
    values = {field: _decoded(name, value) for field, value in fields.items()}
    try:
        return known(**values)
    except (TypeError, ValueError, AttributeError) as error:
        _refuse(name, f"values that {kind} refuses ({error})", "fields have the types of the kind")


def _encoded(node: str, value: Any) -> Any:
    if isinstance(value, ScalarFunction):
        return {"function": value.to_dict()}
    if isinstance(value, tuple):
        return [_encoded(node, item) for item in value]
    if isinstance(value, sympy.Expr):
        return _encoded_expression(node, value)
    return value


def _encoded_expression(node: str, value: sympy.Expr) -> dict[str, Any]:
    symbols = sorted(value.free_symbols, key=str)
    if len(symbols) > 1:
        raise UnsupportedError(
            where=node,
            found=f"a weight in several symbols, {value}",
            law="network files hold expressions in one symbol",
            remedy="give all but one of them a value: network.subs({symbol: value})",
        )
    if not symbols:
        return {"expr": encode_expression(value)}
    symbol = symbols[0]
    assumed = next((a for a in _ASSUMPTIONS if getattr(symbol, f"is_{a}")), None)
    return {
        "expr": encode_expression(value.xreplace({symbol: X})),
        "symbol": [symbol.name, assumed],
    }


def _decoded(node: str, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_decoded(node, item) for item in value)
    if isinstance(value, dict):
        return _decoded_object(node, value)
    if isinstance(value, float) and not math.isfinite(value):
        _refuse(node, "a number that is not finite", "numbers are finite")
    return value


def _decoded_object(node: str, value: dict[str, Any]) -> Any:
    if set(value) == {"function"}:
        return ScalarFunction.from_dict(value["function"])
    if set(value) == {"expr"}:
        return decode_expression(value["expr"])
    if set(value) == {"expr", "symbol"}:
        spec = value["symbol"]
        known = isinstance(spec, list) and len(spec) == 2 and isinstance(spec[0], str)
        if known and spec[1] in (None, *_ASSUMPTIONS):
            assumptions = {} if spec[1] is None else {spec[1]: True}
            symbol = sympy.Symbol(spec[0], **assumptions)
            return decode_expression(value["expr"]).xreplace({X: symbol})
    _refuse(node, "an object that is no function or expression", "fields hold plain values")


def _not_finite(token: str) -> NoReturn:
    raise ValueError(f"{token} is not a number")


def _refuse(where: str, found: str, law: str) -> NoReturn:
    error: type[KernelcError] = LoadError
    raise error(
        where=where,
        found=found,
        law=law,
        remedy="write the file with Network.save or Network.to_json",
    )
