"""Networks as JSON: exact, versioned, and read back without evaluating anything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import NoReturn, NotRequired, TypedDict, cast

from .._errors import LoadError, shown
from .._limits import LONGEST_TEXT, MOST_NODES
from ._assembly import Spec
from ._field_codec import FieldReader, fields_of
from ._strict_json import strict_json


FORMAT = "kernelc.network"
VERSION = 1
_LONGEST_SEAL = 1000
_REMEDY = "write the file with Network.save or Network.to_json"


class Entry(TypedDict):
    """A node in a file."""

    name: str
    kind: str
    inputs: list[int]
    fields: dict[str, object]


class _Document(TypedDict):
    name: str
    nodes: list[Entry]
    shaped: NotRequired[object]


def dump(name: str, specs: Sequence[Spec], shaped_by: str | None = None) -> str:
    """The JSON text of a network given as (name, layer, input indices), one node a line."""
    nodes: list[Entry] = [
        {
            "name": node,
            "kind": layer.kind_name,
            "inputs": list(inputs),
            "fields": fields_of(layer, node),
        }
        for node, layer, inputs in specs
    ]
    head: dict[str, object] = {"format": FORMAT, "version": VERSION, "name": name}
    if shaped_by is not None:
        head["shaped"] = seal(shaped_by, nodes)
    body = ",\n".join(f"  {json.dumps(node, allow_nan=False)}" for node in nodes)
    return f'{json.dumps(head)[:-1]}, "nodes": [\n{body}\n]}}\n'


def parse(text: str) -> tuple[str, list[Spec], str | None]:
    """The name, the specs and, for shaped networks, the target of a network in JSON.

    Raises:
        LoadError: anything `dump` would not write: broken or oversized text, another format or
            version, unknown kinds and fields, values of wrong types, references forward, constants
            that were solved for other layers.
    """
    document = _document(text)
    reader = FieldReader()
    nodes = document["nodes"]
    specs = [_node(reader, item, i) for i, item in enumerate(nodes)]
    shaped = document.get("shaped")
    return document["name"], specs, None if shaped is None else opened(shaped, nodes)


def _document(text: str) -> _Document:
    if not isinstance(text, str) or len(text) > LONGEST_TEXT:
        size = f"{len(text):,} characters" if isinstance(text, str) else type(text).__name__
        _refuse("network file", size, f"a network is text of at most {LONGEST_TEXT:,} characters")
    document = strict_json(text, "network file", "a network file is one JSON object", _REMEDY)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        _refuse("network file", "another kind of JSON", f'its "format" is "{FORMAT}"')
    version = document.get("version")
    if type(version) is not int or version != VERSION:
        _refuse("network file", f"version {shown(version)}", f"this kernelc reads {VERSION}")
    if set(document) - {"shaped"} != {"format", "version", "name", "nodes"}:
        found = f"entries {', '.join(sorted(map(str, document)))}"[:120]
        _refuse("network file", found, "a network has a format, a version, a name and nodes")
    if not isinstance(document["name"], str) or not isinstance(document["nodes"], list):
        _refuse("network file", "a name or nodes of the wrong type", "nodes are a list")
    if len(document["nodes"]) > MOST_NODES:
        found = f"{len(document['nodes']):,} nodes"
        _refuse("network file", found, f"a network file has at most {MOST_NODES:,} nodes")
    return cast("_Document", document)


def _node(reader: FieldReader, item: object, index: int) -> Spec:
    where = f"nodes[{index}]"
    if not isinstance(item, dict) or set(item) != {"name", "kind", "fields", "inputs"}:
        _refuse(where, "a malformed node", "a node has a name, a kind, fields and inputs")
    name, inputs = item["name"], item["inputs"]
    if not isinstance(name, str) or not name:
        _refuse(where, f"name {shown(name, 40)}", "names are non-empty strings")
    where = f"{where} {name[:80]!r}"
    if not isinstance(inputs, list) or any(type(i) is not int for i in inputs):
        _refuse(where, f"inputs {shown(inputs)}", "inputs are a list of node indices")
    if any(not 0 <= i < index for i in inputs):
        law = f"node {index} reads only nodes before it, so there are no cycles"
        _refuse(where, f"inputs {shown(inputs)}", law)
    return name, reader.layer(item["kind"], item["fields"], where), tuple(inputs)


def _refuse(where: str, found: str, law: str) -> NoReturn:
    raise LoadError(where, found, law, _REMEDY)


def seal(shaped_by: str, nodes: Sequence[Entry]) -> dict[str, object]:
    """The entry "shaped" of a file: the target, the activations, a digest of the layers."""
    return {"by": shaped_by, "activations": _activations(nodes), "digest": _digest(nodes)}


def opened(entry: object, nodes: Sequence[Entry]) -> str:
    """The target of a sealed file, once its layers are known to be those it was solved for.

    Raises:
        LoadError: other layers than the constants were solved for, or a malformed entry.
    """
    if not isinstance(entry, dict) or set(entry) != {"by", "activations", "digest"}:
        _refuse_seal("a malformed entry", "it has a target (by), activations and a digest")
    by, activations, digest = entry["by"], entry["activations"], entry["digest"]
    texts = [digest, *(activations if isinstance(activations, list) else [None])]
    short = all(isinstance(text, str) and len(text) <= _LONGEST_SEAL for text in texts)
    if not (short and isinstance(by, str)):
        _refuse_seal(
            "a malformed entry", "the target is a text, activations and digest are short ones"
        )
    if digest == _digest(nodes):
        return by
    now = _activations(nodes)
    found = "other layers, inputs or constants than those that were solved for"
    if now != activations:
        found = f"activations {_listed(now)} with constants solved for {_listed(activations)}"
    _refuse_seal(found, f"the constants of {by[:80]} hold for the layers they were solved for")


def _digest(nodes: Sequence[Entry]) -> str:
    layers = [[node["kind"], node["inputs"], node["fields"]] for node in nodes]
    text = json.dumps(layers, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _activations(nodes: Sequence[Entry]) -> list[str]:
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


def _refuse_seal(found: str, law: str) -> NoReturn:
    raise LoadError(
        where='network file, entry "shaped"',
        found=found,
        law=law,
        remedy='shape the network again, or take the entry "shaped" out to keep the numbers as '
        "they stand",
    )
