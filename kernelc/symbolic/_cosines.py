"""Recursions in cosines: those of c = k/q and Theta/q where q cancels from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy

from ._block import Behind, Block, behind, with_blocks
from ._entry import Entry, entries
from ._standard_forms import shortest


def in_cosines(
    variables: Sequence[Entry], start: Sequence[sympy.Expr], blocks: Sequence[Block]
) -> tuple[tuple[Entry, ...], tuple[sympy.Expr, ...], tuple[Block, ...]] | None:
    """Variables, start and blocks in q, c = k/q and Theta/q; None where q does not cancel."""
    found = []
    for block in blocks:
        changed = _block_in_cosines(block)
        if changed is None:
            return None
        found.append(changed)
    q = start[0] if any(v.letter == "q" for v in variables) else sympy.Integer(1)
    scaled = [
        value if v.letter == "q" else sympy.cancel(value / q)
        for v, value in zip(variables, start, strict=True)
    ]
    names = tuple(_cosine_name(v) for v in variables)
    return names, tuple(scaled), tuple(found)


def _cosine_name(symbol: Entry) -> Entry:
    """c for k; theta for Theta."""
    letter = {"k": "c", "Theta": "theta", "m": "mu"}.get(symbol.letter)
    return symbol if letter is None else symbol.with_letter(letter)


def _block_in_cosines(block: Block) -> Block | None:
    """One block in cosines; None where q does not cancel."""
    inside = block.inputs
    lengths: dict[str, sympy.Expr] = {s.owner: s for s in inside if s.letter == "q"}
    known = {s: _scale(s, lengths) * _cosine_name(s) for s in inside if s.letter != "q"}
    hats, images = [], []
    for target, lines in ((hats, block.hats), (images, block.images)):
        # What an image has in common with an entry of the input is its name alone.
        lengths = lengths if target is hats else {}
        for symbol, expr in lines:
            written = with_blocks(expr.xreplace(known), _behind_in_cosines)
            if symbol.letter == "q":
                lengths[symbol.owner] = written
                if target is hats:
                    known[symbol] = written
                else:
                    target.append((symbol, shortest(written)))
                continue
            scale = _scale(symbol, lengths)
            plain = _tidied(written / scale)
            if any(s.letter == "q" for s in entries(plain)):
                return None
            name = _cosine_name(symbol)
            target.append((name, plain))
            if target is hats:
                known[symbol] = scale * name
    return Block(tuple(hats), tuple(images), block.count)


def _scale(symbol: Entry, lengths: Mapping[str, sympy.Expr]) -> sympy.Expr:
    """What an entry is divided by to be one of cosines."""
    q = lengths.get(symbol.owner, sympy.Integer(1))
    return sympy.sqrt(q) if symbol.letter == "m" else q


def _tidied(expr: sympy.Expr) -> sympy.Expr:
    """q cancelled, inside of functions too."""
    inside = expr.replace(
        lambda node: isinstance(node, sympy.Function),
        lambda node: node.func(*[_quotient(arg) for arg in node.args]),
    )
    return sympy.expand_mul(_quotient(inside)) if inside.is_polynomial() else _quotient(inside)


def _quotient(expr: sympy.Expr) -> sympy.Expr:
    """A quotient without common factors, whose denominator does not begin with a minus."""
    # Powers such as (3/5)^L stay what they are.
    powers = {
        power: sympy.Dummy(positive=True)
        for power in expr.atoms(sympy.Pow)
        if power.base.is_number and power.exp.free_symbols
    }
    above, below = sympy.fraction(sympy.cancel(expr.xreplace(powers)))
    if below.could_extract_minus_sign():
        above, below = -above, -below
    return (above / below).xreplace({symbol: power for power, symbol in powers.items()})


def _behind_in_cosines(node: Behind) -> sympy.Expr:
    """An entry behind a block by the cosines before it; as it is where q does not cancel."""
    block = _block_in_cosines(node.block)
    if block is None:
        return node
    before = {symbol: arg for (symbol, _), arg in zip(node.block.images, node.start, strict=True)}
    lengths = {symbol.owner: arg for symbol, arg in before.items() if symbol.letter == "q"}
    factors = {s.owner: factor_of(s, e) for s, e in block.images if s.letter == "q"}
    factor = factors.get(node.entry.owner, sympy.Integer(1))
    if None in factors.values() or factor is None:
        return node
    length = factor**node.times * lengths.get(node.entry.owner, sympy.Integer(1))
    if node.entry.letter == "q":
        return length
    scale = _scale(node.entry, {node.entry.owner: length})
    images = [line for line in block.images if line[0].letter != "q"]
    start = [
        _tidied(arg / _scale(symbol, lengths))
        for symbol, arg in before.items()
        if symbol.letter != "q"
    ]
    changed = behind(block.giving(images), _cosine_name(node.entry))
    return scale * changed(*start, node.times)


def factor_of(symbol: Entry, image: sympy.Expr) -> sympy.Expr | None:
    """a, where a block takes an entry to a times it; None where it does something else."""
    factor = sympy.cancel(image / symbol)
    return None if entries(factor) else factor
