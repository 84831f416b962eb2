"""Derive: one symbolic pass over the graph, an equation for each distinct node."""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from .._errors import KernelcError
from ..algebra import (
    KernelState,
    OverlapReading,
    PairAlgebra,
    SecondMoments,
    probes,
    refuse_two_tables,
)
from ..ir import (
    Network,
    NetworkCarrier,
    NetworkNode,
    Real,
    Run,
    as_network,
    depths_of,
    fold,
    kernel_rule,
    pairs_read,
)
from ._formulas import Equation, Symbols
from ._kernel import Kernel
from ._named_maps import Maps, Steps
from ._nested import NestedRules
from ._stages import Group, groups, main_path, stages
from ._symbolic_backend import SymbolicBackend
from ._tape import Nature, Tape, substituted


# A formula longer than this is not read but iterated: see `derive`.
_LONGEST_FORMULA = 400
_FLAT_NODES = 40
_MOST_EQUATIONS = 15

SymbolicState = KernelState[sympy.Expr]


def derive(network: Network | NetworkCarrier, q: Real | None = None) -> Kernel:
    """Derive the kernel of a network: its Q map, C map, NNGP and NTK as SymPy equations.

    Each node's kernel rule (Martens et al. 2021) is applied once over SymPy. Small networks come
    out as explicit formulas in c and q; larger ones as named maps F_i on the state
    (q, k) and G_i on (q, k, Theta), repeated blocks as powers F_i^n.

    Arguments:
        network: a `Network`, or what `shape` returns. Weights and deviations may be symbols,
            and so may depths (`kernelc.repeat`): then formulas hold for every depth.
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
        2*atan(2*q/sqrt(4*q + 1))/pi
    """
    network, input_q = as_network(network, "derive", symbols=True)
    if q is None and input_q is not None:
        q = input_q
    network.fold(OverlapReading(), None)
    refuse_two_tables(network)
    symbols = Symbols.of(q)
    symbols.require_others(network)
    depths = depths_of(network)
    if len(network) <= _FLAT_NODES and not depths:
        kernel = _Pass(network, symbols).flat()
        if kernel is not None:
            return kernel
    for carry_means in (False, True):
        try:
            return _Pass(network, symbols, carry_means).mapped()
        except KernelcError:
            # Without means: a rule asked for the mean of a block's input, which few do, and
            # blocks are more alike when it is left out. With them: a refusal, but a repeated
            # block is visited once, so the flat pass below finds the node it is about.
            if depths and carry_means:
                raise
    kernel = _Pass(network, symbols).flat(limited=False)
    assert kernel is not None
    return kernel


class _TooLong(Exception):
    """A formula longer than the limit for reading."""


class _Pass:
    """The state of one derivation."""

    def __init__(self, network: Network, symbols: Symbols, carry_means: bool = True) -> None:
        self.carry_means = carry_means
        self.network = network
        self.symbols = symbols
        self.backend = SymbolicBackend()
        self.algebra = PairAlgebra(self.backend, probes(network))
        self.tape = Tape(self.backend)

    def flat(self, limited: bool = True) -> Kernel | None:
        """An equation for each node, substituted into explicit maps; None when too long."""
        most = _MOST_EQUATIONS * len(self.algebra.probes)
        rule = self.tape.binding(kernel_rule(self.algebra))

        def short(node: NetworkNode, inputs: Sequence[SymbolicState]) -> SymbolicState:
            value = rule(node, inputs)
            long = self.tape.longest > _LONGEST_FORMULA or len(self.tape.equations) > most
            if limited and long:
                raise _TooLong
            return value

        try:
            values = fold(self.network.nodes[1:], short, {0: self._start(self.algebra)})
        except _TooLong:
            return None
        second = values[self.network.last].second
        known = substituted(self.tape.equations)
        out = SecondMoments(
            second.q.xreplace(known),
            tuple(k.xreplace(known) for k in second.k),
            None if second.theta is None else tuple(t.xreplace(known) for t in second.theta),
        )
        return self._kernel(out, self.tape.equations)

    def mapped(self) -> Kernel:
        """Named maps on the state, one for each distinct block, powers for repeats.

        NNGP and NTK are written apart: the state of the first carries no Theta, so that on
        networks of uniform q it is one number and its maps are C maps.
        """
        plain, equations = self._iterated("F", theta=False)
        out, more = self._iterated("G", theta=True)
        theta = None if out.theta is None else (out.theta[0],)
        return self._kernel(SecondMoments(plain.q, plain.k[:1], theta), [*equations, *more])

    def _iterated(
        self, letter: str, theta: bool
    ) -> tuple[SecondMoments[sympy.Expr], list[Equation]]:
        """The output as powers of named maps, and the equations that define the maps.

        Up to the first node that mixes pairs (a pool, a batch norm) every pair goes through
        the same maps, so those are written once, for the pair (x, x').
        """
        found = main_path(self.network)
        split = next((i for i, run in enumerate(found) if self._mixes(run)), len(found))
        maps = Maps(letter)
        alone = PairAlgebra(self.backend)
        together = PairAlgebra(self.backend, self.algebra.probes)
        state = self._start(alone, theta)
        out, nature = self._through(found[:split], state, alone, maps)
        if split < len(found):
            cosines = [self.symbols.cosine(label) for label in self.algebra.probes]
            pairs = [_at_cosine(out, self.symbols.c, cosine) for cosine in cosines]
            joined = SecondMoments(
                out.q,
                tuple(pair.k[0] for pair in pairs),
                tuple(pair.theta[0] for pair in pairs if pair.theta is not None) if theta else None,
            )
            mean = None if nature.mean != 0 else sympy.Integer(0)
            state = together.state_of(joined, mean, gaussian=nature.gaussian)
            out, _ = self._through(found[split:], state, together, maps)
        return out, maps.equations

    def _mixes(self, run: Run) -> bool:
        inside = [self.network.nodes[i] for segment in run.block for i in segment.nodes]
        return bool(pairs_read(inside))

    def _through(
        self,
        found: Sequence[Run],
        state: SymbolicState,
        algebra: PairAlgebra[sympy.Expr],
        maps: Maps,
    ) -> tuple[SecondMoments[sympy.Expr], Nature]:
        """Some runs of the main path, applied to a state."""
        rules = self._rules(algebra, maps)
        nature = Nature.of(state, self.carry_means)
        reached = Steps(maps, tuple(nature.pack(state)))
        for group in groups(self.network, found):
            left = group.count
            if not isinstance(left, int):
                nature = self._repeated(group, nature, rules, reached)
                continue
            while left:
                body, after = self._body(group, nature, rules)
                if len(body) == 1 and tuple(body[0].expr) == body[0].variables:
                    # Nothing changes but what is known of the state.
                    nature, left = after, (0 if after == nature else left - 1)
                    continue
                times = left if after == nature else 1
                reached.apply(body, times)
                nature, left = after, left - times
        return nature.unpack(reached.entries(nature.names)), nature

    def _rules(self, algebra: PairAlgebra[sympy.Expr], maps: Maps) -> NestedRules:
        """The kernel rules; maps of blocks off the main path have names too."""

        def power(group: Group, nature: Nature, start: Sequence[sympy.Expr]) -> list[sympy.Expr]:
            body, _ = self._body(group, nature, rules, nature)
            reached = Steps(maps, tuple(start))
            reached.apply(body, group.count)
            return reached.entries(nature.names)

        rules = NestedRules(self.backend, algebra, self.carry_means, power)
        return rules

    def _repeated(self, group: Group, nature: Nature, rules: NestedRules, reached: Steps) -> Nature:
        """A block applied a symbolic number of times; the nature of the state behind it."""
        settled = rules.settled(group, nature)
        if settled != nature:
            symbols = nature.symbols()
            entries = settled.pack(nature.state(rules.algebra, symbols))
            if entries != symbols:
                reached.apply([sympy.Lambda(tuple(symbols), sympy.Tuple(*entries))], 1)
        body, _ = self._body(group, settled, rules, settled)
        reached.apply(body, group.count)
        return settled

    def _body(
        self,
        group: Group,
        nature: Nature,
        rules: NestedRules,
        target: Nature | None = None,
    ) -> tuple[list[sympy.Lambda], Nature]:
        """The map of some consecutive segments from a state of this nature, in stages.

        The images are entries of a state of nature `target`, that of the state unless given.
        """
        tape = Tape(self.backend)
        symbols, algebra = nature.symbols(), rules.algebra
        value = group.through(rules.on(tape), algebra, nature.state(algebra, symbols))
        after = Nature.of(value, self.carry_means) if target is None else target
        finish = self.backend.finish
        equations = [(symbol, finish(expr)) for symbol, expr in tape.equations]
        images = [finish(entry) for entry in after.pack(value)]
        return stages(symbols, equations, images), after

    def _start(self, algebra: PairAlgebra[sympy.Expr], theta: bool = True) -> SymbolicState:
        q = self.symbols.q
        k = tuple(q * self.symbols.cosine(label) for label in algebra.probes)
        zero = tuple(sympy.Integer(0) for _ in k)
        return algebra.state_of(SecondMoments(q, k, zero if theta else None), None)

    def _kernel(self, out: SecondMoments[sympy.Expr], equations: Sequence[Equation]) -> Kernel:
        finish = self.backend.finish
        return Kernel(
            network=self.network,
            symbols=self.symbols,
            probes=self.algebra.probes,
            equations=tuple(
                (name, finish(expr) if isinstance(expr, sympy.Expr) else expr)
                for name, expr in equations
            ),
            q_map=finish(out.q),
            nngp=finish(out.k[0]),
            theta=None if out.theta is None else finish(out.theta[0]),
            derived_by=derive,
        )


def _at_cosine(
    second: SecondMoments[sympy.Expr], c: sympy.Symbol, cosine: sympy.Expr
) -> SecondMoments[sympy.Expr]:
    """The same moments for a pair of another cosine similarity."""
    change = {c: cosine}
    theta = None if second.theta is None else tuple(t.xreplace(change) for t in second.theta)
    return SecondMoments(second.q, tuple(k.xreplace(change) for k in second.k), theta)
