"""A kernel from JSON: its network derived anew, and the same changes made to the formulas."""

from __future__ import annotations

import json
from typing import Any

import sympy

from .._errors import LoadError, shown
from .._limits import LONGEST_TEXT
from ..activations import decode_expression
from ..ir import Network, strict_json
from ._derive import derive
from ._kernel import Kernel
from ._kernel_json import FORMAT, VERSION, refusal


_MOST_CHANGES = 1000
_ENTRIES = {"format", "version", "q", "changes", "network"}


def kernel_from_json(text: str) -> Kernel:
    """Read what `Kernel.to_json` wrote; nothing in the text is evaluated.

    The formulas are derived anew from the network, so no file can hold others than its own.

    Arguments:
        text: the text.

    Raises:
        LoadError: text that is no such JSON, of another version, or with malformed expressions.
        KernelcError: a network or a replacement that breaks a law, as `derive` and `subs`.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((8,))
        >>> kernel = kc.derive(kc.Network(x, kc.chain(kc.Dense(9), kc.Activation("erf"))(x)))
        >>> again = kc.kernel_from_json(kernel.subs(kernel.q, 2).to_json())
        >>> again.nngp == kernel.nngp.subs(kernel.q, 2)
        True
    """
    document = _document(text)
    network = Network.from_json(json.dumps(document["network"]))
    q = document["q"]
    kernel = derive(network, None if q is None else _expression(q, "q"))
    for i, change in enumerate(document["changes"]):
        kernel = _changed(kernel, change, f"changes[{i}]")
    return kernel


def _document(text: str) -> dict[str, Any]:
    if not isinstance(text, str) or len(text) > LONGEST_TEXT:
        size = f"{len(text):,} characters" if isinstance(text, str) else type(text).__name__
        raise refusal(size, f"a kernel is text of at most {LONGEST_TEXT:,} characters")
    remedy = "write the text with Kernel.to_json"
    document = strict_json(text, "kernel file", "a kernel file is one JSON object", remedy)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise refusal("another kind of JSON", f'its "format" is "{FORMAT}"')
    version = document.get("version")
    if type(version) is not int or version != VERSION:
        raise refusal(f"version {shown(version)}", f"this kernelc reads {VERSION}")
    if set(document) != _ENTRIES:
        raise refusal(
            f"entries {', '.join(sorted(map(str, document)))}",
            "a kernel has a format, a version, q, changes and a network",
        )
    changes = document["changes"]
    if not isinstance(changes, list) or len(changes) > _MOST_CHANGES:
        raise refusal("changes of another type or number", f"they are at most {_MOST_CHANGES:,}")
    return document


def _changed(kernel: Kernel, change: object, where: str) -> Kernel:
    if change == {"expand": True}:
        return kernel.expand()
    law = "a change is an expansion, or pairs of what is replaced and by what"
    if not isinstance(change, dict) or set(change) != {"subs", "ordered"}:
        raise refusal(f"{shown(change)}", law, where)
    pairs, ordered = change["subs"], change["ordered"]
    if type(ordered) is not bool or not isinstance(pairs, list):
        raise refusal(f"{shown(change)}", law, where)
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise refusal(f"{shown(pairs)}", law, where)
    decoded = [(_expression(old, where), _expression(new, where)) for old, new in pairs]
    return kernel.subs(decoded if ordered else dict(decoded))


def _expression(data: object, where: str) -> sympy.Expr:
    try:
        return decode_expression(data, symbols=True)
    except LoadError as error:
        raise refusal(error.found, error.law, where) from error
