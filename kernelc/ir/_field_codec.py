"""Fields of layers as JSON values and back, checked against their annotations."""

from __future__ import annotations

import dataclasses
import importlib
import json
import math
import types
from typing import Literal, NoReturn, Union, get_args, get_origin

import sympy

from .._errors import KernelcError, LoadError, UnsupportedError, shown
from .._table import Table
from ..activations import ScalarFunction, decode_expression, encode_expression
from ._field_types import field_types
from ._layer import FORMER_KINDS, KINDS, Layer


def fields_of(layer: Layer, where: str) -> dict[str, object]:
    """The fields of a layer as JSON values: tuples are lists, functions and expressions objects.

    Raises:
        UnsupportedError: a value that has no exact description.
    """
    fields = dataclasses.fields(layer)
    return {f.name: _encoded(getattr(layer, f.name), f"{where}.{f.name}") for f in fields}


class FieldReader:
    """Builds layers from JSON fields; equal functions and expressions are read once."""

    def __init__(self) -> None:
        # kernelc's own kinds register on import, and a file may be read before any was named.
        importlib.import_module("kernelc.layers")
        self._known: dict[str, object] = {}

    def layer(self, kind: object, fields: object, where: str) -> Layer:
        """The layer of this kind.

        Raises:
            LoadError: an unknown kind or field, or a value that the kind refuses.
        """
        cls = (KINDS.get(kind) or FORMER_KINDS.get(kind)) if isinstance(kind, str) else None
        if cls is None:
            raise LoadError(
                where=where,
                found=f"kind {str(kind)[:64]!r}",
                law=f"kinds are {', '.join(sorted(KINDS))}",
                remedy="a kind of your own is known once its class is defined: import its module "
                "before the file is read",
            )
        hints = field_types(cls)
        if not isinstance(fields, dict):
            _refuse(where, f"fields {str(fields)[:40]}", "fields are an object")
        unknown = [repr(name)[:40] for name in fields if name not in hints][:4]
        if unknown:
            law = f"{kind} has {', '.join(hints) or 'no fields'}"
            _refuse(where, f"fields {', '.join(unknown)}", law)
        values = {name: self._decoded(value, where) for name, value in fields.items()}
        for name, value in values.items():
            if not _fits(value, hints[name]):
                written = next(f.type for f in dataclasses.fields(cls) if f.name == name)
                _refuse(where, f"{name} = {str(value)[:80]}", f"{name} is of type {written}")
        try:
            return cls(**values)
        except KernelcError as error:
            raise LoadError(where, error.found, error.law, error.remedy) from error
        except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
            _refuse(where, f"values that {kind} refuses ({error})", "fields are those of the kind")

    def _decoded(self, value: object, where: str) -> object:
        if isinstance(value, list):
            return tuple(self._decoded(item, where) for item in value)
        if not isinstance(value, dict):
            return value
        if set(value) == {"layer"}:
            inner = value["layer"]
            if not isinstance(inner, dict) or set(inner) != {"kind", "fields"}:
                _refuse(where, f"the layer {shown(inner)}", "a layer has a kind and fields")
            return self.layer(inner["kind"], inner["fields"], where)
        text = json.dumps(value, sort_keys=True)
        if text not in self._known:
            self._known[text] = _object(value, where)
        return self._known[text]


def _encoded(value: object, where: str) -> object:
    if isinstance(value, tuple):
        return [_encoded(item, where) for item in value]
    if isinstance(value, ScalarFunction):
        return {"function": value.to_dict()}
    if isinstance(value, Table):
        return {"table": value.to_dict()}
    if isinstance(value, sympy.Expr):
        return {"expr": _exact(value, where)}
    if isinstance(value, Layer):
        return {"layer": {"kind": value.kind_name, "fields": fields_of(value, where)}}
    finite = type(value) is float and math.isfinite(value)
    if value is None or finite or type(value) in (bool, int, str):
        return value
    raise UnsupportedError(
        where=where,
        found=f"{value!r}"[:80],
        law="files hold numbers, text, tuples, tables, expressions, activations and layers",
        remedy="build the layer from such values",
    )


def _exact(expr: sympy.Expr, where: str) -> object:
    """The description of an expression that comes back equal."""
    try:
        data = encode_expression(expr, symbols=True)
        if decode_expression(data, symbols=True) == expr:
            return data
    except (KernelcError, RecursionError):
        pass
    raise UnsupportedError(
        where=where,
        found=f"the expression {str(expr)[:80]}",
        law="network files hold sums, products, powers and a few functions of symbols",
        remedy="simplify it, or give its symbols values: network.subs({symbol: value})",
    )


def _object(value: dict[str, object], where: str) -> object:
    try:
        if set(value) == {"function"}:
            return ScalarFunction.from_dict(value["function"])
        if set(value) == {"table"}:
            return Table.from_dict(value["table"])
        if set(value) == {"expr"}:
            return decode_expression(value["expr"], symbols=True)
    except LoadError as error:
        raise LoadError(where, error.found, error.law, error.remedy) from error
    _refuse(
        where,
        f"an object of {', '.join(value)}"[:120],
        "objects are a function, a table, an expr or a layer",
    )


def _fits(value: object, hint: object) -> bool:
    """Whether a decoded value has the annotated type, as far as files can tell."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, arg) for arg in args)
    if origin is Literal:
        return any(type(value) is type(arg) and value == arg for arg in args)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        wanted = args[:1] * len(value) if args[1:] == (...,) else args
        return len(wanted) == len(value) and all(map(_fits, value, wanted))
    if hint is None or hint is type(None):
        return value is None
    if hint in (bool, int, str, ScalarFunction, Table):
        return type(value) is hint
    if hint is sympy.Expr:
        return isinstance(value, sympy.Expr)
    return type(value) in (int, float) if hint is float else True


def _refuse(where: str, found: str, law: str) -> NoReturn:
    raise LoadError(where, found, law, "write the file with Network.save or Network.to_json")
