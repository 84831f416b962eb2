"""C_f'(1), C_f''(1) and mu as formulas in the local slope psi and curvature kappa."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sympy

from ..algebra import Jet, JetReading
from ..ir import Network, Real, Region, Run, regions, repeated_block, runs
from ._exact_numbers import exact


_LONGEST_SUM = 12
_IDENTITY = Jet(sympy.Integer(1), sympy.Integer(0))


class _ExactJets(JetReading):
    """Slopes in the fractions that decimals stand for, so that powers of 0.36 + 0.64 are 1."""

    def _mean(self, parts: Sequence[Jet], shares: Sequence[Real]) -> Jet:
        known = [share if isinstance(share, sympy.Expr) else exact(share) for share in shares]
        return super()._mean(parts, known)


def network_jet(network: Network, psi: sympy.Expr, kappa: sympy.Expr) -> Jet:
    """Slope and curvature of the whole network at c = 1, repeats as powers."""
    algebra = _ExactJets(psi, kappa)
    total = _IDENTITY
    for run in runs(network):
        block = _block_jet(network, algebra, run)
        total = total.then(_power(block, run.count))
    return total


def max_slope(network: Network, psi: sympy.Symbol) -> sympy.Expr:
    """mu(psi): the largest slope over all subnetworks (Martens et al. 2021)."""
    whole = network_jet(network, psi, sympy.Integer(0)).slope
    algebra = _ExactJets(psi, sympy.Integer(0))
    found = {whole: None}
    for graph in (network, *blocks_inside(network)):
        for region in regions(graph)[graph is network :]:
            found[_region_slope(graph, algebra, region)] = None
    found = {slope: None for slope in found if slope not in (1, psi)} or {whole: None}
    return sympy.Max(*found, evaluate=False) if len(found) > 1 else next(iter(found))


def blocks_inside(network: Network) -> Iterator[Network]:
    """The blocks that nodes stand for, those inside of these among them."""
    for node in network:
        block = repeated_block(node)
        if block is not None:
            yield block.network
            yield from blocks_inside(block.network)


def _region_slope(network: Network, algebra: JetReading, region: Region) -> sympy.Expr:
    return network.fold(algebra, _IDENTITY, region.nodes, region.entry)[region.exit].slope


def _block_jet(network: Network, algebra: JetReading, run: Run) -> Jet:
    jet = _IDENTITY
    for segment in run.block:
        values = network.fold(algebra, _IDENTITY, segment.nodes, segment.start)
        jet = jet.then(values[segment.stop])
    return jet


def _power(jet: Jet, count: int) -> Jet:
    """`jet` composed with itself: s^n and t s^(n-1) (1 + s + ... + s^(n-1))."""
    s = jet.slope
    if count <= _LONGEST_SUM or s == 1:
        total = count if s == 1 else sum((s**j for j in range(1, count)), sympy.Integer(1))
    else:
        j = sympy.Symbol("j", integer=True)
        total = sympy.Sum(s**j, (j, 0, count - 1))
    return Jet(s**count, jet.curvature * s ** (count - 1) * total)
