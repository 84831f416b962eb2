"""A validated, topologically ordered, immutable graph with names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Self, cast

import sympy

from .._errors import GraphError, shown
from .._input_format import InputFormat
from .._limits import LONGEST_TEXT
from . import _draw, _json, _parameters, _text
from ._algebra import KernelAlgebra
from ._assembly import NetworkNode as NetworkNode, Spec, check_specs, place, specs_of
from ._files import read_text, write_text
from ._fold import Refused, fold, kernel_rule
from ._layer import Layer, Node
from ._rule_arguments import Real, S, Shape
from ._substitution import Values, substituted


class Network:
    """A network: from `x = Input(shape)` to an output node.

    Arguments:
        x: the input node.
        output: the node whose value is the network's.
        name: what to call it.

    `shaped_by` is the text of the target that `kernelc.shape` solved its constants for, or None;
    files keep it together with a digest of the layers, and rewriting a network drops it.

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

    __slots__ = ("__weakref__", "_hash", "_places", "name", "nodes", "shaped_by")

    name: str
    nodes: tuple[NetworkNode, ...]
    shaped_by: str | None
    _places: dict[str, int]

    def __init__(self, x: Node, output: Node, name: str = "network") -> None:
        for role, node in (("x", x), ("output", output)):
            if not isinstance(node, Node):
                raise GraphError(
                    where=name,
                    found=f"{role} of type {type(node).__name__}",
                    law="a network goes from an input node to an output node",
                    remedy="write x = kernelc.Input(shape) and Network(x, layer(x))",
                )
        self._fill(name, place(specs_of(name, x, output)))

    @classmethod
    def from_specs(
        cls, specs: Sequence[Spec], name: str = "network", shaped_by: str | None = None
    ) -> Self:
        """Build from (name, layer, input indices) in topological order: what rewrites return."""
        check_specs(name, specs)
        self = object.__new__(cls)
        self._fill(name, place(specs), shaped_by)
        return self

    def _fill(
        self, name: str, nodes: tuple[NetworkNode, ...], shaped_by: str | None = None
    ) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "shaped_by", shaped_by)
        object.__setattr__(self, "nodes", nodes)
        object.__setattr__(self, "_places", {node.name: i for i, node in enumerate(nodes)})
        object.__setattr__(self, "_hash", None)

    def __setattr__(self, attribute: str, value: object) -> None:
        raise AttributeError(f"a Network is immutable: cannot set {attribute}")

    def __reduce__(self) -> tuple[Callable[..., Network], tuple[object, ...]]:
        specs = [(node.name, node.layer, node.inputs) for node in self.nodes]
        return (Network.from_specs, (specs, self.name, self.shaped_by))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and self.name == other.name and self.nodes == other.nodes

    def __hash__(self) -> int:
        known = self._hash
        if known is None:
            known = hash((self.name, self.nodes))
            object.__setattr__(self, "_hash", known)
        return known

    def __repr__(self) -> str:
        shapes = f"input_shape={self.input_shape}, output_shape={self.output_shape}"
        return f"Network(name={self.name!r}, {shapes}, nodes={len(self)})"

    def __str__(self) -> str:
        return _text.described(self)

    def summary(self) -> str:
        """The network as text, with the number of parameters of every node and in total."""
        return _parameters.summary(self)

    def to_json(self) -> str:
        """The network as JSON text that `from_json` turns back into exactly this network."""
        specs = [(node.name, node.layer, node.inputs) for node in self.nodes]
        return _json.dump(self.name, specs, self.shaped_by)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; nothing in the text is evaluated.

        Raises:
            LoadError: text that is no network file, or a shaped network whose activations are
                not those its constants were solved for.
            GraphError, ShapeError: a network that breaks a law.

        Example:
            >>> import kernelc as kc
            >>> x = kc.Input((8,))
            >>> net = kc.Network(x, kc.Dense(3)(x))
            >>> kc.Network.from_json(net.to_json()) == net
            True
        """
        name, specs, shaped_by = _json.parse(text)
        return cls.from_specs(specs, name, shaped_by)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `to_json` to a file.

        Raises:
            KernelcError: a place that cannot be written to.
        """
        write_text(path, self.to_json())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a file that `save` wrote.

        Raises:
            LoadError: a file that is missing, unreadable, over 64 MiB or no network file.
            GraphError, ShapeError: a network that breaks a law.
        """
        # One character more than `from_json` takes, so that it refuses what is cut here.
        return cls.from_json(read_text(path, LONGEST_TEXT + 1))

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

    def _repr_html_(self) -> str:
        """The drawing in a box that scrolls, as notebooks show it."""
        return f'<div style="max-height:40em;overflow:auto">{_draw.svg(self)}</div>'

    def _repr_svg_(self) -> str:
        """The drawing, as the text of an SVG file."""
        return _draw.svg(self)

    def subs(self, values: Values | sympy.Symbol, value: Real | None = None) -> Self:
        """The network with SymPy symbols in its layers replaced, all at once.

        A block that is repeated a symbolic number of times is written out where the number is
        known.

        Arguments:
            values: what to put for each symbol: a number or a SymPy expression; or one symbol.
            value: what to put for that one symbol.

        Raises:
            GraphError: a symbol the network does not have, or a value that makes a field
                something else than a finite real number, or a depth no whole number.

        Example:
            >>> import kernelc as kc, sympy
            >>> w = sympy.Symbol("w")
            >>> x = kc.Input((8,))
            >>> net = kc.Network(x, kc.residual(kc.Dense(8), w)(x))
            >>> net.subs({w: 0.6}).nodes[-1].layer
            WeightedSum(weights=(0.6, 0.8))
            >>> L = sympy.Symbol("L", integer=True, positive=True)
            >>> len(kc.Network(x, kc.repeat(kc.Dense(8), L)(x)).subs(L, 20))
            21
        """
        if isinstance(values, sympy.Basic):
            values = {cast("sympy.Symbol", values): cast("Real", value)}
        if not isinstance(values, Mapping):
            raise GraphError(
                where=self.name,
                found=f"values of type {type(values).__name__}",
                law="symbols are replaced by a mapping from each to its value, or one by one",
                remedy="write network.subs({symbol: value}) or network.subs(symbol, value)",
            )
        return type(self).from_specs(substituted(self, values), self.name)

    def __iter__(self) -> Iterator[NetworkNode]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def __getitem__(self, name: str) -> NetworkNode:
        # A search would cost passes over deep networks the square of their depth.
        if isinstance(name, str) and name in self._places:
            return self.nodes[self._places[name]]
        raise GraphError(
            where=self.name,
            found=f"no node called {shown(name)}",
            law="nodes are looked up by name",
            remedy="print the network to see its names",
        )

    @property
    def last(self) -> int:
        """Index of the output node."""
        return len(self.nodes) - 1

    @property
    def input_shape(self) -> Shape:
        """Shape of one example: locations, then channels."""
        return self.nodes[0].shape

    @property
    def input_format(self) -> InputFormat:
        """What arrays of examples look like."""
        return self.nodes[0].layer.input_format()

    @property
    def output_shape(self) -> Shape:
        """Shape of the output for one example."""
        return self.nodes[-1].shape

    def in_shapes(self, node: NetworkNode) -> tuple[Shape, ...]:
        """Shapes of what `node` reads."""
        return node.in_shapes

    def fold(
        self,
        algebra: KernelAlgebra[S],
        start: S,
        nodes: Iterable[int] | None = None,
        entry: int = 0,
        on_refusal: Refused[S] | None = None,
    ) -> dict[int, S]:
        """Apply kernel rules in the order of the nodes.

        Arguments:
            algebra: what the rules are read in.
            start: the value at the node `entry`.
            nodes: indices of the nodes to visit, in order; all after the input unless given.
            entry: index of a node that `nodes` read but that is none of them.
            on_refusal: see `kernelc.ir.fold`.

        Returns:
            Values by index of the node, the start among them.
        """
        visited = range(1, len(self)) if nodes is None else nodes
        picked = (self.nodes[i] for i in visited)
        return fold(picked, kernel_rule(algebra), {entry: start}, on_refusal)

    def rebuild(
        self,
        change: Callable[[NetworkNode], Layer | None],
        name: str | None = None,
        shaped_by: str | None = None,
    ) -> Self:
        """A copy with each layer replaced by `change(node)`; None takes a one-input node out."""
        specs: list[Spec] = []
        moved: dict[int, int] = {}
        for node in self.nodes:
            layer = change(node)
            if layer is None:
                moved[node.index] = moved[node.inputs[0]]
                continue
            specs.append((node.name, layer, tuple(moved[i] for i in node.inputs)))
            moved[node.index] = len(specs) - 1
        return type(self).from_specs(specs, name or self.name, shaped_by)
