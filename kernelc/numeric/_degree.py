"""Abstract readings of the kernel rules: degrees of homogeneity, and who asks for q again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..activations import ScalarFunction
from ..ir import KernelAlgebra, Weights, Window


class DegreeAlgebra(KernelAlgebra[int | None]):
    """The degree d with which a value scales with the input, f(tx) = t^d f(x); None for none.

    Where it is known, K(x, x') = (q q')^(d/2) K at q = 1, whatever the norms of inputs; and so
    is Theta, which a trained bias spoils in the standard parameterization: it adds 1 to it.
    """

    def __init__(self, standard: bool = False) -> None:
        self.standard = standard

    def seal(self, s: int | None) -> int | None:
        """Nothing to forget."""
        return s

    def fresh(self, s: int | None, weights: Weights, read: int | None = None) -> int | None:
        adds = weights.bias_variance != 0 or (self.standard and weights.bias)
        return None if adds and s != 0 else s

    def nonlinearity(self, s: int | None, phi: ScalarFunction) -> int | None:
        if s is None or s == 0:
            return s
        return None if phi.homogeneity is None else s * phi.homogeneity

    def weighted_sum(self, terms: Sequence[int | None], weights: Sequence[Any]) -> int | None:
        return terms[0] if all(t == terms[0] for t in terms) else None

    def product(self, factors: Sequence[int | None]) -> int | None:
        total = 0
        for factor in factors:
            if factor is None:
                return None
            total += factor
        return total

    def concat(self, parts: Sequence[int | None], fractions: Sequence[Any]) -> int | None:
        return self.weighted_sum(parts, fractions)

    def normalize(self, s: int | None, center: bool, over_locations: bool) -> int | None:
        return None if s is None else 0

    def center(self, s: int | None) -> int | None:
        return s

    def batch_normalize(self, s: int | None) -> int | None:
        return None if s is None else 0

    def location_mean(self, s: int | None, window: Window) -> int | None:
        return s

    def pln(self, s: int | None, channels: int, mode: str) -> int | None:
        return 0 if s == 0 or (s is not None and mode != "one") else None

    def dropout(self, s: int | None, keep: float) -> int | None:
        return s

    def unsupported(self, s: Sequence[int | None], reason: str, remedy: str) -> int | None:
        return None


class PooledAlgebra(KernelAlgebra[bool]):
    """Whether a q value is asked for after a mean over locations; then `asked` is true.

    Such a q value depends on all pairs of locations of one input.
    """

    asked = False

    def fresh(self, s: bool, weights: Weights, read: bool | None = None) -> bool:
        return s

    def nonlinearity(self, s: bool, phi: ScalarFunction) -> bool:
        return self._reads(s)

    def weighted_sum(self, terms: Sequence[bool], weights: Sequence[Any]) -> bool:
        return any(terms)

    def product(self, factors: Sequence[bool]) -> bool:
        return any(factors)

    def concat(self, parts: Sequence[bool], fractions: Sequence[Any]) -> bool:
        return any(parts)

    def normalize(self, s: bool, center: bool, over_locations: bool) -> bool:
        return self._reads(s)

    def center(self, s: bool) -> bool:
        return s

    def batch_normalize(self, s: bool) -> bool:
        return self._reads(s)

    def location_mean(self, s: bool, window: Window) -> bool:
        return True

    def pln(self, s: bool, channels: int, mode: str) -> bool:
        return self._reads(s)

    def dropout(self, s: bool, keep: float) -> bool:
        return s

    def unsupported(self, s: Sequence[bool], reason: str, remedy: str) -> bool:
        return any(s)

    def _reads(self, s: bool) -> bool:
        self.asked = self.asked or s
        return s
