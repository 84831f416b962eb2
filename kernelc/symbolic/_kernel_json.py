"""Kernels as JSON: the network, the q value and what was done to the formulas since."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import sympy

from .._errors import KernelcError, LoadError, UnsupportedError
from ..activations import encode_expression
from ._formulas import Change, Formulas


FORMAT = "kernelc.kernel"
VERSION = 1


def dump(kernel: Formulas) -> str:
    """The JSON text of a kernel.

    Raises:
        UnsupportedError: a formula among the replacements that has no exact description.
    """
    q = kernel.symbols.q
    document = {
        "format": FORMAT,
        "version": VERSION,
        "q": None if q.is_Symbol else _encoded(q),
        "changes": [_change(change) for change in kernel.changes],
        "network": json.loads(kernel.network.to_json()),
    }
    return json.dumps(document, allow_nan=False, indent=1) + "\n"


def _change(change: Change) -> dict[str, object]:
    if change is None:
        return {"expand": True}
    ordered, pairs = _pairs(change)
    encoded = [[_encoded(old), _encoded(new)] for old, new in pairs]
    return {"subs": encoded, "ordered": ordered}


def _pairs(values: tuple[Any, ...]) -> tuple[bool, Iterable[tuple[Any, Any]]]:
    """Whether replacements are made in their order, and the replacements."""
    if len(values) == 2:
        return True, [values]
    (given,) = values
    return (False, given.items()) if isinstance(given, Mapping) else (True, given)


def _encoded(value: object) -> object:
    expr = sympy.sympify(value)
    try:
        return encode_expression(expr, symbols=True)
    except (KernelcError, RecursionError) as error:
        raise UnsupportedError(
            where="Kernel.to_json",
            found=f"the replacement {expr}"[:120],
            law="files hold sums, products, powers and a few functions of symbols",
            remedy="replace symbols by such expressions, or write the kernel before subs",
        ) from error


def refusal(found: str, law: str, where: str = "kernel file") -> LoadError:
    """The error for a text that `dump` would not write."""
    return LoadError(where, found[:120], law, "write the text with Kernel.to_json")
