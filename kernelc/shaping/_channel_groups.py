"""Covariances of tokens by groups of channels that are alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import accumulate, pairwise

import numpy as np

from ..ir import Real
from ._unit_c_maps import Matrix


@dataclasses.dataclass(frozen=True, eq=False)
class ChannelGroups:
    """K of one input for each group of channels, as a concatenation has them.

    An activation maps each group by itself: the mean of its images is not the image of the mean.

    Arguments:
        shares: of all channels, in order; they add up to 1.
        matrices: K of each group, a row and a column for each location.
        centered: whether the mean over channels is known to be zero.
    """

    shares: tuple[Fraction, ...]
    matrices: tuple[Matrix, ...]
    centered: bool = False

    @classmethod
    def one(cls, matrix: Matrix, centered: bool = False) -> ChannelGroups:
        """Channels that are all alike."""
        return cls((Fraction(1),), (matrix,), centered)

    @classmethod
    def beside(cls, values: Sequence[ChannelGroups], shares: Sequence[Real]) -> ChannelGroups:
        """Values side by side, each with its share of the channels."""
        pairs = list(zip(values, map(_fraction, shares), strict=True))
        return cls(
            tuple(share * inner for value, share in pairs for inner in value.shares),
            tuple(matrix for value in values for matrix in value.matrices),
            all(value.centered for value in values),
        )

    @property
    def mean(self) -> Matrix:
        """K over all channels."""
        if len(self.matrices) == 1:
            return self.matrices[0]
        pairs = zip(self.shares, self.matrices, strict=True)
        return np.sum([float(share) * matrix for share, matrix in pairs], axis=0)

    def map(self, change: Callable[[Matrix], Matrix]) -> ChannelGroups:
        """Each group changed by itself, without a mean where there was none."""
        return dataclasses.replace(self, matrices=tuple(map(change, self.matrices)))

    def normalized(self, scale: Matrix) -> ChannelGroups:
        """Divided by this covariance of scales."""
        return self.map(lambda k: k / scale)


def by_channel(
    values: Sequence[ChannelGroups], join: Callable[[Sequence[Matrix]], Matrix]
) -> ChannelGroups:
    """Values joined channel by channel."""
    ends = [list(accumulate(value.shares)) for value in values]
    edges = sorted({Fraction(0), *(end for found in ends for end in found)})
    joined = []
    for high in edges[1:]:
        places = [next(i for i, end in enumerate(found) if end >= high) for found in ends]
        joined.append(join([v.matrices[i] for v, i in zip(values, places, strict=True)]))
    shares = tuple(high - low for low, high in pairwise(edges))
    return ChannelGroups(shares, tuple(joined), all(value.centered for value in values))


def _fraction(share: Real) -> Fraction:
    """A share, which heads give as a rounded number."""
    return Fraction(str(share)).limit_denominator(1_000_000)
