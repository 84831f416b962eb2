"""Reading: a kernel algebra in which words that say nothing new need not be written."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from ._algebra import KernelAlgebra
from ._real import Real


if TYPE_CHECKING:
    from ..activations import ScalarFunction
    from ._location_map import LocationMap
    from ._weights import Weights

S = TypeVar("S")


class Reading(KernelAlgebra[S]):
    """What layers of one input do is the identity, what joins several `combine`s them.

    A subclass writes `combine` and the words that matter to what it reads off a network.

    Example:
        >>> import kernelc as kc
        >>> class Depth(Reading[int]):
        ...     def combine(self, values):
        ...         return max(values)
        ...     def nonlinearity(self, s, phi):
        ...         return s + 1
        >>> x = kc.Input((8,))
        >>> net = kc.Network(x, kc.chain(kc.Dense(9), kc.Activation("erf"), kc.Dense(1))(x))
        >>> net.fold(Depth(), 0)[3]
        1
    """

    @abstractmethod
    def combine(self, values: Sequence[S]) -> S:
        """The value of what joins others: a sum, a product, a concatenation, an unknown layer."""

    def fresh(
        self,
        s: S,
        weights: Weights,
        read: S | None = None,
        trained: Callable[[], S] | None = None,
    ) -> S:
        return s

    def nonlinearity(self, s: S, phi: ScalarFunction) -> S:
        return s

    def weighted_sum(self, terms: Sequence[S], weights: Sequence[Real]) -> S:
        return self.combine(terms)

    def product(self, factors: Sequence[S]) -> S:
        return self.combine(factors)

    def concat(self, parts: Sequence[S], fractions: Sequence[Real]) -> S:
        return self.combine(parts)

    def normalize(self, s: S, center: bool, over_locations: bool) -> S:
        return s

    def center(self, s: S) -> S:
        return s

    def batch_normalize(self, s: S) -> S:
        return s

    def mix(self, s: S, locations: LocationMap) -> S:
        return s

    def pln(self, s: S, channels: int, mode: str) -> S:
        return s

    def dropout(self, s: S, keep: float) -> S:
        return s

    def unsupported(self, s: Sequence[S], reason: str, remedy: str) -> S:
        return self.combine(s)
