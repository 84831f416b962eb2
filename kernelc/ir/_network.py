"""A validated, topologically ordered, immutable graph with names."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import sympy

from .._errors import GraphError, LoadError
from . import _draw, _json, _text
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
        _check_specs(name, specs)
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

    def __repr__(self) -> str:
        return f"<network {self.name}: {len(self)} nodes>"

    def __str__(self) -> str:
        return _text.described(self)

    def to_json(self) -> str:
        """The network as JSON text that `from_json` turns back into exactly this network."""
        specs = [(node.name, node.layer, node.inputs) for node in self.nodes]
        return _json.dump(self.name, specs)

    @classmethod
    def from_json(cls, text: str) -> Network:
        """Read what `to_json` wrote; nothing in the text is evaluated.

        Raises:
            LoadError: text that is no network file.
            GraphError, ShapeError: a network that breaks a law.

        Example:
            >>> import kernelc as kc
            >>> x = kc.Input((8,))
            >>> net = kc.Network(x, kc.Dense(3)(x))
            >>> kc.Network.from_json(net.to_json()) == net
            True
        """
        name, specs = _json.parse(text)
        return cls.from_specs(specs, name)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `to_json` to a file."""
        pathlib.Path(path).write_text(self.to_json(), encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Network:
        """Read a file that `save` wrote.

        Raises:
            LoadError: a file that is missing, unreadable or no network file.
        """
        try:
            text = pathlib.Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise LoadError(
                where=str(path),
                found=f"a file that cannot be read ({error})",
                law="a network file is UTF-8 text",
                remedy="check the path",
            ) from error
        return cls.from_json(text)

    def draw(self, path: str | os.PathLike[str]) -> None:
        """Draw the network into an SVG file: repeats once in a frame, branches side by side.

        Arguments:
            path: where to write; the name ends in .svg.

        Raises:
            KernelcError: another suffix, or a place that cannot be written to.

        Example:
            >>> import kernelc as kc, pathlib, tempfile
            >>> x = kc.Input((8,))
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     kc.Network(x, kc.Dense(3)(x)).draw(pathlib.Path(folder) / "net.svg")
        """
        _draw.write(self, path)

    def _repr_svg_(self) -> str:
        """The drawing, as notebooks show it."""
        return _draw.svg(self)

    def subs(self, values: Mapping[Any, Any]) -> Network:
        """The network with SymPy symbols in its layers replaced by numbers or expressions."""

        def change(node: Placed) -> Layer:
            fields = {f.name: getattr(node.layer, f.name) for f in dataclasses.fields(node.layer)}
            changed = {key: _subs(value, values) for key, value in fields.items()}
            touched = {key: v for key, v in changed.items() if v is not fields[key]}
            return dataclasses.replace(node.layer, **touched) if touched else node.layer

        return self.rebuild(change)

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


def _subs(value: Any, values: Mapping[Any, Any]) -> Any:
    if isinstance(value, tuple):
        changed = tuple(_subs(item, values) for item in value)
        return value if all(a is b for a, b in zip(value, changed, strict=True)) else changed
    if isinstance(value, sympy.Expr) and value.free_symbols & set(values):
        result = value.subs(values)
        return float(result) if result.is_number else result
    return value


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


def _check_specs(name: str, specs: Sequence[tuple[str, Layer, tuple[int, ...]]]) -> None:
    """The laws that building from nodes keeps by construction."""
    names = [node for node, _, _ in specs]
    repeated = (
        sorted({node for node in names if names.count(node) > 1})
        if len(set(names)) < len(names)
        else []
    )
    starts = [node for node, _, inputs in specs if not inputs]
    read = {i for _, _, inputs in specs for i in inputs}
    unread = [names[i] for i in range(len(specs) - 1) if i not in read]
    problem = None
    if not specs or len(starts) != 1 or specs[0][2]:
        problem = f"{len(starts)} node(s) without inputs", "a network starts at its one input"
    elif repeated:
        problem = f"several nodes called {repeated[0]!r}", "names are unique in a network"
    elif unread:
        problem = f"node {unread[0]!r} that nothing reads", "every node leads to the output"
    else:
        for i, (node, layer, inputs) in enumerate(specs):
            arity = 0 if i == 0 else layer.arity
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


def _place(specs: Sequence[tuple[str, Layer, tuple[int, ...]]]) -> tuple[Placed, ...]:
    nodes: list[Placed] = []
    for index, (name, layer, inputs) in enumerate(specs):
        shapes = [nodes[i].shape for i in inputs]
        nodes.append(Placed(index, name, layer, inputs, layer.out_shape(shapes, name)))
    return tuple(nodes)
