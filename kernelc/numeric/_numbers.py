"""The numbers kernels of data are computed in: per input, per pair, and fields of pairs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax

from ..gaussian import Pair as Pair, root as root


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class PerSide:
    """A number for each input on either side of a pair, such as its q value.

    Arguments:
        left: for the first inputs, shaped to broadcast against pairs: (n1, 1, *locations, 1...).
        right: for the second inputs: (1, n2, 1..., *locations).
    """

    left: Any
    right: Any

    def _with(self, other: Any, rule: Callable[[Any, Any], Any]) -> PerSide:
        if isinstance(other, PerSide):
            return PerSide(rule(self.left, other.left), rule(self.right, other.right))
        return PerSide(rule(self.left, other), rule(self.right, other))

    def __add__(self, other: Any) -> PerSide:
        return self._with(other, lambda a, b: a + b)

    def __mul__(self, other: Any) -> PerSide:
        return self._with(other, lambda a, b: a * b)

    def __truediv__(self, other: Any) -> PerSide:
        return self._with(other, lambda a, b: a / b)

    def __rtruediv__(self, other: Any) -> PerSide:
        return self._with(other, lambda a, b: b / a)

    def __neg__(self) -> PerSide:
        return PerSide(-self.left, -self.right)

    __radd__ = __add__
    __rmul__ = __mul__

    def map(self, rule: Callable[[Any], Any]) -> PerSide:
        """The rule applied on both sides."""
        return PerSide(rule(self.left), rule(self.right))


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class PairMoments:
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

    def _with(self, other: Any, rule: Callable[[Pair, Any], Pair]) -> PairMoments:
        if isinstance(other, PairMoments):
            pairs = zip(self.parts, other.parts, strict=True)
            return PairMoments.of(tuple(rule(a, b) for a, b in pairs))
        return self.map(lambda pair: rule(pair, other))

    def __add__(self, other: Any) -> PairMoments:
        return self._with(other, lambda a, b: a + b)

    def __mul__(self, other: Any) -> PairMoments:
        return self._with(other, lambda a, b: a * b)

    __radd__ = __add__
    __rmul__ = __mul__
