"""Recurrence: a kernel as a paper writes it, block by block, each local map defined once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

import sympy

from .._errors import KernelcError
from ..algebra import PairAlgebra, SecondMoments, probes
from ..ir import Network, Run, Segment, depths_of
from ._block import Behind, Block, nodes_of, state_behind
from ._cosines import in_cosines
from ._entry import Bound, Entry
from ._exact_numbers import exact
from ._formulas import Symbols
from ._inlined import inlined
from ._maps import LocalMap
from ._nested import NestedRules
from ._stages import Group, groups, main_path
from ._standard_forms import short_form
from ._symbolic_backend import SymbolicBackend
from ._tape import Nature, Tape


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
        counts = [sympy.sympify(block.count) for block in self.blocks]
        counts += [node.times for node in self.nodes if isinstance(node, Behind)]
        return set().union(*(count.free_symbols for count in counts))

    @property
    def nodes(self) -> Iterator[sympy.Basic]:
        """The nodes of its formulas."""
        for block in self.blocks:
            for _, expr in block.lines:
                yield from nodes_of(expr)

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
        lines = [expr for block in self.blocks for _, expr in block.lines]
        return set().union(*(expr.free_symbols for expr in (*self.start, *lines)))

    def subs(self, replaced: Sequence[Sequence[Any]]) -> Recurrence:
        """The recursions with symbols replaced, as `sympy.Basic.subs`, once for each entry."""

        def changed(expr: sympy.Expr) -> sympy.Expr:
            return reduce(lambda written, values: written.subs(*values), replaced, expr)

        blocks = tuple(block.changed(changed) for block in self.blocks)
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
    rules = _rules(backend, algebra, carry_means)
    for group in groups(network, found):
        more, nature = _applied(group, nature, rules)
        blocks += more
    if nature.parts:
        blocks.append(_joined(nature))
    cosines = in_cosines(variables, start, blocks)
    parts = cosines or (tuple(variables), tuple(start), tuple(blocks))
    written = Recurrence(*parts, cosines=cosines is not None)
    return _merged(dataclasses.replace(written, blocks=tuple(inlined(b) for b in _live(written))))


def _rules(
    backend: SymbolicBackend, algebra: PairAlgebra[sympy.Expr], carry_means: bool
) -> NestedRules:
    """The kernel rules; blocks off the main path are functions of the state before them."""

    def power(group: Group, nature: Nature, start: Sequence[sympy.Expr]) -> list[sympy.Expr]:
        block, _ = _once(group, nature, rules, nature)
        return state_behind(dataclasses.replace(block, count=group.count), start)

    rules = NestedRules(backend, algebra, carry_means, power)
    return rules


def _once(
    group: Group, before: Nature, rules: NestedRules, after: Nature | None = None
) -> tuple[Block, Nature]:
    """One application of a group, and the nature of the state behind it: `after`, if given."""
    tape = Tape(rules.backend, every=True)
    state = before.state(rules.algebra, before.symbols())
    value = group.through(rules.on(tape), rules.algebra, state)
    after = after or Nature.of(value, rules.carry_means)
    images = zip(after.symbols(), after.pack(value), strict=True)
    return _block(rules.backend, tape.equations, tuple(images)), after


def _applied(group: Group, nature: Nature, rules: NestedRules) -> tuple[list[Block], Nature]:
    """The blocks of a group, and the nature of the state behind it."""
    if not isinstance(group.count, int):
        settled = rules.settled(group, nature)
        block, _ = _once(group, settled, rules, settled)
        repeated = dataclasses.replace(block, count=group.count)
        return [_as_known(nature, settled, rules.algebra), repeated], settled
    blocks: list[Block] = []
    left = group.count
    while left:
        block, after = _once(group, nature, rules)
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


def _plain(expr: sympy.Expr) -> sympy.Expr:
    """Exact numbers, and local maps written out where their standard form is short."""
    floats = {f: exact(float(f)) for f in expr.atoms(sympy.Float)}
    expr = expr.xreplace(floats)
    return expr.replace(
        lambda node: isinstance(node, LocalMap), lambda node: short_form(node) or node
    )
