"""Kernel rules where borders are taken like what lies inside."""

from __future__ import annotations

from ..ir import LocationMap
from ._backend import Backend
from ._kernel_state import KernelState, N
from ._pair import PairAlgebra
from ._refusals import unlike_locations


class AnyLocation(PairAlgebra[N]):
    """Maps that treat locations unlike are read as at a location far from all borders.

    Attributes:
        unlike: why the locations of a map are not alike, by the name of the node.
    """

    def __init__(
        self, backend: Backend[N], probes: tuple[str, ...] = ("c",), standard: bool = False
    ) -> None:
        super().__init__(backend, probes, standard)
        self.unlike: dict[str, str] = {}

    def mix(self, s: KernelState[N], locations: LocationMap) -> KernelState[N]:
        if locations.uneven is None and locations.exchangeable() is not None:
            return super().mix(s, locations)
        why = locations.uneven or unlike_locations(locations.text())
        self.unlike[self.site.name] = why[0]
        if locations.exchangeable() is not None:
            return self.mixed_inside(s, locations)
        return self.state_of(s.second, s.mean, s.support, s.gaussian)
