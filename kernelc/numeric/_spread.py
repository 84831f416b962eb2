"""Flattened values: channels that stood at unlike locations have moments of their own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from .._errors import UnsupportedError
from ..activations import ScalarFunction
from ..algebra import KernelState, PairAlgebra
from ..ir import Flattened


DataState = KernelState[Any]


def spread_out(s: DataState, locations: tuple[int, ...], flat: DataState) -> DataState:
    """What was made of `s` by flattening, with what it was: no channel stands for all others."""
    ((scale, atom),) = flat.form
    unlike = dataclasses.replace(atom, gaussian=False)
    return dataclasses.replace(flat, form=((scale, unlike),), spread=(s, locations))


class ByLocationAlgebra(PairAlgebra[Any]):
    """Rules that act channel by channel act before flattening, at each location by itself.

    A value without locations that meets a flattened one is alike in all channels, so it stands
    beside each location.
    """

    def nonlinearity(self, s: DataState, phi: ScalarFunction) -> DataState:
        return self._by_location([s], lambda whole: self.nonlinearity(whole[0], phi)) or (
            super().nonlinearity(s, phi)
        )

    def weighted_sum(self, terms: Sequence[DataState], weights: Sequence[Any]) -> DataState:
        return self._by_location(terms, lambda whole: self.weighted_sum(whole, weights)) or (
            super().weighted_sum(terms, weights)
        )

    def product(self, factors: Sequence[DataState]) -> DataState:
        return self._by_location(factors, self.product) or super().product(factors)

    def seal(self, s: DataState) -> DataState:
        return self._by_location([s], lambda whole: self.seal(whole[0])) or super().seal(s)

    def _by_location(
        self, terms: Sequence[DataState], rule: Callable[[Sequence[DataState]], DataState]
    ) -> DataState | None:
        """The rule before flattening; None where nothing is flattened, or channels are cut."""
        found = {term.spread[1] for term in terms if term.spread is not None}
        if not found or any(term.parts for term in terms):
            return None
        if len(found) > 1:
            raise UnsupportedError(
                where=self.site.name,
                found=f"values flattened from locations {sorted(found)} that meet",
                law="channels of one location meet those of another, whose covariance is not "
                "followed",
                remedy="pass one of them through a Dense layer first",
            )
        whole = [term if term.spread is None else term.spread[0] for term in terms]
        return self.mix(rule(whole), Flattened(found.pop()))
