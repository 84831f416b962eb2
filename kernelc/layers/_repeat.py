"""repeat: a block applied a number of times, or a symbolic number of times."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from typing import NoReturn, final

import sympy
from jax.typing import DTypeLike
from jaxtyping import Array

from .._errors import GraphError, ShapeError, shown
from .._limits import MOST_NODES, whole
from ..ir import (
    Block,
    KernelAlgebra,
    Layer,
    Network,
    Node,
    Real,
    Repetition,
    S,
    Shape,
    Shapes,
    Spec,
    chain,
    check_block,
    check_node,
    check_specs,
    naming,
    needs_number,
    specs_of,
    with_values,
    written_out,
)
from ._input import Input, InputLayer


_LAW = (
    f"a block is repeated a whole number of times, at most {MOST_NODES:,}, or a SymPy symbol that "
    "can be a positive integer"
)


@final
@dataclasses.dataclass(frozen=True)
class Repeat(Layer):
    """A block applied a symbolic number of times, each time with weights of its own.

    `kernelc.repeat(block, L)` makes it. Its kernel is a formula in the symbol; it becomes the
    layers of its block when the symbol gets a number: `network.subs(L, 20)`.

    Arguments:
        block: names, layers and inputs of the block's nodes; index 0 is what the block reads.
        times: the symbol, a positive integer.

    Raises:
        GraphError: a block that is not such a tuple, or times that no integer can be.
    """

    block: tuple[Spec, ...]
    times: Real

    def __post_init__(self) -> None:
        if not isinstance(self.block, tuple) or not self.block:
            found = f"block = {shown(self.block)}"
            law = "it holds the nodes of a block"
            raise GraphError("Repeat", found, law, "write kernelc.repeat(block, L)")
        object.__setattr__(self, "times", _times("Repeat", self.times))
        # Shapes come with the node; a block has the same nodes for each.
        some_shape = ((1,),)
        specs = self.repetition(some_shape).specs
        check_specs("Repeat", specs)
        # A depth inside of the block may have got a number.
        blocks = [layer.repetition(some_shape) for _, layer, _ in specs]
        object.__setattr__(self, "block", tuple(written_out(specs, blocks)[1:]))

    def __reduce__(self) -> tuple[type[Repeat], tuple[object, ...]]:
        return Repeat, (self.block, self.times)

    def repetition(self, shapes: Shapes) -> Repetition:
        start: Spec = ("input", InputLayer(tuple(shapes[0])), ())
        return Repetition((start, *self.block), self.times)

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        out = self._network(shapes, where).output_shape
        if out != shapes[0]:
            raise ShapeError(
                where=where,
                found=f"a block from shape {shapes[0]} to shape {out}",
                law=f"a block that is applied {self.times} times returns the shape that it reads",
                remedy="put a layer before it that changes the shape, or give the block that width",
            )
        return out

    def placed(self, shapes: Shapes) -> Repeat:
        nodes = self._network(shapes, "repeat").nodes[1:]
        placed = tuple((node.name, node.layer, node.inputs) for node in nodes)
        return self if placed == self.block else dataclasses.replace(self, block=placed)

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        where = algebra.site.name
        network = self._network(shapes, where)

        def block(s: S) -> S:
            with naming(where):
                return network.fold(algebra, s)[network.last]

        return algebra.repeat(inputs[0], block, sympy.sympify(self.times))

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> NoReturn:
        raise needs_number("Repeat", sympy.sympify(self.times), "a finite network")

    def _network(self, shapes: Shapes, where: str) -> Network:
        found = self.repetition(shapes)
        if isinstance(found.times, int):
            law = "times is a symbol: with a number the block is written out"
            raise GraphError(where, f"times = {found.times}", law, "use kernelc.repeat")
        shape = tuple(shapes[0])
        if shape not in self._networks:
            with naming(where):
                self._networks[shape] = Network.from_specs(found.specs, name="repeat")
        return self._networks[shape]

    @cached_property
    def _networks(self) -> dict[Shape, Network]:
        """The block as a network, by shape: blocks inside each other would ask again and again."""
        return {}

    def text(self) -> str:
        layers = " -> ".join(layer.text() for _, layer, _ in self.block)
        return f"Repeat({self.times} times {layers})"


def repeat(block: Block, times: int | sympy.Symbol) -> Block:
    """Apply `block` `times` times; every application draws its own weights.

    With a SymPy symbol L the network has a symbolic depth: `derive` gives formulas in L, and
    `network.subs(L, 20)` the network of depth 20, which all else needs. The block then returns
    the shape that it reads. A symbol without assumptions becomes a positive integer:
    `sympy.Symbol("L", integer=True, positive=True)` in the formulas.

    Raises:
        GraphError: something that is no block, a number of times that is negative, over
            100,000 or no integer, or an expression of symbols other than one symbol.

    Example:
        >>> import kernelc as kc, sympy
        >>> L = sympy.Symbol("L", integer=True, positive=True)
        >>> x = kc.Input((8,))
        >>> net = kc.Network(x, kc.repeat(kc.chain(kc.Dense(8), kc.Activation("erf")), L)(x))
        >>> kc.derive(net).c_slope
        psi**L
        >>> len(net.subs(L, 20))
        41
    """
    check_block("repeat", block)
    count = _times("repeat", times)
    if isinstance(count, int):
        return chain(*([block] * count))
    return _Symbolic(block, count, sympy.sympify(times))


@dataclasses.dataclass(frozen=True, repr=False)
class _Symbolic:
    block: Block
    times: sympy.Symbol
    given: sympy.Expr

    def __repr__(self) -> str:
        return f"<a block {self.times} times>"

    def __call__(self, node: Node, /) -> Node:
        check_node("repeat", node)
        # The shape comes with the node, when a network is made of it.
        start = Input((1,))
        end = self.block(start)
        check_node(f"repeat: what {shown(self.block, 40)} returned", end)
        same = {self.given: self.times}
        specs = tuple(
            (name, with_values(layer, same, name), inputs)
            for name, layer, inputs in specs_of("repeat", start, end)[1:]
        )
        return Repeat(specs, self.times)(node) if specs else node


def _times(where: str, value: object) -> int | sympy.Symbol:
    """The number of times: an int, or a symbol that is a positive integer."""
    number = whole(value)
    if type(number) is int and 0 <= number <= MOST_NODES:
        return number
    if isinstance(value, sympy.Symbol):
        symbol: sympy.Symbol = value
        if _can_count(symbol):
            counts = symbol.is_integer and symbol.is_positive
            return symbol if counts else sympy.Symbol(symbol.name, integer=True, positive=True)
    raise GraphError(where, f"times = {shown(value)}", _LAW, "pass such a number or symbol")


def _can_count(symbol: sympy.Symbol) -> bool:
    """Whether nothing rules out that a symbol is a positive integer; dummies have no name."""
    facts = (symbol.is_integer, symbol.is_positive, symbol.is_finite)
    return False not in facts and not isinstance(symbol, sympy.Dummy | sympy.Wild)
