"""A long block as a chain of short maps: each stage takes the values that later ones read."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence

import sympy

from ..algebra import KernelState, PairAlgebra
from ..ir import (
    Network,
    NetworkNode,
    Real,
    Rule,
    Run,
    Segment,
    fold,
    kernel_key,
    repeated_block,
    runs,
    segments,
)
from ._formulas import Equation
from ._tape import Nature


# Symbols of one entry of a stage. A block that is written out in full grows by a factor at
# each node, so a long one would have more symbols than fit into memory.
LONGEST_ENTRY = 400
_GROUP_NODES = 12


def stages(
    variables: Sequence[sympy.Symbol],
    equations: Sequence[Equation],
    outputs: Sequence[sympy.Expr],
) -> list[sympy.Lambda]:
    """Maps whose composition takes `variables` to `outputs`.

    Arguments:
        variables: symbols of the entries of a state.
        equations: names for what is computed from them, in order.
        outputs: the images, in terms of all these symbols.

    Returns:
        One map where the written images are short; else a chain of maps.
    """
    found: list[sympy.Lambda] = []
    stage = _Stage(list(variables))
    for i, (symbol, expr) in enumerate(equations):
        if stage.size(expr) > LONGEST_ENTRY and stage.written:
            later = [*(e for _, e in equations[i:]), *outputs]
            stage = stage.closed(found, later)
        stage.write(symbol, expr)
    if stage.written and max(stage.size(expr) for expr in outputs) > LONGEST_ENTRY:
        stage = stage.closed(found, outputs)
    found.append(stage.map_to(outputs))
    return found


class _Stage:
    """Equations written in terms of the variables of one stage."""

    def __init__(self, variables: list[sympy.Symbol]) -> None:
        self.variables = variables
        self.written: dict[sympy.Basic, sympy.Basic] = {}
        self._sizes: dict[sympy.Basic, int] = {}

    def size(self, expr: sympy.Basic) -> int:
        """Symbols of `expr` once written in the variables."""
        if not expr.args:
            return self._sizes.get(expr, 1)
        return sum(self.size(arg) for arg in expr.args)

    def write(self, symbol: sympy.Symbol, expr: sympy.Expr) -> None:
        self._sizes[symbol] = self.size(expr)
        self.written[symbol] = expr.xreplace(self.written)

    def map_to(self, images: Sequence[sympy.Expr]) -> sympy.Lambda:
        written = [image.xreplace(self.written) for image in images]
        return sympy.Lambda(tuple(self.variables), sympy.Tuple(*written))

    def closed(self, found: list[sympy.Lambda], later: Sequence[sympy.Expr]) -> _Stage:
        """The stage after this one, which is put behind those found."""
        read: set[sympy.Basic] = set().union(*(expr.free_symbols for expr in later))
        live = [s for s in (*self.variables, *self.written) if s in read]
        found.append(self.map_to(live))
        return _Stage(live)


@dataclasses.dataclass(frozen=True)
class Group:
    """Consecutive segments of the main path, applied `count` times.

    Arguments:
        segments: the nodes of each.
        count: how often; a symbol where a block is repeated a symbolic number of times.
    """

    segments: tuple[tuple[NetworkNode, ...], ...]
    count: Real

    @property
    def nodes(self) -> list[NetworkNode]:
        """The nodes of all segments."""
        return [node for segment in self.segments for node in segment]

    def through(
        self,
        rule: Rule[KernelState[sympy.Expr]],
        algebra: PairAlgebra[sympy.Expr],
        value: KernelState[sympy.Expr],
    ) -> KernelState[sympy.Expr]:
        """What becomes of a state in one application."""
        for nodes in self.segments:
            start = nodes[0].index - 1
            value = fold(nodes, rule, {start: algebra.seal(value)})[nodes[-1].index]
        return value

    def settled(
        self,
        rule: Rule[KernelState[sympy.Expr]],
        algebra: PairAlgebra[sympy.Expr],
        nature: Nature,
        carry_means: bool,
    ) -> Nature:
        """The nature that a state keeps however often the group is applied, from this one on."""
        while True:
            value = self.through(rule, algebra, nature.state(algebra, nature.symbols()))
            both = nature.without(Nature.of(value, carry_means), self.nodes[-1].name)
            if both == nature:
                return nature
            nature = both


def main_path(network: Network) -> list[Run]:
    """The runs of the main path; a node on it that stands for a block is a run of its own."""
    alone = {segment.stop for segment in segments(network) if len(segment.nodes) == 1}

    def key(node: NetworkNode) -> Hashable:
        own = node.index in alone and node.layer.repetition(node.in_shapes) is not None
        return node.index if own else kernel_key(node)

    return runs(network, key)


def groups(network: Network, found: Sequence[Run]) -> list[Group]:
    """Runs of the main path as they are; consecutive single nodes joined while they stay few."""
    joined: list[Group] = []
    room = 0
    for run in found:
        group = _group(network, run)
        single = group.count == 1 and all(len(nodes) == 1 for nodes in group.segments)
        if single and room >= len(run.block):
            joined[-1] = Group((*joined[-1].segments, *group.segments), 1)
            room -= len(run.block)
        else:
            joined.append(group)
            room = _GROUP_NODES - len(run.block) if single else 0
    return joined


def _group(network: Network, run: Run) -> Group:
    """The nodes of a run; those of the block where its one node stands for a block."""
    first = network.nodes[run.block[0].start + 1]
    inside = block_group(first) if first.index == run.block[0].stop else None
    return Group(_nodes(network.nodes, run.block), run.count) if inside is None else inside


def block_group(node: NetworkNode) -> Group | None:
    """The block that a node stands for; None for a layer of its own."""
    inside = repeated_block(node)
    if inside is None:
        return None
    named = [dataclasses.replace(each, name=f"{node.name}.{each.name}") for each in inside.network]
    return Group(_nodes(named, segments(inside.network)), inside.times)


def _nodes(
    nodes: Sequence[NetworkNode], found: Sequence[Segment]
) -> tuple[tuple[NetworkNode, ...], ...]:
    return tuple(tuple(nodes[i] for i in segment.nodes) for segment in found)
