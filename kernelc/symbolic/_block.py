"""Block: how some nodes change a state; Behind: a state that such a block has changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import sympy

from ..ir import Real
from ._arc_cosine import ArcCosine
from ._entry import Bound, Entry, entries
from ._maps import LocalMap
from ._operations import unique_name


@dataclasses.dataclass(frozen=True)
class Block:
    """Some consecutive nodes, applied `count` times: how they change the state.

    Arguments:
        hats: names for what is computed on the way, each in terms of the state and earlier ones.
        images: the new value of each entry of the state.
        count: how many times; a formula of depths where they are symbols.
    """

    hats: tuple[Bound, ...]
    images: tuple[Bound, ...]
    count: Real

    @property
    def loops(self) -> bool:
        """Whether it is written as a loop."""
        return self.count != 1

    @property
    def inputs(self) -> set[Entry]:
        """Entries of the state that it reads."""
        read = set[Entry]().union(*(entries(expr) for _, expr in self.lines))
        return {entry for entry in read if entry.of_state}

    @property
    def lines(self) -> tuple[Bound, ...]:
        """What is computed on the way, then the images."""
        return (*self.hats, *self.images)

    def changed(self, change: Callable[[sympy.Expr], sympy.Expr]) -> Block:
        """The block with its formulas changed."""
        hats = tuple((symbol, change(expr)) for symbol, expr in self.hats)
        images = tuple((symbol, change(expr)) for symbol, expr in self.images)
        return dataclasses.replace(self, hats=hats, images=images)

    def giving(self, images: Sequence[Bound]) -> Block:
        """The block with these images, and what they need on the way."""
        read: set[sympy.Basic] = set().union(*(expr.free_symbols for _, expr in images))
        for symbol, expr in reversed(self.hats):
            if symbol in read:
                read |= expr.free_symbols
        hats = tuple((symbol, expr) for symbol, expr in self.hats if symbol in read)
        return dataclasses.replace(self, hats=hats, images=tuple(images))

    def closed(self, entry: Entry) -> Block:
        """The part of a block that one entry of the state needs, however often it is applied."""
        needed = {entry}
        while True:
            part = self.giving([line for line in self.images if line[0] in needed])
            if part.inputs <= needed:
                return part
            needed |= part.inputs


class Behind(sympy.Function):
    """One entry of a state behind a block that is applied some times, as a function of the entries
    before it that it depends on and of the number of times.

    Made by `behind`, in branches and in other blocks. Symbols of the block other than its entries,
    such as weights, are replaced inside.
    """

    is_real = True
    block: ClassVar[Block]
    """One application; its images are those of the arguments, in their order."""
    entry: ClassVar[Entry]

    @property
    def start(self) -> tuple[sympy.Expr, ...]:
        """The entries of the state before the block."""
        return self.args[:-1]

    @property
    def times(self) -> sympy.Expr:
        """How often the block is applied."""
        return self.args[-1]

    @property
    def local_map(self) -> sympy.Expr | None:
        """The named map of one variable that the block is, if it is one."""
        image = self.block.images[0][1]
        alone = len(self.block.images) == 1 and image.args == (self.entry,)
        return image if alone and isinstance(image, ArcCosine | LocalMap) else None

    @property
    def free_symbols(self) -> set[sympy.Basic]:
        """Symbols of the arguments and of the block, but for the variables of that one."""
        inside = set().union(*(expr.free_symbols for _, expr in self.block.lines))
        return super().free_symbols | {s for s in inside if not isinstance(s, Entry)}

    def at(self, block: Block) -> sympy.Expr:
        """The same entry behind another block of the same variables."""
        return behind(block, self.entry)(*self.args)

    def _eval_subs(self, old: sympy.Basic, new: sympy.Basic) -> sympy.Expr | None:
        block = self.block.changed(lambda expr: expr._subs(old, new))
        if block == self.block:
            return None
        return behind(block, self.entry)(*[arg._subs(old, new) for arg in self.args])

    def __reduce__(self) -> tuple[Callable[..., sympy.Expr], tuple[Any, ...]]:
        # Its class is made for its block, and no module holds it under its name.
        return _made, (self.block, self.entry, self.args)


_classes: dict[tuple[Block, Entry], type[Behind]] = {}


def behind(block: Block, entry: Entry) -> type[Behind]:
    """The SymPy function of a state, and of a number of times, that gives an entry."""
    key = (block, entry)
    if key not in _classes:
        name = unique_name(f"behind_{entry.letter}")
        _classes[key] = type(name, (Behind,), {"block": block, "entry": entry})
    return _classes[key]


def _made(block: Block, entry: Entry, args: tuple[sympy.Expr, ...]) -> sympy.Expr:
    return behind(block, entry)(*args)


def state_behind(block: Block, start: Sequence[sympy.Expr]) -> list[sympy.Expr]:
    """The entries of a state behind a block: each a function of those that it depends on.

    Arguments:
        block: one application; its count says how often it is applied.
        start: the values of the entries before it, in the order of its images.
    """
    values = dict(zip((symbol for symbol, _ in block.images), start, strict=True))
    once = dataclasses.replace(block, count=1)
    return [entry_behind(once.closed(symbol), symbol, values, block.count) for symbol in values]


def entry_behind(
    block: Block, entry: Entry, values: dict[Entry, sympy.Expr], times: Real
) -> sympy.Expr:
    """One entry behind a block that is closed on it, where entries have these values."""
    start = [values[symbol] for symbol, _ in block.images]
    return behind(block, entry)(*start, sympy.sympify(times))


def with_blocks(expr: sympy.Expr, change: Callable[[Behind], sympy.Expr]) -> sympy.Expr:
    """A formula with what stands behind blocks changed, inner arguments first."""
    return expr.replace(lambda node: isinstance(node, Behind), change)


def nodes_of(expr: sympy.Basic) -> Iterator[sympy.Basic]:
    """The nodes of a formula, those inside of blocks among them."""
    for node in sympy.preorder_traversal(expr):
        yield node
        if isinstance(node, Behind):
            for _, inside in node.block.lines:
                yield from nodes_of(inside)
