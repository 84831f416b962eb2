"""Means over windows that overlap, after which pairs of locations are no longer all alike."""

from __future__ import annotations

from collections.abc import Sequence

from .._errors import UnsupportedError
from ..ir import LocationMap, PairKind, Reading


Overlapped = str | None


class OverlapReading(Reading[Overlapped]):
    """The node whose overlapping windows made covariances depend on the offset of locations.

    That is fine unless another mean over locations reads them: then `mix` refuses.
    """

    def combine(self, values: Sequence[Overlapped]) -> Overlapped:
        return next((value for value in values if value is not None), None)

    def mix(self, s: Overlapped, locations: LocationMap) -> Overlapped:
        averages = not locations.identity and bool(locations.reads & {PairKind.LOCATION})
        if not averages or locations.uneven is not None:
            return s
        if s is not None:
            raise UnsupportedError(
                where=self.site.name,
                found=f"a second mean over locations, after the overlapping windows of {s}",
                law="overlapping windows make the covariance of two locations depend on their "
                "offset, which one symbol cannot carry",
                remedy=f"give {s} a stride equal to its window, or use WeightedMeanPool",
            )
        return self.site.name if locations.overlapping else None
