"""Blocks without names for what is short, or read once."""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from ._block import Behind, Block, with_blocks
from ._cosines import factor_of
from ._entry import Bound, Entry, entries
from ._standard_forms import shortest


def inlined(block: Block) -> Block:
    """The block without names for what is short, or read once; tangents in terms of covariances."""
    block = block.changed(lambda e: with_blocks(e, _finished))
    hats = [(symbol, _with_covariance(symbol, expr, block.hats)) for symbol, expr in block.hats]
    images = list(block.images)
    kept: list[Bound] = []
    for i, (symbol, expr) in enumerate(hats):
        later = [*hats[i + 1 :], *images]
        uses = sum(e.count(symbol) for _, e in later)
        if uses > 1 and (expr.count_ops() > 1 or expr.has(Behind)):
            kept.append((symbol, expr))
            continue
        hats[i + 1 :] = [(s, e.xreplace({symbol: expr})) for s, e in hats[i + 1 :]]
        images = [(s, e.xreplace({symbol: expr})) for s, e in images]
    images = [(s, shortest(e)) for s, e in images]
    return Block(tuple(kept), tuple(images), block.count)


def _finished(node: Behind) -> sympy.Expr:
    """What stands behind a block, whose lines are inlined too; a power where it is one."""
    block = inlined(node.block)
    if len(block.images) == 1:
        factor = factor_of(*block.images[0])
        if factor is not None:
            return factor**node.times * node.start[0]
    return node.at(block)


def _with_covariance(symbol: Entry, expr: sympy.Expr, hats: Sequence[Bound]) -> sympy.Expr:
    """A tangent as the covariance of its node and what is left: Theta <- k + w Theta_in."""
    if not symbol.tangent:
        return expr
    tangents = {s: sympy.S.Zero for s in entries(expr) if s.tangent}
    own = expr.xreplace(tangents)
    for name, value in hats:
        same = (name.owner, name.primes) == (symbol.owner, symbol.primes) and name.letter in "kc"
        if own != 0 and same and sympy.expand(own - value) == 0:
            return name + sympy.expand(expr - own)
    return expr
