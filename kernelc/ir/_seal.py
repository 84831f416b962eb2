"""What a shaped network's file says about its constants: which layers they were solved for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NoReturn

from .._errors import LoadError


_LONGEST = 1000
Node = dict[str, Any]


def seal(shaped_by: str, nodes: Sequence[Node]) -> dict[str, Any]:
    """The entry "shaped" of a file: the target, the activations, a digest of the layers."""
    return {"by": shaped_by, "activations": _activations(nodes), "digest": _digest(nodes)}


def opened(entry: object, nodes: Sequence[Node]) -> str:
    """The target of a sealed file, once its layers are known to be those it was solved for.

    Raises:
        LoadError: other layers than the constants were solved for, or a malformed entry.
    """
    if not isinstance(entry, dict) or set(entry) != {"by", "activations", "digest"}:
        _refuse("a malformed entry", "it has a target (by), activations and a digest")
    by, activations, digest = entry["by"], entry["activations"], entry["digest"]
    texts = [by, digest, *(activations if isinstance(activations, list) else [None])]
    if not all(isinstance(text, str) and len(text) <= _LONGEST for text in texts):
        _refuse("a malformed entry", "target, activations and digest are short texts")
    if digest == _digest(nodes):
        return by
    now = _activations(nodes)
    found = "other layers, inputs or constants than those that were solved for"
    if now != activations:
        found = f"activations {_listed(now)} with constants solved for {_listed(activations)}"
    _refuse(found, f"the constants of {by[:80]} hold for the layers they were solved for")


def _digest(nodes: Sequence[Node]) -> str:
    layers = [[node["kind"], node["inputs"], node["fields"]] for node in nodes]
    text = json.dumps(layers, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _activations(nodes: Sequence[Node]) -> list[str]:
    """Names of the distinct activations, in the order of the nodes."""
    names = dict.fromkeys(_name(node["fields"].get("function")) for node in nodes)
    return [name for name in names if name is not None]


def _name(field: object) -> str | None:
    description = field.get("function") if isinstance(field, dict) else None
    while isinstance(description, dict) and "transformed" in description:
        description = description["transformed"]
    name = description.get("name") if isinstance(description, dict) else None
    return name if isinstance(name, str) else None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:8])[:80] or "none"


def _refuse(found: str, law: str) -> NoReturn:
    raise LoadError(
        where='network file, entry "shaped"',
        found=found,
        law=law,
        remedy='shape the network again, or take the entry "shaped" out to keep the numbers as '
        "they stand",
    )
