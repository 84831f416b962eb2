"""Blocks that are applied in branches and in other blocks, as functions with names."""

from __future__ import annotations

from collections.abc import Iterable

import sympy

from ._block import Behind, Block, behind, nodes_of, with_blocks
from ._entry import Entry, entries
from ._inlined import inlined
from ._row import BlockMap, Name


class BlockRows:
    """The functions that some formulas apply, each behind those that are parts of it.

    Arguments:
        exprs: the formulas.
        names: of the symbols of rows; those of the functions are put there.
    """

    def __init__(self, exprs: Iterable[sympy.Expr], names: dict[sympy.Symbol, Name]) -> None:
        self.names = names
        self.numbers: dict[Block, int] = {}
        self.rows: list[BlockMap] = []
        nodes = [node for expr in exprs for node in nodes_of(expr) if isinstance(node, Behind)]
        self.used = {node.block: None for node in nodes if node.local_map is None}
        for block in self.used:
            self._define(block)

    def _define(self, block: Block) -> None:
        if block in self.numbers:
            return
        part = self._largest_part(block)
        inner = None if part is None else (self.numbers[part], _variables(part))
        rest = block.giving(block.images[len(part.images) if part else 0 :])
        for node in (node for _, expr in rest.lines for node in nodes_of(expr)):
            if isinstance(node, Behind) and node.block in self.used:
                self._define(node.block)
        self.numbers[block] = number = len(self.numbers) + 1
        variables = _variables(block)
        self.names |= {s: Name(s.letter, "", primes=s.primes, part=_part(s)) for s in variables}
        hats = {symbol: self._hat(symbol, rest, number) for symbol, _ in rest.hats}
        images = tuple(expr.xreplace(hats) for _, expr in rest.images)
        lines = tuple((hats[s], expr.xreplace(hats)) for s, expr in rest.hats)
        self.rows.append(BlockMap(number, variables, images, lines, inner))

    def _largest_part(self, block: Block) -> Block | None:
        """Another of the functions, defined now if it is not yet, that the first entries make."""
        parts = [inlined(block.closed(symbol)) for symbol in _variables(block)]
        found = [part for part in parts if part != block and part in self.used]
        found = [
            part for part in found if _variables(part) == _variables(block)[: len(part.images)]
        ]
        for part in found:
            self._define(part)
        return max(found, key=lambda part: len(part.images), default=None)

    def _hat(self, symbol: Entry, block: Block, number: int) -> sympy.Symbol:
        """A symbol of this function alone for a value on its way."""
        alike = [s for s, _ in block.hats if s.place == symbol.place]
        shown = sympy.Symbol(f"{symbol.name}[F{number}]", **symbol.assumptions0)
        index = 1 + alike.index(symbol) if len(alike) > 1 else ""
        self.names[shown] = Name(symbol.letter, index, 1, 1, symbol.primes, _part(symbol))
        return shown


def for_one_pair(expr: sympy.Expr) -> sympy.Expr:
    """A formula in which functions of one pair of locations are the same for each pair."""
    return with_blocks(expr, _for_one_pair)


def _for_one_pair(node: Behind) -> sympy.Expr:
    block = node.block.changed(for_one_pair)
    pairs = {symbol.primes for symbol, _ in block.images if symbol.letter not in "qm"}
    found = set().union(*(entries(expr) for _, expr in block.lines), {s for s, _ in block.lines})
    plain = {s: s.unprimed for s in found} if len(pairs) == 1 else {}
    renamed = block.changed(lambda expr: expr.xreplace(plain))
    hats, images = (
        tuple((plain.get(s, s), expr) for s, expr in lines)
        for lines in (renamed.hats, renamed.images)
    )
    return behind(Block(hats, images, 1), plain.get(node.entry, node.entry))(*node.args)


def _part(symbol: Entry) -> str:
    return symbol.part.removeprefix("_")


def _variables(block: Block) -> tuple[Entry, ...]:
    return tuple(symbol for symbol, _ in block.images)
