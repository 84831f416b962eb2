"""Where two networks first differ, in words."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from ._assembly import NetworkNode
    from ._network import Network

_LONGEST = 80
_ABSENT = "no such node"


def first_difference(one: Network, other: Network) -> tuple[str, str, str] | None:
    """The first node at which networks differ, and what each has there; None for equal ones.

    Their own names do not count. Nodes are compared in order: names, kinds, fields, what they
    read, shapes.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((8,))
        >>> first_difference(kc.Network(x, kc.Dense(3)(x)), kc.Network(x, kc.Dense(4)(x)))
        ("node 'dense_1'", 'width = 3', 'width = 4')
    """
    for a, b in zip(one.nodes, other.nodes, strict=False):
        if a.name != b.name:
            return f"node {a.index}", f"the name {a.name!r}", f"the name {b.name!r}"
        found = _unlike(one, a, other, b)
        if found is not None:
            return f"node {a.name!r}", *found
    common = min(len(one), len(other))
    for node in one.nodes[common:]:
        return f"node {node.name!r}", node.layer.text()[:_LONGEST], _ABSENT
    for node in other.nodes[common:]:
        return f"node {node.name!r}", _ABSENT, node.layer.text()[:_LONGEST]
    return None


def _unlike(one: Network, a: NetworkNode, other: Network, b: NetworkNode) -> tuple[str, str] | None:
    if type(a.layer) is not type(b.layer):
        return a.layer.text()[:_LONGEST], b.layer.text()[:_LONGEST]
    for field in dataclasses.fields(a.layer):
        values = [getattr(node.layer, field.name) for node in (a, b)]
        if values[0] != values[1]:
            return _told(field.name, values[0]), _told(field.name, values[1])
    read = [tuple(net.nodes[i].name for i in node.inputs) for net, node in ((one, a), (other, b))]
    if read[0] != read[1]:
        return _told("inputs", read[0]), _told("inputs", read[1])
    if a.shape != b.shape:
        return _told("shape", a.shape), _told("shape", b.shape)
    return None


def _told(name: str, value: object) -> str:
    return f"{name} = {value!r}"[:_LONGEST]
