"""A validated, topologically ordered, immutable graph with names."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from .._errors import GraphError
from ._algebra import KernelAlgebra
from ._layer import Layer, Shape
from ._node import Node


S = TypeVar("S")


@dataclasses.dataclass(frozen=True)
class Placed:
    """A node of a network: its place, its name, its layer, what it reads, its shape."""

    index: int
    name: str
    layer: Layer
    inputs: tuple[int, ...]
    shape: Shape


class Network:
    """A network: from `x = Input(shape)` to an output node.

    Arguments:
        x: the input node.
        output: the node whose value is the network's.
        name: what to call it.

    Raises:
        GraphError: more than one input, an input that is not `x`, names used twice, an
            output that does not depend on `x`.
        ShapeError: a layer that cannot take the shape it is given.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((8,))
        >>> kc.Network(x, kc.Dense(3)(x), name="tiny").output_shape
        (3,)
    """

    __slots__ = ("__weakref__", "_hash", "name", "nodes")

    name: str
    nodes: tuple[Placed, ...]

    def __init__(self, x: Node, output: Node, name: str = "network") -> None:
        for role, node in (("x", x), ("output", output)):
            if not isinstance(node, Node):
                raise GraphError(
                    where=name,
                    found=f"{role} of type {type(node).__name__}",
                    law="a network goes from an input node to an output node",
                    remedy="write x = kernelc.Input(shape) and Network(x, layer(x))",
                )
        order = _topological(output)
        inputs = [node for node in order if not node.inputs]
        if len(inputs) != 1 or inputs[0] is not x:
            found = ", ".join(repr(node) for node in inputs[:4] if node is not x)
            raise GraphError(
                where=name,
                found=f"the output depends on {found or 'no input'}, not on x alone",
                law="a network has exactly one input, the first argument",
                remedy="pass the node that every path starts from, and cut other inputs",
            )
        names = _names(order)
        index = {node: i for i, node in enumerate(order)}
        specs = [
            (names[i], node.layer, tuple(index[parent] for parent in node.inputs))
            for i, node in enumerate(order)
        ]
        self._fill(name, _place(specs))

    @classmethod
    def from_specs(
        cls, specs: Sequence[tuple[str, Layer, tuple[int, ...]]], name: str = "network"
    ) -> Network:
        """Build from (name, layer, input indices) in topological order: what rewrites return."""
        self = object.__new__(cls)
        self._fill(name, _place(specs))
        return self

    def _fill(self, name: str, nodes: tuple[Placed, ...]) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "nodes", nodes)
        object.__setattr__(self, "_hash", None)

    def __setattr__(self, attribute: str, value: object) -> None:
        raise AttributeError(f"a Network is immutable: cannot set {attribute}")

    def __reduce__(self) -> Any:
        specs = [(node.name, node.layer, node.inputs) for node in self.nodes]
        return (Network.from_specs, (specs, self.name))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and self.name == other.name and self.nodes == other.nodes

    def __hash__(self) -> int:
        if self._hash is None:
            object.__setattr__(self, "_hash", hash((self.name, self.nodes)))
        return self._hash  # type: ignore[return-value]

    def __iter__(self) -> Iterator[Placed]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def __getitem__(self, name: str) -> Placed:
        for node in self.nodes:
            if node.name == name:
                return node
        raise GraphError(
            where=self.name,
            found=f"no node called {name!r}",
            law="nodes are looked up by name",
            remedy="print the network to see its names",
        )

    @property
    def input_shape(self) -> Shape:
        """Shape of one example: locations, then channels."""
        return self.nodes[0].shape

    @property
    def output_shape(self) -> Shape:
        """Shape of the output for one example."""
        return self.nodes[-1].shape

    def in_shapes(self, node: Placed) -> tuple[Shape, ...]:
        """Shapes of what `node` reads."""
        return tuple(self.nodes[i].shape for i in node.inputs)

    def fold(self, algebra: KernelAlgebra[S], start: S) -> list[S]:
        """Apply every kernel rule in order; `start` is the value at the input."""
        values: list[S] = [start]
        for node in self.nodes[1:]:
            values.append(visit(self, algebra, node, [values[i] for i in node.inputs]))
        return values

    def rebuild(self, change: Callable[[Placed], Layer | None], name: str | None = None) -> Network:
        """A copy with each layer replaced by `change(node)`; None takes a one-input node out."""
        specs: list[tuple[str, Layer, tuple[int, ...]]] = []
        moved: dict[int, int] = {}
        for node in self.nodes:
            layer = change(node)
            if layer is None:
                moved[node.index] = moved[node.inputs[0]]
                continue
            specs.append((node.name, layer, tuple(moved[i] for i in node.inputs)))
            moved[node.index] = len(specs) - 1
        return Network.from_specs(specs, name or self.name)


def visit(network: Network, algebra: KernelAlgebra[S], node: Placed, inputs: Sequence[S]) -> S:
    """The kernel rule of one node, with the algebra told where it is."""
    algebra.where = node.name
    return node.layer.kernel(algebra, inputs, network.in_shapes(node))


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


def _names(order: Sequence[Node]) -> list[str]:
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


def _place(specs: Sequence[tuple[str, Layer, tuple[int, ...]]]) -> tuple[Placed, ...]:
    nodes: list[Placed] = []
    for index, (name, layer, inputs) in enumerate(specs):
        shapes = [nodes[i].shape for i in inputs]
        nodes.append(Placed(index, name, layer, inputs, layer.out_shape(shapes, name)))
    return tuple(nodes)
