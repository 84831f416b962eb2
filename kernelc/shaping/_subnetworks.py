"""The largest slope, curvature and C value over all subnetworks: three readings of one graph."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import TypeVar

from ..algebra import CMapReading, Jet, JetReading
from ..ir import KernelAlgebra, Network, Region, Run, regions, runs
from ._gates import gates_of


S = TypeVar("S")


class Subnetworks:
    """The maximal subnetworks of a network, kept for repeated evaluation.

    On each of slope, curvature and C(0) a longer run is never smaller (local maps lie above
    the identity), so the maximum over all subnetworks is the one over maximal regions.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.gates = gates_of(network)
        self.main = runs(network)
        branches = _distinct(network, regions(network)[1:], self.gates)
        self.branches = [region for region in branches if _nonlinear(network, region)]

    def max_slope(self, psi: float, gated: bool = True) -> float:
        """mu(psi): the largest C_f'(1) when every local slope is `psi`.

        That of a gate g is psi - 1, so that u g(v) has psi; without `gated` it is psi too.
        """
        gates = self.gates if gated else frozenset()
        return max(jet.slope for jet in self._jets(JetReading(psi, 0.0, gates)))

    def max_curvature(self, kappa: float) -> float:
        """The largest C_f''(1) when every local slope is 1 and every curvature `kappa`."""
        return max(jet.curvature for jet in self._jets(JetReading(1.0, kappa)))

    def max_c_value(self, local: Callable[[float], float]) -> float:
        """The largest C_f(0) when every local C map is `local`."""
        algebra = CMapReading(local)
        value = 0.0
        for run in self.main:
            for _ in range(run.count):
                value = self._block(algebra, run, value)
        return max([value, *self._branch_values(algebra, 0.0)])

    def _jets(self, algebra: JetReading) -> list[Jet]:
        start = Jet(1.0, 0.0)
        whole = start
        for run in self.main:
            # Each repeated block is visited once: jets compose by the chain rule.
            whole = whole.then(self._block(algebra, run, start).power(run.count))
        return [whole, *self._branch_values(algebra, start)]

    def _block(self, algebra: KernelAlgebra[S], run: Run, start: S) -> S:
        first, last = run.block[0].start, run.block[-1].stop
        inside = Region(first, last, tuple(range(first + 1, last + 1)))
        return self._value(algebra, inside, start)

    def _branch_values(self, algebra: KernelAlgebra[S], start: S) -> list[S]:
        return [self._value(algebra, region, start) for region in self.branches]

    def _value(self, algebra: KernelAlgebra[S], region: Region, start: S) -> S:
        return self.network.fold(algebra, start, region.nodes, region.entry)[region.exit]


@lru_cache(maxsize=4)
def subnetworks(network: Network) -> Subnetworks:
    """The subnetworks of a network, cached while it is solved for and certified."""
    return Subnetworks(network)


def _nonlinear(network: Network, region: Region) -> bool:
    return any(network.nodes[i].layer.nonlinearity() is not None for i in region.nodes)


def _distinct(network: Network, found: list[Region], gates: frozenset[str]) -> list[Region]:
    """One region of each structure: branches of repeated blocks are counted once."""
    kept: dict[Hashable, Region] = {}
    for region in found:
        place = {index: i for i, index in enumerate(region.nodes)}
        place[region.entry] = -1
        nodes = (network.nodes[index] for index in region.nodes)
        signature = tuple(
            (
                type(node.layer),
                node.name in gates,
                node.layer.kernel_key(node.in_shapes),
                tuple(place[i] for i in node.inputs),
            )
            for node in nodes
        )
        kept.setdefault(signature, region)
    return list(kept.values())
