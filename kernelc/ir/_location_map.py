"""LocationMap: linear maps of locations, applied on both sides of a covariance."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from fractions import Fraction
from typing import NamedTuple, Self, TypeAlias

import numpy as np
from jaxtyping import Float64

from ._rule_arguments import PairKind


Share: TypeAlias = int | float | Fraction


class Exchangeable(NamedTuple):
    """A map where all locations are alike: shares of the pair at one location and at two.

    K(p, p) <- near K(p, p) + far K(p, r) and K(p, p') <- other_near K(p, p) + other_far K(p, r),
    for any locations p, p', r that differ.
    """

    near: Share
    far: Share
    other_near: Share
    other_far: Share


UNCHANGED = Exchangeable(1, 0, 0, 1)


class LocationMap(ABC):
    """K(p, p') <- sum over heads h and locations r, r' of M_h[p, r] M_h[p', r'] K(r, r').

    Heads are sums of their own: taps of a window whose weights are drawn apart, heads of an
    attention. A subclass says what the structure of its matrices makes cheap; `heads` says what
    they are, which is all that a map without a rule of its own in `kernelc.numeric` needs.
    """

    @property
    @abstractmethod
    def locations(self) -> tuple[int, ...]:
        """Sizes of the location axes that come in."""

    @property
    @abstractmethod
    def outputs(self) -> tuple[int, ...]:
        """Sizes of the location axes that come out."""

    @abstractmethod
    def heads(self) -> Float64[np.ndarray, "heads outputs locations"]:
        """The matrices M_h over all locations, the last axis fastest."""

    @abstractmethod
    def text(self) -> str:
        """A few words for messages."""

    @property
    def identity(self) -> bool:
        """Whether each location keeps the value it has."""
        return False

    @property
    def reads(self) -> frozenset[PairKind]:
        """The kinds of pairs beside (x, x') at one location that the map reads."""
        return frozenset()

    @property
    def overlapping(self) -> bool:
        """Whether two locations share some of what they average, as overlapping windows do."""
        return False

    @property
    def moves(self) -> bool:
        """Whether a location may hold what another one held, so that a sum with the value before
        pairs unlike locations."""
        return False

    @property
    def uneven(self) -> tuple[str, str] | None:
        """Why a q value that is uniform does not stay so, and what to do; None where it does."""
        return None

    def exchangeable(self) -> Exchangeable | None:
        """The map where all locations are alike; None when it treats them unlike."""
        return UNCHANGED

    @property
    def own_share(self) -> Share | None:
        """What K at one location is multiplied by where all locations are alike, for a map with
        no rule for pairs of unlike ones; None where it is not one number."""
        return None

    @property
    def row_sum(self) -> float | None:
        """The factor by which a value that is one number at all locations is multiplied; None
        where it does not stay one number."""
        return 1.0

    @property
    def gain(self) -> float:
        """The largest factor by which the map may multiply a q value."""
        return 1.0

    def lifted(self, axes: int) -> LocationMap:
        """The same map with `axes` further location axes of size one."""
        ones = (1,) * axes
        return DenseMap(self.heads(), self.locations + ones, self.outputs + ones)


@dataclasses.dataclass(frozen=True)
class OwnWeights(LocationMap):
    """Weights of its own for each location: K(p, p') <- 0 where p and p' differ."""

    sizes: tuple[int, ...]

    @property
    def reads(self) -> frozenset[PairKind]:
        return frozenset({PairKind.UNLIKE})

    @property
    def locations(self) -> tuple[int, ...]:
        return self.sizes

    @property
    def outputs(self) -> tuple[int, ...]:
        return self.sizes

    def heads(self) -> Float64[np.ndarray, "heads outputs locations"]:
        one = np.eye(math.prod(self.sizes))
        return one[:, :, None] * one[:, None, :]

    def exchangeable(self) -> Exchangeable | None:
        return Exchangeable(1, 0, 0, 0)

    def lifted(self, axes: int) -> OwnWeights:
        return OwnWeights(self.sizes + (1,) * axes)

    def text(self) -> str:
        return "weights of its own for each location"


@dataclasses.dataclass(frozen=True)
class _ToOneLocation(LocationMap):
    """A map of all locations to a single one."""

    sizes: tuple[int, ...]

    @property
    def locations(self) -> tuple[int, ...]:
        return self.sizes

    @property
    def outputs(self) -> tuple[int, ...]:
        return (1,) * len(self.sizes)

    def lifted(self, axes: int) -> Self:
        return dataclasses.replace(self, sizes=self.sizes + (1,) * axes)


@dataclasses.dataclass(frozen=True)
class Flattened(_ToOneLocation):
    """Locations become channels: the mean over equal locations."""

    @property
    def identity(self) -> bool:
        return not self.sizes

    def heads(self) -> Float64[np.ndarray, "heads outputs locations"]:
        count = math.prod(self.sizes)
        return np.eye(count)[:, None, :] / math.sqrt(count)

    def text(self) -> str:
        return "flattening"


@dataclasses.dataclass(frozen=True)
class OneLocation(_ToOneLocation):
    """The value at one location, which becomes the only one.

    Arguments:
        sizes: of the location axes that come in.
        at: the index of the location, one number for each axis.
    """

    at: tuple[int, ...]

    @property
    def identity(self) -> bool:
        return math.prod(self.sizes) == 1

    def heads(self) -> Float64[np.ndarray, "heads outputs locations"]:
        picked = zip(self.at, self.sizes, strict=True)
        return kronecker([selection(np.array([i]), n) for i, n in picked])[None]

    def lifted(self, axes: int) -> OneLocation:
        return OneLocation(self.sizes + (1,) * axes, self.at + (0,) * axes)

    def text(self) -> str:
        return "the value at one location"


@dataclasses.dataclass(frozen=True, eq=False)
class DenseMap(LocationMap):
    """Any matrices, the same for all inputs: K <- sum_h A_h K A_h^T.

    Arguments:
        matrices: A_h over all locations, the last location axis fastest.
        sizes: of the location axes that come in.
        sizes_out: of those that come out, as many.
    """

    matrices: Float64[np.ndarray, "heads outputs locations"]
    sizes: tuple[int, ...]
    sizes_out: tuple[int, ...]

    @property
    def reads(self) -> frozenset[PairKind]:
        return frozenset({PairKind.LOCATION})

    @property
    def locations(self) -> tuple[int, ...]:
        return self.sizes

    @property
    def outputs(self) -> tuple[int, ...]:
        return self.sizes_out

    def heads(self) -> Float64[np.ndarray, "heads outputs locations"]:
        return self.matrices

    @property
    def identity(self) -> bool:
        same = len(self.matrices) == 1 and self.sizes == self.sizes_out
        return same and bool(np.array_equal(self.matrices[0], np.eye(self.matrices.shape[1])))

    @property
    def averages(self) -> bool:
        """Whether there is one head, whose rows add up to 1."""
        return self.row_sum == 1

    @property
    def row_sum(self) -> float | None:
        sums = self.matrices.sum(-1)
        if len(sums) > 1 or np.ptp(sums) > 1e-12 * abs(sums[0, 0]):
            return None
        return 1.0 if abs(sums[0, 0] - 1) < 1e-12 else float(sums[0, 0])

    @property
    def gain(self) -> float:
        return float((np.abs(self.matrices).sum(-1) ** 2).sum(0).max())

    def exchangeable(self) -> Exchangeable | None:
        _, rows, columns = self.matrices.shape
        if rows != columns or rows < 2:
            return None
        own = self.matrices[:, 0, 0]
        other = self.matrices[:, 0, 1]
        alike = other[:, None, None] + (own - other)[:, None, None] * np.eye(rows)
        if not np.array_equal(alike, self.matrices):
            return None
        total = ((own + (rows - 1) * other) ** 2).sum()
        near = (own**2 + (rows - 1) * other**2).sum()
        other_near = (2 * own * other + (rows - 2) * other**2).sum()
        return Exchangeable(*map(float, (near, total - near, other_near, total - other_near)))

    def lifted(self, axes: int) -> DenseMap:
        ones = (1,) * axes
        return DenseMap(self.matrices, self.sizes + ones, self.sizes_out + ones)

    def text(self) -> str:
        return "a matrix over locations"


def selection(picked: np.ndarray, count: int) -> np.ndarray:
    """(outputs, count) with a 1 at the location that each output picks, none for -1."""
    return (picked[:, None] == np.arange(count)).astype(float)


def kronecker(per_axis: list[np.ndarray]) -> np.ndarray:
    """The matrix over all locations, the last axis fastest, of one matrix along each axis."""
    total = np.ones((1, 1))
    for matrix in per_axis:
        total = np.kron(total, matrix)
    return total
