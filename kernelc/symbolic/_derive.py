"""Derive: one symbolic pass over the graph, an equation for each distinct node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from .._errors import KernelcError, UnsupportedError
from ..algebra import PairAlgebra, Second, Signal
from ..ir import Network, Run, runs, visit
from ._iterate import Component, Iterate
from ._kernel import Kernel
from ._ring import SymbolicRing
from ._symbols import Symbols
from ._tape import Nature, Tape, substituted


# A formula longer than this is not read but iterated: see `derive`.
_LONGEST_FORMULA = 400
_FLAT_NODES = 40
_GROUP_NODES = 12

SymbolicSignal = Signal[sympy.Expr]


def derive(network: Network, q: Any = None) -> Kernel:
    """Derive the kernel of a network: its Q map, C map, NNGP and NTK as SymPy equations.

    Each node's kernel rule (design, section 2) is applied once over SymPy. Small networks come
    out as explicit formulas in c and q; larger ones as named maps F_i on the state
    (q, k, Theta), repeated blocks as powers F_i^n.

    Arguments:
        network: a `Network`, or what `shape` returns.
        q: q value of the inputs at every location; a symbol unless given. Shaped networks
            keep q = 1, so their kernels are functions of c alone.

    Returns:
        A `Kernel`.

    Raises:
        UnsupportedError: a layer without a known kernel (max pooling, non-Gaussian
            pre-activations), naming the node and the alternatives.
        DependenceError: branches that share randomness in a way without a known kernel.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((8,))
        >>> net = kc.Network(x, kc.chain(kc.Dense(9), kc.Activation("erf"), kc.Dense(1))(x))
        >>> kc.derive(net).q_map
        2*asin(2*q/(2*q + 1))/pi
    """
    if not isinstance(network, Network):
        shaped = getattr(network, "network", None)
        if not isinstance(shaped, Network):
            raise KernelcError(
                where="derive",
                found=f"an argument of type {type(network).__name__}",
                law="kernels are derived from networks",
                remedy="pass a kernelc.Network or what kernelc.shape returns",
            )
        network, q = shaped, 1 if q is None else q
    symbols = Symbols.of(q)
    if len(network) <= _FLAT_NODES:
        kernel = _Pass(network, symbols).flat()
        if kernel is not None:
            return kernel
    try:
        return _Pass(network, symbols, carry_means=False).mapped()
    except UnsupportedError:
        # A rule asked for the mean of a block's input. Few do, and without it blocks are
        # alike that differ only in what mean they are given.
        return _Pass(network, symbols).mapped()


class _Pass:
    """The state of one derivation."""

    def __init__(self, network: Network, symbols: Symbols, carry_means: bool = True) -> None:
        self.carry_means = carry_means
        self.network = network
        self.symbols = symbols
        self.ring = SymbolicRing()
        self.algebra = PairAlgebra(self.ring, _probes(network))
        self.tape = Tape(self.ring)

    def flat(self) -> Kernel | None:
        """An equation for each node, substituted into explicit maps; None when too long."""
        values: list[SymbolicSignal] = [self._start()]
        for node in self.network.nodes[1:]:
            value = visit(self.network, self.algebra, node, [values[i] for i in node.inputs])
            values.append(self.tape.bind(value, node.name))
            if self.tape.longest > _LONGEST_FORMULA:
                return None
        second = values[-1].second
        known = substituted(self.tape.equations)
        out = Second(
            second.q.xreplace(known),
            tuple(k.xreplace(known) for k in second.k),
            None if second.theta is None else tuple(t.xreplace(known) for t in second.theta),
        )
        return self._kernel(out, self.tape.equations)

    def mapped(self) -> Kernel:
        """Named maps on the state, one for each distinct block, powers for repeats."""
        signal = self._start()
        nature = Nature.of(signal, self.carry_means)
        state: Any = sympy.Tuple(*nature.pack(signal))
        first = state
        equations: list[tuple[sympy.Basic, sympy.Basic]] = []
        for group, count in _groups(runs(self.network)):
            left = count
            while left:
                body, after = self._body(group, nature)
                name, new = self._name(body)
                if new:
                    equations.append((name(*body.variables), body.expr))
                times = left if after == nature else 1
                state = Iterate(sympy.Symbol(str(name)), body, times, state)
                nature, left = after, left - times
        names = nature.symbols()
        parts = [Component(state, i, names[i]) for i in range(len(names))]
        out = nature.unpack(parts)
        final = sympy.Symbol("state")
        return self._kernel(out, [*equations, (final, state)], first)

    def _body(self, group: Sequence[Run], nature: Nature) -> tuple[sympy.Lambda, Nature]:
        """The map of some consecutive segments, from a state of this nature."""
        tape = Tape(self.ring)
        symbols = nature.symbols()
        value = nature.signal(self.algebra, symbols)
        for segment in (s for run in group for s in run.block):
            values: dict[int, SymbolicSignal] = {segment.start: self.algebra.seal(value)}
            for node in self.network.nodes[segment.start + 1 : segment.stop + 1]:
                inputs = [values[i] for i in node.inputs]
                values[node.index] = tape.bind(
                    visit(self.network, self.algebra, node, inputs), node.name
                )
            value = values[segment.stop]
        after = Nature.of(value, self.carry_means)
        known = substituted(tape.equations)
        images = [self.ring.finish(entry.xreplace(known)) for entry in after.pack(value)]
        return sympy.Lambda(tuple(symbols), sympy.Tuple(*images)), after

    def _name(self, body: sympy.Lambda) -> tuple[Any, bool]:
        new = body not in self.tape.names
        name = self.tape.names.setdefault(body, sympy.Function(f"F_{len(self.tape.names) + 1}"))
        return name, new

    def _start(self) -> SymbolicSignal:
        symbols, algebra = self.symbols, self.algebra
        cosines = {
            "c": symbols.c,
            "s": symbols.s,
            "sc": symbols.s * symbols.c,
            "b": symbols.c_b,
        }
        k = tuple(symbols.q * cosines[label] for label in algebra.probes)
        zero = tuple(sympy.Integer(0) for _ in k)
        return algebra.atom_signal(Second(symbols.q, k, zero), None)

    def _kernel(
        self, out: Second[sympy.Expr], equations: Sequence[Any], state: Any = None
    ) -> Kernel:
        finish = self.ring.finish
        equations = tuple(
            (name, finish(expr) if isinstance(expr, sympy.Expr) else expr)
            for name, expr in equations
        )
        return Kernel(
            network=self.network,
            symbols=self.symbols,
            probes=self.algebra.probes,
            equations=equations,
            q_map=finish(out.q),
            nngp=finish(out.k[0]),
            theta=None if out.theta is None else finish(out.theta[0]),
            state=state,
        )


def _groups(found: Sequence[Run]) -> list[tuple[list[Run], int]]:
    """Runs as they are; consecutive single blocks joined while they stay short."""
    groups: list[tuple[list[Run], int]] = []
    length = 0
    for run in found:
        nodes = sum(s.stop - s.start for s in run.block)
        single = run.count == 1
        if single and groups and groups[-1][1] == 1 and length + nodes <= _GROUP_NODES:
            groups[-1][0].append(run)
            length += nodes
        else:
            groups.append(([run], run.count))
            length = nodes if single else _GROUP_NODES
    return groups


def _probes(network: Network) -> tuple[str, ...]:
    """Which pairs beside (x, x') the rules of this network read."""
    needs: set[str] = set()
    for node in network:
        needs.update(node.layer.reads())
    probes = ("c",)
    if "location" in needs:
        probes += ("s", "sc")
    if "batch" in needs:
        probes += ("b",)
    return probes
