"""From nodes to an ordered list of named specs, and the laws such a list keeps."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence

from .._errors import GraphError
from ._layer import Layer, Shape
from ._node import Node


Spec = tuple[str, Layer, tuple[int, ...]]
"""Name, layer and the indices of the nodes it reads."""


@dataclasses.dataclass(frozen=True)
class Placed:
    """A node of a network: its place, its name, its layer, what it reads, its shape."""

    index: int
    name: str
    layer: Layer
    inputs: tuple[int, ...]
    shape: Shape


def specs_of(name: str, x: Node, output: Node) -> list[Spec]:
    """The specs of what `output` depends on, in topological order."""
    order = _topological(output)
    _check_input(name, x, order)
    names = _node_names(order)
    index = {node: i for i, node in enumerate(order)}
    return [
        (names[i], node.layer, tuple(index[parent] for parent in node.inputs))
        for i, node in enumerate(order)
    ]


def _topological(output: Node) -> list[Node]:
    """Post-order without recursion: chains may be 10,000 layers deep."""
    order: list[Node] = []
    done: set[Node] = set()
    stack: list[tuple[Node, int]] = [(output, 0)]
    while stack:
        node, next_input = stack.pop()
        if node in done:
            continue
        if next_input < len(node.inputs):
            stack.append((node, next_input + 1))
            stack.append((node.inputs[next_input], 0))
        else:
            done.add(node)
            order.append(node)
    return order


def _check_input(name: str, x: Node, order: Sequence[Node]) -> None:
    """Raise `GraphError` unless every path to the output starts at `x`."""
    inputs = [node for node in order if not node.inputs]
    if len(inputs) != 1 or inputs[0] is not x:
        found = ", ".join(repr(node) for node in inputs[:4] if node is not x)
        raise GraphError(
            where=name,
            found=f"the output depends on {found or 'no input'}, not on x alone",
            law="a network has exactly one input, the first argument",
            remedy="pass the node that every path starts from, and cut other inputs",
        )


def _node_names(order: Sequence[Node]) -> list[str]:
    """The names given, and for other nodes their kind and a number."""
    taken: set[str] = set()
    for node in order:
        if node.name is None:
            continue
        if node.name in taken:
            raise GraphError(
                where=node.name,
                found="two nodes of this name",
                law="names are unique in a network",
                remedy="rename one, or leave the name out to have one made",
            )
        taken.add(node.name)
    counts: dict[str, int] = {}
    names = []
    for node in order:
        name = node.name
        while name is None or (node.name is None and name in taken):
            kind = snake(type(node.layer).__name__)
            counts[kind] = counts.get(kind, 0) + 1
            name = "input" if not node.inputs and counts[kind] == 1 else f"{kind}_{counts[kind]}"
        taken.add(name)
        names.append(name)
    return names


def snake(kind: str) -> str:
    """`WeightedSum` -> `weighted_sum`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind).lower()


def check_specs(name: str, specs: Sequence[Spec]) -> None:
    """The laws that building from nodes keeps by construction."""
    names = [node for node, _, _ in specs]
    repeated = [node for node, count in Counter(names).items() if count > 1]
    starts = [node for node, layer, inputs in specs if not inputs or layer.arity == 0]
    read = {i for _, _, inputs in specs for i in inputs}
    unread = [names[i] for i in range(len(specs) - 1) if i not in read]
    problem = None
    if len(starts) != 1:
        problem = f"{len(starts)} node(s) without inputs", "a network starts at its one Input"
    elif specs[0][2] or specs[0][1].arity != 0:
        problem = f"{specs[0][1].text()} as first node", "a network starts at its one Input"
    elif repeated:
        problem = f"several nodes called {repeated[0]!r}", "names are unique in a network"
    elif unread:
        problem = f"node {unread[0]!r} that nothing reads", "every node leads to the output"
    else:
        for i, (node, layer, inputs) in enumerate(specs):
            arity = layer.arity
            if any(not 0 <= j < i for j in inputs):
                problem = f"node {node!r} reading a node after it", "a network has no cycles"
            elif arity is not None and len(inputs) != arity:
                problem = f"{len(inputs)} inputs of node {node!r}", f"its kind takes {arity}"
    if problem is not None:
        raise GraphError(
            where=name,
            found=problem[0],
            law=problem[1],
            remedy="build the network from layers called on nodes",
        )


def place(specs: Sequence[Spec]) -> tuple[Placed, ...]:
    """Every shape from the input on; raises `ShapeError` where a layer refuses one."""
    nodes: list[Placed] = []
    for index, (name, layer, inputs) in enumerate(specs):
        shapes = [nodes[i].shape for i in inputs]
        nodes.append(Placed(index, name, layer, inputs, layer.out_shape(shapes, name)))
    return tuple(nodes)
