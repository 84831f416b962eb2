"""The numbers kernels of data are computed in: per input, per pair, and how they are laid out."""

from __future__ import annotations

import dataclasses
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self, TypeAlias

import jax
import jax.numpy as jnp

from ..gaussian import Number as Number, Pair as Pair, root as root


Sides = tuple[Number, Number]
"""A number for first and one for second inputs."""
Binary = Callable[[Any, Any], Any]


class _Arithmetic(ABC):
    """Sums and products part by part, with one of the same kind or with one number."""

    @abstractmethod
    def _with(self, other: Any, rule: Binary) -> Self:
        """`rule` of each part of this and the same part of the other."""

    def __add__(self, other: Self | Number) -> Self:
        return self._with(other, operator.add)

    def __mul__(self, other: Self | Number) -> Self:
        return self._with(other, operator.mul)

    __radd__ = __add__
    __rmul__ = __mul__


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class PerSide(_Arithmetic):
    """A number for each input on either side of a pair, such as its q value.

    Arguments:
        left: for the first inputs, shaped to broadcast against pairs: (n1, 1, *locations, 1...).
        right: for the second inputs: (1, n2, 1..., *locations).
    """

    left: Number
    right: Number

    def _with(self, other: PerSide | Number, rule: Binary) -> PerSide:
        a, b = sides(other)
        return PerSide(rule(self.left, a), rule(self.right, b))

    def __truediv__(self, other: PerSide | Number) -> PerSide:
        return self._with(other, operator.truediv)

    def __rtruediv__(self, other: Number) -> PerSide:
        return self._with(other, lambda a, b: b / a)

    def __neg__(self) -> PerSide:
        return PerSide(-self.left, -self.right)

    def map(self, rule: Callable[[Any], Any]) -> PerSide:
        """The rule applied on both sides."""
        return PerSide(rule(self.left), rule(self.right))


def sides(x: PerSide | Number) -> Sides:
    """The numbers of first and of second inputs."""
    return (x.left, x.right) if isinstance(x, PerSide) else (x, x)


QValue: TypeAlias = PerSide | Number


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class PairMoments(_Arithmetic):
    """The pairs (x, x') and, when q must survive a pool, the pairs of locations of each input.

    Arguments:
        cross: pairs of a first and a second input.
        own: pairs of locations of one first, and of one second input; None when not needed.
    """

    cross: Pair
    own: tuple[Pair, Pair] | None = None

    @property
    def parts(self) -> tuple[Pair, ...]:
        """All pairs."""
        return (self.cross, *(self.own or ()))

    @classmethod
    def of(cls, parts: tuple[Pair, ...]) -> PairMoments:
        """The inverse of `parts`."""
        return cls(parts[0], (parts[1], parts[2]) if len(parts) == 3 else None)

    def map(self, rule: Callable[[Pair], Pair]) -> PairMoments:
        """The rule applied to all pairs."""
        return PairMoments.of(tuple(rule(part) for part in self.parts))

    def _with(self, other: PairMoments | Number, rule: Binary) -> PairMoments:
        if isinstance(other, PairMoments):
            return PairMoments.of(tuple(map(rule, self.parts, other.parts)))
        return self.map(lambda pair: rule(pair, other))


Moments: TypeAlias = PairMoments | Number


@dataclasses.dataclass(frozen=True)
class PairLayout:
    """How the arrays of one evaluation are laid out.

    Pairs are (inputs, *locations of the first, *locations of the second), or without the
    second locations when only equal ones are asked for. Pools and flattening leave axes of
    size one, so that the layout never changes.

    Arguments:
        rank: number of location axes.
        aligned: whether only equal locations are paired.
        paired: whether inputs are paired one by one, (n,), instead of all with all, (n1, n2).
        own: whether pairs of locations of one input are followed too.
    """

    rank: int = 0
    aligned: bool = True
    paired: bool = False
    own: bool = False

    @property
    def batch(self) -> int:
        """Number of axes for inputs."""
        return 1 if self.paired else 2

    @property
    def left_axes(self) -> tuple[int, ...]:
        """Location axes of first inputs."""
        return tuple(range(self.batch, self.batch + self.rank))

    @property
    def right_axes(self) -> tuple[int, ...]:
        """Location axes of second inputs."""
        if self.aligned:
            return self.left_axes
        return tuple(range(self.batch + self.rank, self.batch + 2 * self.rank))

    @property
    def alone(self) -> PairLayout:
        """The frame of the pairs of locations of one input."""
        return dataclasses.replace(self, paired=True, own=False)

    @property
    def frames(self) -> tuple[PairLayout, ...]:
        """The frame of each part of a field."""
        return (self, self.alone, self.alone) if self.own else (self,)

    def views(self, left: Sides, right: Sides) -> tuple[Sides, ...]:
        """Per-input numbers of both sides as each part of a field sees them: (a of x, b of x').

        `left` and `right` are pairs (at first inputs, at second inputs) of numbers a and b.
        """
        found = [(left[0], right[1])]
        if self.own:
            found.append((self._alone(left[0], 1, False), self._alone(right[0], 1, True)))
            found.append((self._alone(left[1], 0, False), self._alone(right[1], 0, True)))
        return tuple(found)

    def _alone(self, x: Number, axis: int, right: bool) -> Number:
        """A per-input number in the frame of one input alone, on its left or right side."""
        if jnp.ndim(x) == 0:
            return x
        x = jnp.asarray(x) if self.paired else jnp.squeeze(x, axis)
        locations = tuple(
            max(a, b)
            for a, b in zip(x.shape[1 : 1 + self.rank], x.shape[1 + self.rank :], strict=True)
        )
        return self.alone.wide(x.reshape(x.shape[0], *locations), int(right))

    def wide(self, x: jax.Array, side: int) -> jax.Array:
        """(inputs, *locations) of one side, shaped to broadcast against pairs."""
        n, locations, ones = x.shape[0], x.shape[1:], (1,) * self.rank
        inputs = (n,) if self.paired else ((1, n) if side else (n, 1))
        if self.aligned:
            return x.reshape(*inputs, *locations)
        return x.reshape(*inputs, *(ones + locations if side else locations + ones))

    def outer(self, a: QValue, b: QValue) -> Moments:
        """a(x) b(x') as second moments."""
        if isinstance(a, float) and isinstance(b, float):
            return a * b
        square, (first, other) = a is b, (sides(a), sides(b))
        both = first[0] * other[0], first[1] * other[1]
        parts = []
        for (left, right), (x, y) in zip(
            self.views(both, both), self.views(first, other), strict=True
        ):
            # The square of a difference is exactly 0, or as small as rounding squared.
            drop = (x - y) ** 2 / 2 if square else (left + right) / 2 - x * y
            parts.append(Pair(left, right, drop))
        return PairMoments.of(tuple(parts))
