"""Kernel rules of blocks of symbolic depth in branches, and in other such blocks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import sympy

from .._errors import DependenceError
from ..algebra import KernelState, PairAlgebra, SecondMoments
from ..ir import NetworkNode, Rule, fold, kernel_rule
from ._stages import Group, block_group
from ._symbolic_backend import SymbolicBackend
from ._tape import Nature, Tape


State = KernelState[sympy.Expr]
Power = Callable[[Group, Nature, Sequence[sympy.Expr]], Sequence[sympy.Expr]]
"""The entries of a state of a nature behind a group, from those before it."""


@dataclasses.dataclass(frozen=True)
class NestedRules:
    """The kernel rules of nodes, and of blocks that stand at any place of a network.

    On the main path the state behind a block is all there is. Elsewhere its value meets others: a
    skip connection adds what the block has read.

    Arguments:
        backend: the expressions.
        algebra: the rules.
        carry_means: whether the means of states that are not Gaussian are entries of them.
        power: what writes the block as a map and applies it as often as it is.
    """

    backend: SymbolicBackend
    algebra: PairAlgebra[sympy.Expr]
    carry_means: bool
    power: Power

    def on(self, tape: Tape) -> Rule[State]:
        """The rules, whose results have names on a tape."""
        plain = kernel_rule(self.algebra)

        def rule(node: NetworkNode, inputs: Sequence[State]) -> State:
            group = block_group(node)
            return plain(node, inputs) if group is None else self._behind(group, inputs[0])

        return tape.binding(rule)

    def untold(self) -> Rule[State]:
        """The rules on a tape that no one reads: what they make of a state counts, not how."""
        return self.on(Tape(self.backend))

    def settled(self, group: Group, nature: Nature) -> Nature:
        """The nature that a state keeps however often a group is applied."""
        return group.settled(self.untold(), self.algebra, nature, self.carry_means)

    def _behind(self, group: Group, s: State) -> State:
        """The state behind a block, with what it is a sum of."""
        nature = self.settled(group, Nature.of(s, self.carry_means))
        entries = self.power(group, nature, nature.pack(s))
        after = nature.state(self.algebra, list(entries))
        start = nature.state(self.algebra, nature.symbols())
        try:
            once = fold(group.nodes, self.untold(), {group.nodes[0].index - 1: start})
        except DependenceError:
            return self._shared(after, s)
        form = once[group.nodes[-1].index].form
        own = start.form[0][1]
        rest = [atom for _, atom in form if atom is not own]
        if any(atom.support & own.support for atom in rest):
            return self._shared(after, s)
        kept = next((scale for scale, atom in form if atom is own), None)
        if kept is None:
            return after
        scale = kept**group.count
        gaussian = all(atom.gaussian for atom in rest)
        added = [self._added(after, s, scale, gaussian)] if rest else []
        scaled = [KernelState(s.second, s.mean, tuple((scale * c, atom) for c, atom in s.form))]
        terms = tuple(term for state in (*scaled, *added) for term in state.form)
        return dataclasses.replace(after, form=terms)

    def _shared(self, after: State, s: State) -> State:
        """A value that is a function of what `s` is one of, in no way that sums know."""
        own = frozenset().union(after.support, s.support)
        made = self.algebra.state_of(after.second, after.mean, own, after.gaussian)
        return dataclasses.replace(made, parts=after.parts)

    def _added(self, after: State, s: State, scale: sympy.Expr, gaussian: bool) -> State:
        """What independent weights add to `scale` times `s`."""

        def less(total: sympy.Expr, part: sympy.Expr) -> sympy.Expr:
            return total - scale**2 * part

        both, own = after.second, s.second
        k = tuple(map(less, both.k, own.k))
        theta = None
        if both.theta is not None and own.theta is not None:
            theta = tuple(map(less, both.theta, own.theta))
        mean = None
        if after.mean is not None and s.mean is not None:
            mean = after.mean - scale * s.mean
        return self.algebra.state_of(
            SecondMoments(less(both.q, own.q), k, theta), mean, gaussian=gaussian
        )
