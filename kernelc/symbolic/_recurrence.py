"""Recurrence: a kernel as a paper writes it, block by block, each local map defined once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import sympy

from .._errors import KernelcError
from ..algebra import PairAlgebra, SecondMoments, probes
from ..ir import Network, Real, Run, Segment, depths_of, kernel_rule
from ._entry import Bound, Entry, entries
from ._exact_numbers import exact
from ._formulas import Symbols
from ._maps import LocalMap
from ._stages import Group, groups, main_path
from ._standard_forms import short_form, shortest
from ._symbolic_backend import SymbolicBackend
from ._tape import Nature, Tape


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
        read = set[Entry]().union(*(entries(expr) for _, expr in (*self.hats, *self.images)))
        return {entry for entry in read if entry.of_state}


@dataclasses.dataclass(frozen=True)
class Recurrence:
    """A kernel as recursions over its blocks.

    Arguments:
        variables: symbols of the state: of q values, covariances (or cosines) and tangents.
        start: their values at the input.
        blocks: what becomes of them.
        cosines: whether the state holds c and Theta/q, since q cancels from both.
    """

    variables: tuple[Entry, ...]
    start: tuple[sympy.Expr, ...]
    blocks: tuple[Block, ...]
    cosines: bool

    @property
    def depths(self) -> set[sympy.Symbol]:
        """The symbols of the numbers of times."""
        return set().union(*(sympy.sympify(block.count).free_symbols for block in self.blocks))

    @property
    def symbols(self) -> set[sympy.Symbol]:
        """What it is a formula in, depths and weights among them."""
        return {s for s in self._free if not isinstance(s, Entry)} | self.depths

    @property
    def entries(self) -> set[Entry]:
        """The entries of states, and the values on the way, that it names."""
        return {s for s in (*self._free, *self.variables) if isinstance(s, Entry)}

    @property
    def _free(self) -> set[sympy.Symbol]:
        lines = [e for block in self.blocks for _, e in (*block.hats, *block.images)]
        return set().union(*(expr.free_symbols for expr in (*self.start, *lines)))

    def subs(self, replaced: Sequence[Sequence[Any]]) -> Recurrence:
        """The recursions with symbols replaced, as `sympy.Basic.subs`, once for each entry."""

        def changed(expr: sympy.Expr) -> sympy.Expr:
            return reduce(lambda written, values: written.subs(*values), replaced, expr)

        def lines(equations: Sequence[Bound]) -> tuple[Bound, ...]:
            return tuple((symbol, changed(expr)) for symbol, expr in equations)

        blocks = tuple(Block(lines(b.hats), lines(b.images), b.count) for b in self.blocks)
        start = tuple(changed(entry) for entry in self.start)
        return dataclasses.replace(self, start=start, blocks=blocks)


def recurrence(network: Network, symbols: Symbols) -> Recurrence:
    """The recursions of a network: one more derivation, in which local maps keep their names.

    Raises:
        KernelcError: no formula is known, as `derive` says.
    """
    whole = [Run((Segment(0, network.last),), 1)]
    path = main_path(network)
    # Blocks are more alike without the means of their inputs, which few rules ask for. Between
    # blocks a state keeps its moments alone: a value that is combined with one of its own
    # parts needs the network as a whole, which knows of no symbolic depth.
    for carry_means in (False, True):
        try:
            return _recurrence(network, symbols, path, carry_means)
        except KernelcError:
            if carry_means and depths_of(network):
                raise
    return _recurrence(network, symbols, whole, carry_means=True)


def _recurrence(
    network: Network, symbols: Symbols, found: Sequence[Run], carry_means: bool
) -> Recurrence:
    backend = SymbolicBackend(explicit=False)
    algebra = PairAlgebra(backend, probes(network))
    q = symbols.q
    k = tuple(q * symbols.cosine(label) for label in algebra.probes)
    zero = tuple(sympy.Integer(0) for _ in k)
    state = algebra.state_of(SecondMoments(q, k, zero), None)
    nature = Nature.of(state, carry_means)
    start, variables = nature.pack(state), nature.symbols()
    blocks: list[Block] = []
    for group in groups(network, found):
        more, nature = _applied(group, nature, backend, algebra, carry_means)
        blocks += more
    if nature.parts:
        blocks.append(_joined(nature))
    written = _in_cosines(variables, start, blocks)
    if written is None:
        written = Recurrence(tuple(variables), tuple(start), tuple(blocks), cosines=False)
    return _merged(dataclasses.replace(written, blocks=tuple(_inlined(b) for b in _live(written))))


def _applied(
    group: Group,
    nature: Nature,
    backend: SymbolicBackend,
    algebra: PairAlgebra[sympy.Expr],
    carry_means: bool,
) -> tuple[list[Block], Nature]:
    """The blocks of a group, and the nature of the state behind it."""

    def once(before: Nature, after: Nature | None = None) -> tuple[Block, Nature]:
        tape = Tape(backend, every=True)
        rule = tape.binding(kernel_rule(algebra))
        value = group.through(rule, algebra, before.state(algebra, before.symbols()))
        after = after or Nature.of(value, carry_means)
        images = zip(after.symbols(), after.pack(value), strict=True)
        return _block(backend, tape.equations, tuple(images)), after

    if not isinstance(group.count, int):
        rule = Tape(backend).binding(kernel_rule(algebra))
        settled = group.settled(rule, algebra, nature, carry_means)
        block, _ = once(settled, settled)
        repeated = dataclasses.replace(block, count=group.count)
        return [_as_known(nature, settled, algebra), repeated], settled
    blocks: list[Block] = []
    left = group.count
    while left:
        block, after = once(nature)
        times = left if after == nature else 1
        blocks.append(dataclasses.replace(block, count=times))
        nature, left = after, left - times
    return blocks, nature


def _as_known(before: Nature, after: Nature, algebra: PairAlgebra[sympy.Expr]) -> Block:
    """The entries of a state of which less is known from here on."""
    entries = after.pack(before.state(algebra, before.symbols()))
    return Block((), tuple(zip(after.symbols(), entries, strict=True)), 1)


def _joined(nature: Nature) -> Block:
    """The output of groups of channels: their moments together."""
    second = nature.unpack(nature.symbols())
    plain = dataclasses.replace(nature, parts=(), unit_q=False, mean=None, theta=True)
    images = zip(plain.symbols(), [second.q, *second.k, *(second.theta or ())], strict=True)
    return Block((), tuple((s, _plain(e)) for s, e in images), 1)


def _block(backend: SymbolicBackend, hats: Sequence[Bound], images: Sequence[Bound]) -> Block:
    finish = backend.finish
    ordered = sorted(hats, key=lambda line: (int(line[0].owner), _ORDER[line[0].letter]))
    named = tuple((symbol, _plain(finish(expr))) for symbol, expr in ordered)
    return Block(named, tuple((symbol, _plain(finish(expr))) for symbol, expr in images), 1)


_ORDER = {"q": 0, "k": 1, "m": 2, "Theta": 3}


def _live(found: Recurrence) -> list[Block]:
    """The blocks without entries of the state, and values on the way, that nothing reads."""
    read = {"q", "k", "c", "Theta", "theta"}
    kept: list[Block] = []
    for block in reversed(found.blocks):
        while True:
            images = [(s, e) for s, e in block.images if s.place in read]
            symbols = set().union(*(e.free_symbols for _, e in images)) if images else set()
            for symbol, expr in reversed(block.hats):
                if symbol in symbols:
                    symbols |= expr.free_symbols
            inputs = {s.place for s in symbols if isinstance(s, Entry) and s.of_state}
            if block.count == 1 or inputs <= read:
                break
            read |= inputs
        hats = tuple((symbol, expr) for symbol, expr in block.hats if symbol in symbols)
        kept.append(Block(hats, tuple(images), block.count))
        read = inputs | ({"q"} if found.cosines else set())
    return kept[::-1]


def _merged(found: Recurrence) -> Recurrence:
    """Equal blocks that follow one another as one."""
    blocks: list[Block] = []
    for block in found.blocks:
        if (
            blocks
            and (blocks[-1].hats, blocks[-1].images) == (block.hats, block.images)
            and _repeats(block)
        ):
            blocks[-1] = dataclasses.replace(block, count=blocks[-1].count + block.count)
        elif any(symbol != expr for symbol, expr in block.images):
            blocks.append(block)
    return dataclasses.replace(found, blocks=tuple(blocks))


def _repeats(block: Block) -> bool:
    """Whether the block reads what it writes."""
    written = {symbol.place for symbol, _ in block.images}
    return {entry.place for entry in block.inputs} <= written


def _inlined(block: Block) -> Block:
    """The block without names for what is short, or read once; tangents in terms of covariances."""
    hats = [(symbol, _with_covariance(symbol, expr, block.hats)) for symbol, expr in block.hats]
    images = list(block.images)
    kept: list[Bound] = []
    for i, (symbol, expr) in enumerate(hats):
        later = [*hats[i + 1 :], *images]
        uses = sum(e.count(symbol) for _, e in later)
        if expr.count_ops() > 1 and uses > 1:
            kept.append((symbol, expr))
            continue
        hats[i + 1 :] = [(s, e.xreplace({symbol: expr})) for s, e in hats[i + 1 :]]
        images = [(s, e.xreplace({symbol: expr})) for s, e in images]
    images = [(s, shortest(e)) for s, e in images]
    return Block(tuple(kept), tuple(images), block.count)


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


def _plain(expr: sympy.Expr) -> sympy.Expr:
    """Exact numbers, and local maps written out where their standard form is short."""
    floats = {f: exact(float(f)) for f in expr.atoms(sympy.Float)}
    expr = expr.xreplace(floats)
    return expr.replace(
        lambda node: isinstance(node, LocalMap), lambda node: short_form(node) or node
    )


def _in_cosines(
    variables: Sequence[Entry], start: Sequence[sympy.Expr], blocks: Sequence[Block]
) -> Recurrence | None:
    """The recursions in q, c = k/q and Theta/q, where q is nowhere in those of the last two."""
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
    return Recurrence(names, tuple(scaled), tuple(found), cosines=True)


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
            written = expr.xreplace(known)
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
    above, below = sympy.fraction(sympy.cancel(expr))
    if below.could_extract_minus_sign():
        above, below = -above, -below
    return above / below
