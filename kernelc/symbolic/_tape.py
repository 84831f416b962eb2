"""Equations as they are written down: a symbol for each entry worth a name."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import sympy

from .._errors import UnsupportedError
from ..algebra import KernelState, PairAlgebra, SecondMoments
from ..ir import Real, Rule
from ._entry import Bound, Entry
from ._formulas import Equation
from ._symbolic_backend import SymbolicBackend


class Tape:
    """Names the second moments of each node and keeps what the names stand for.

    Arguments:
        backend: the expressions.
        every: whether short entries get names too, all but numbers.
    """

    def __init__(self, backend: SymbolicBackend, every: bool = False) -> None:
        self.backend = backend
        self.every = every
        self.equations: list[Bound] = []
        self.longest = 0
        self._sizes: dict[sympy.Basic, int] = {}
        self._count = 0

    def bind(self, state: KernelState[sympy.Expr], where: str) -> KernelState[sympy.Expr]:
        """The state with long entries replaced by symbols defined on the tape."""
        if state.parts:
            parts = tuple((share, self.bind(part, where)) for share, part in state.parts)
            state = dataclasses.replace(state, parts=parts)
        q = snapped(state.second.q)
        if q is not state.second.q:
            state = _with_second(state, dataclasses.replace(state.second, q=q))
        # A state whose entries all have names keeps them: sums know their parts by them.
        if all(entry.is_Symbol or self._is_short(entry) for entry in _entries(state.second)):
            return state
        self._count += 1
        i, second = self._count, state.second
        k = tuple(
            self._name(f"k_{i}" + "'" * j, entry, real=True) for j, entry in enumerate(second.k)
        )
        theta = second.theta
        if theta is not None:
            theta = tuple(
                self._name(f"Theta_{i}" + "'" * j, entry, real=True)
                for j, entry in enumerate(theta)
            )
        q = self._name(f"q_{i}", second.q, positive=True)
        bound = SecondMoments(q, k, theta)
        return _with_second(state, bound)

    def binding(self, rule: Rule[KernelState[sympy.Expr]]) -> Rule[KernelState[sympy.Expr]]:
        """A kernel rule whose results have names, so that no formula grows."""
        return lambda node, inputs: self.bind(rule(node, inputs), node.name)

    def _name(self, name: str, expr: sympy.Expr, **assumptions: bool) -> sympy.Expr:
        if self._is_short(expr):
            return expr
        symbol = Entry(name, **assumptions)
        self.equations.append((symbol, expr))
        self._sizes[symbol] = self._size(expr)
        self.longest = max(self.longest, self._sizes[symbol])
        return symbol

    def _is_short(self, expr: sympy.Expr) -> bool:
        """Atoms and products of atoms need no name of their own."""
        if self.every:
            return expr.is_number
        return expr.is_Atom or (expr.is_Mul and all(arg.is_Atom for arg in expr.args))

    def _size(self, expr: sympy.Basic) -> int:
        """Number of leaves once every name is written out."""
        if not expr.args:
            return self._sizes.get(expr, 1)
        return sum(self._size(arg) for arg in expr.args)


def snapped(q: sympy.Expr) -> sympy.Expr:
    """One, when weights in floating point miss a sum of squares of one by rounding."""
    return sympy.Integer(1) if q.is_Float and abs(q - 1) < 1e-12 else q


def _with_second(
    state: KernelState[sympy.Expr], second: SecondMoments[sympy.Expr]
) -> KernelState[sympy.Expr]:
    """The state with its moments written otherwise; so is its atom, when it is one atom."""
    if len(state.form) != 1 or state.form[0][1].second is not state.second:
        return dataclasses.replace(state, second=second)
    scale, atom = state.form[0]
    renamed = dataclasses.replace(atom, second=second)
    return dataclasses.replace(state, second=second, form=((scale, renamed),))


def substituted(equations: Sequence[Equation]) -> dict[sympy.Basic, sympy.Basic]:
    """Each name with all earlier names written out; sub-expressions are shared in memory."""
    known: dict[sympy.Basic, sympy.Basic] = {}
    for symbol, expr in equations:
        known[symbol] = expr.xreplace(known)
    return known


def _entries(second: SecondMoments[sympy.Expr]) -> Iterator[sympy.Expr]:
    yield second.q
    yield from second.k
    yield from second.theta or ()


@dataclasses.dataclass(frozen=True)
class Nature:
    """What is known of a state besides its numbers: two states of one nature are exchangeable
    as the input of a block."""

    gaussian: bool
    mean: sympy.Expr | None
    """None when unknown; otherwise zero, or the number one for `carried as an entry`."""
    unit_q: bool
    probes: int
    theta: bool
    parts: tuple[tuple[Real, Nature], ...] = ()

    @classmethod
    def of(cls, state: KernelState[sympy.Expr], carry_means: bool = True) -> Nature:
        """The nature of `state`; without `carry_means` only Gaussian states have a known one."""
        mean = state.mean
        if mean is not None and not mean.is_zero:
            mean = sympy.Integer(1)
        if not carry_means and not state.gaussian:
            mean = None
        return cls(
            gaussian=state.gaussian,
            mean=mean,
            unit_q=state.second.q == 1,
            probes=len(state.second.k),
            theta=state.second.theta is not None,
            parts=tuple((share, cls.of(part, carry_means)) for share, part in state.parts),
        )

    def without(self, other: Nature, where: str) -> Nature:
        """What is known of states of either nature.

        Arguments:
            other: the other one.
            where: the node that a state of that one comes from, for the error.

        Raises:
            UnsupportedError: natures of other groups of channels.
        """
        if self.parts != other.parts:
            raise UnsupportedError(
                where=where,
                found="a block that returns other groups of channels than it reads",
                law="a formula in the depth needs a state of the same form after each application",
                remedy="put a Dense layer at the end of the block, or give the depth a number",
            )
        means = (self.mean, other.mean)
        return dataclasses.replace(
            self,
            gaussian=self.gaussian and other.gaussian,
            mean=None if None in means else max(mean for mean in means if mean is not None),
            unit_q=self.unit_q and other.unit_q,
            theta=self.theta and other.theta,
        )

    def symbols(self, suffix: str = "") -> list[Entry]:
        """Symbols for the entries of a state of this nature."""
        if self.parts:
            nested = (
                part.symbols(f"{suffix}_{i}") for i, (_, part) in enumerate(self.parts, start=1)
            )
            return [symbol for symbols in nested for symbol in symbols]
        primes = ["'" * i for i in range(self.probes)]
        found = [] if self.unit_q else [Entry(f"q_in{suffix}", positive=True)]
        found += [Entry(f"k_in{suffix}{p}", real=True) for p in primes]
        if self.theta:
            found += [Entry(f"Theta_in{suffix}{p}", real=True) for p in primes]
        if self.mean == 1:
            found.append(Entry(f"m_in{suffix}", real=True))
        return found

    @property
    def names(self) -> list[str]:
        """What the entries of such a state are printed as."""
        return [str(symbol) for symbol in self.symbols()]

    def pack(self, state: KernelState[sympy.Expr]) -> list[sympy.Expr]:
        """The entries of `state`, in the order of `symbols`."""
        if self.parts:
            packed = [
                nature.pack(part)
                for (_, nature), (_, part) in zip(self.parts, state.parts, strict=True)
            ]
            return [entry for entries in packed for entry in entries]
        second = state.second
        entries = [] if self.unit_q else [second.q]
        entries += [*second.k, *((second.theta or ()) if self.theta else ())]
        if self.mean == 1:
            assert state.mean is not None
            entries.append(state.mean)
        return entries

    def unpack(self, entries: Sequence[sympy.Expr]) -> SecondMoments[sympy.Expr]:
        """The second moments behind packed entries."""
        if self.parts:
            return self._unpack_parts(entries)
        rest = list(entries)
        q = sympy.Integer(1) if self.unit_q else rest.pop(0)
        k = tuple(rest[: self.probes])
        theta = tuple(rest[self.probes : 2 * self.probes]) if self.theta else None
        return SecondMoments(q, k, theta)

    def _unpack_parts(self, entries: Sequence[sympy.Expr]) -> SecondMoments[sympy.Expr]:
        backend = SymbolicBackend()
        algebra = PairAlgebra(backend, tuple(f"probe {i}" for i in range(self.probes)))
        return self.state(algebra, list(entries)).second

    def state(
        self, algebra: PairAlgebra[sympy.Expr], entries: Sequence[sympy.Expr]
    ) -> KernelState[sympy.Expr]:
        """A state of this nature with these entries."""
        if self.parts:
            states, start = [], 0
            for _, nature in self.parts:
                stop = start + len(nature.symbols())
                states.append(nature.state(algebra, entries[start:stop]))
                start = stop
            return algebra.concat(states, [share for share, _ in self.parts])
        mean = entries[-1] if self.mean == 1 else self.mean
        return algebra.state_of(self.unpack(entries), mean, gaussian=self.gaussian)
