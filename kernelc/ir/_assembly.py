"""From nodes to an ordered list of named specs, and the laws such a list keeps."""

from __future__ import annotations

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import cached_property

from .._errors import GraphError, ShapeError, shown
from .._limits import LARGEST_AXIS, LARGEST_VALUE, MOST_AXES, MOST_NODES, NAMES, bad_name
from ._layer import Layer, Node, Spec as Spec
from ._rule_arguments import Shape, Site


@dataclasses.dataclass(frozen=True)
class NetworkNode:
    """A node of a network: its place, its name, its layer, what it reads, and the shapes."""

    index: int
    name: str
    layer: Layer
    inputs: tuple[int, ...]
    shape: Shape
    in_shapes: tuple[Shape, ...]

    @cached_property
    def site(self) -> Site:
        """Where its kernel rule is applied."""
        return Site(self.name, self.in_shapes, self.shape)


def specs_of(name: str, x: Node, output: Node) -> list[Spec]:
    """The specs of what `output` depends on, in topological order."""
    check_name("Network", name)
    order = _topological(name, output)
    _check_input(name, x, order)
    names = _node_names(order)
    index = {node: i for i, node in enumerate(order)}
    return [
        (names[i], node.layer, tuple(index[parent] for parent in node.inputs))
        for i, node in enumerate(order)
    ]


def specs_with_new_names(specs: Sequence[Spec]) -> list[Spec]:
    """The specs, those that have no name of their own numbered anew.

    A name was made if it is a kind and a number, or a role and a number that several nodes have:
    a block with nodes of its own names is written out more than once.
    """
    counts = Counter(name for name, _, _ in specs)
    nodes: list[Node] = []
    for name, layer, inputs in specs:
        made = re.fullmatch(r"(.+)_\d+", name)
        read = tuple(nodes[i] for i in inputs)
        if made and (counts[name] > 1 or made[1] == snake(type(layer).__name__)):
            nodes.append(Node(layer, read, role=made[1]))
        else:
            nodes.append(Node(layer, read, name))
    return [(name, *spec[1:]) for name, spec in zip(_node_names(nodes), specs, strict=True)]


def check_name(where: str, name: object) -> None:
    """Raise `GraphError` unless networks and nodes may be called this."""
    if (problem := bad_name(name)) is not None:
        raise GraphError(where=where, found=problem, law=NAMES, remedy="choose a short plain name")


def _topological(name: str, output: Node) -> list[Node]:
    """Post-order without recursion: chains may be 10,000 layers deep."""
    order: list[Node] = []
    state: dict[Node, bool] = {}
    stack: list[tuple[Node, int]] = [(output, 0)]
    while stack:
        node, next_input = stack.pop()
        if state.get(node) is True:
            continue
        if next_input == 0 and state.get(node) is False:
            raise _graph_error(name, f"{shown(node)} that reads itself", "a network has no cycles")
        state[node] = next_input == len(node.inputs)
        if state[node]:
            order.append(node)
        else:
            stack.append((node, next_input + 1))
            stack.append((node.inputs[next_input], 0))
        if len(state) > MOST_NODES:
            found, law = f"more than {MOST_NODES:,} nodes", "networks have fewer"
            raise _graph_error(name, found, law)
    return order


def _graph_error(name: str, found: str, law: str) -> GraphError:
    remedy = "build the network from layers called on nodes"
    return GraphError(where=name, found=found, law=law, remedy=remedy)


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
    """The names given, and for other nodes their role or kind, and a number."""
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
            kind = node.role or snake(type(node.layer).__name__)
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
    check_name("Network", name)
    if len(specs) > MOST_NODES:
        raise _graph_error(name, f"{len(specs):,} nodes", f"a network has at most {MOST_NODES:,}")
    for spec in specs:
        _check_spec(name, spec)
    problem = _start_problem(specs) or _order_problem(specs)
    if problem is not None:
        raise _graph_error(name, *problem)


def _check_spec(name: str, spec: object) -> None:
    """Raise `GraphError` unless it is a name, a layer and indices."""
    if (
        not isinstance(spec, tuple)
        or len(spec) != 3
        or not isinstance(spec[1], Layer)
        or not isinstance(spec[2], tuple)
    ):
        law = "a spec is a name, a layer and a tuple of the indices of the nodes it reads"
        raise _graph_error(name, f"the spec {shown(spec)}", law)
    check_name(name, spec[0])
    if any(type(i) is not int for i in spec[2]):
        raise _graph_error(name, f"inputs {shown(spec[2])}", "inputs are indices of nodes")


def _start_problem(specs: Sequence[Spec]) -> tuple[str, str] | None:
    starts = [node for node, layer, inputs in specs if not inputs or layer.arity == 0]
    if len(starts) != 1:
        return f"{len(starts)} node(s) without inputs", "a network starts at its one Input"
    if specs[0][2] or specs[0][1].arity != 0:
        return f"{specs[0][1].text()} as first node", "a network starts at its one Input"
    return None


def _order_problem(specs: Sequence[Spec]) -> tuple[str, str] | None:
    names = Counter(node for node, _, _ in specs)
    name, count = names.most_common(1)[0]
    if count > 1:
        return f"several nodes called {name!r}", "names are unique in a network"
    read = {i for _, _, inputs in specs for i in inputs}
    unread = next((i for i in range(len(specs) - 1) if i not in read), None)
    if unread is not None:
        return f"node {specs[unread][0]!r} that nothing reads", "every node leads to the output"
    for i, (node, layer, inputs) in enumerate(specs):
        if any(not 0 <= j < i for j in inputs):
            return f"node {node!r} reading a node after it", "a network has no cycles"
        if layer.arity is not None and len(inputs) != layer.arity:
            return f"{len(inputs)} inputs of node {node!r}", f"its kind takes {layer.arity}"
    return None


def place(specs: Sequence[Spec]) -> tuple[NetworkNode, ...]:
    """Every shape from the input on; raises `ShapeError` where a layer refuses one."""
    nodes: list[NetworkNode] = []
    for index, (name, layer, inputs) in enumerate(specs):
        for i in inputs:
            _check_tokens(name, layer, nodes[i])
        shapes = tuple(nodes[i].shape for i in inputs)
        shape = layer.out_shape(shapes, name)
        _check_shape(name, shape)
        nodes.append(NetworkNode(index, name, layer.placed(shapes), inputs, shape, shapes))
    if _gives_tokens(nodes[-1]):
        raise _token_error(nodes[-1].name, "tokens as the output of a network")
    return tuple(nodes)


def _gives_tokens(node: NetworkNode) -> bool:
    """Whether arrays hold integers there, where the value is a vector for each of them."""
    return not node.inputs and node.layer.input_format().integers


def _check_tokens(name: str, layer: Layer, read: NetworkNode) -> None:
    """Raise `GraphError` unless tokens meet a layer that reads them, and no other values do."""
    if layer.reads_tokens and not _gives_tokens(read):
        raise GraphError(
            where=name,
            found=f"{layer.text()} on {read.layer.text()}",
            law="it looks up tokens, which are integers",
            remedy="start the network from kernelc.Tokens(length, vocabulary), or use a Dense "
            "layer for numbers",
        )
    if _gives_tokens(read) and not layer.reads_tokens:
        raise _token_error(name, f"{layer.text()} on {read.layer.text()}")


def _token_error(where: str, found: str) -> GraphError:
    return GraphError(
        where=where,
        found=found,
        law="tokens are integers that stand for vectors, which layers that compute cannot read",
        remedy="put an Embedding behind them: kernelc.Embedding(width)(x)",
    )


def _check_shape(where: str, shape: Shape) -> None:
    """Raise `ShapeError` for a value that no array could hold."""
    if len(shape) > MOST_AXES or max(shape) > LARGEST_AXIS or math.prod(shape) > LARGEST_VALUE:
        raise ShapeError(
            where=where,
            found=f"a value of shape {shown(shape)}",
            law=f"a value has at most {MOST_AXES} axes of at most {LARGEST_AXIS:,} entries, "
            f"{LARGEST_VALUE:,} in all",
            remedy="make the layers smaller",
        )
