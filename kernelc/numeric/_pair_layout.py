"""PairLayout: which axes of an array are inputs, and which are locations."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp

from ._numbers import Pair, PairMoments, PerSide


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

    def views(self, left: Any, right: Any) -> tuple[tuple[Any, Any], ...]:
        """Per-input numbers of both sides as each part of a field sees them: (a of x, b of x').

        `left` and `right` are pairs (at first inputs, at second inputs) of numbers a and b.
        """
        found = [(left[0], right[1])]
        if self.own:
            found.append((self._alone(left[0], 1, False), self._alone(right[0], 1, True)))
            found.append((self._alone(left[1], 0, False), self._alone(right[1], 0, True)))
        return tuple(found)

    def _alone(self, x: Any, axis: int, right: bool) -> Any:
        """A per-input number in the frame of one input alone, on its left or right side."""
        if jnp.ndim(x) == 0:
            return x
        x = x if self.paired else jnp.squeeze(x, axis)
        locations = tuple(
            max(a, b)
            for a, b in zip(x.shape[1 : 1 + self.rank], x.shape[1 + self.rank :], strict=True)
        )
        ones = (1,) * self.rank
        return x.reshape(x.shape[0], *(ones + locations if right else locations + ones))

    def outer(self, a: Any, b: Any) -> Any:
        """a(x) b(x') as second moments."""
        if isinstance(a, float) and isinstance(b, float):
            return a * b
        square = a is b
        a = a if isinstance(a, PerSide) else PerSide(a, a)
        b = b if isinstance(b, PerSide) else PerSide(b, b)
        both = a * b
        sides = (a.left, a.right), (b.left, b.right)
        own = self.views((both.left, both.right), (both.left, both.right))
        parts = []
        for (left, right), (x, y) in zip(own, self.views(*sides), strict=True):
            # The square of a difference is exactly 0, or as small as rounding squared.
            drop = (x - y) ** 2 / 2 if square else (left + right) / 2 - x * y
            parts.append(Pair(left, right, drop))
        return PairMoments.of(tuple(parts))
