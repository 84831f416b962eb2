"""Whether every sum adds independent branches and every nonlinearity reads Gaussian values."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

from ..activations import ScalarFunction
from ..ir import KernelAlgebra


@dataclasses.dataclass(frozen=True)
class Origin:
    """The fresh weights a value depends on since it last passed through some, and its law."""

    support: frozenset[int]
    gaussian: bool
    partly: bool = False
    """A sum of Gaussian and other terms: near Gaussian when the others are near linear."""


class OriginAlgebra(KernelAlgebra[Origin]):
    """Collects violations instead of numbers: `violations` holds (node, found, remedy).

    `approximations` names the nonlinearities that read a sum of Gaussian and other terms, as
    after the sums of ResNet v1. DKS treats those as Gaussian, and so do we, saying so.
    """

    def __init__(self) -> None:
        self.violations: list[tuple[str, str, str]] = []
        self.approximations: list[str] = []
        self._ids = itertools.count()

    def start(self) -> Origin:
        """The raw input: data, not Gaussian."""
        return Origin(frozenset({next(self._ids)}), False)

    def fresh(self, s: Origin, weight_variance: Any, bias_variance: Any) -> Origin:
        return Origin(frozenset({next(self._ids)}), True)

    def nonlinearity(self, s: Origin, phi: ScalarFunction) -> Origin:
        if not s.gaussian and s.partly:
            self.approximations.append(self.where)
        elif not s.gaussian:
            self._violated(
                f"the activation {phi.name} reads a value that is not Gaussian",
                "put a Dense or Conv layer before it",
            )
        return Origin(s.support, False)

    def weighted_sum(self, terms: Sequence[Origin], weights: Sequence[Any]) -> Origin:
        joined = self._joined(terms, all(t.gaussian for t in terms), "a sum of")
        return dataclasses.replace(joined, partly=any(t.gaussian or t.partly for t in terms))

    def product(self, factors: Sequence[Origin]) -> Origin:
        return self._joined(factors, False, "a product of")

    def concat(self, parts: Sequence[Origin], fractions: Sequence[Any]) -> Origin:
        support = frozenset().union(*(part.support for part in parts))
        return Origin(support, all(part.gaussian for part in parts))

    def normalise(self, s: Origin, center: bool) -> Origin:
        return s

    def batch_normalise(self, s: Origin) -> Origin:
        return s

    def location_mean(self, s: Origin, count: int, overlapping: bool) -> Origin:
        return s

    def append_constant(self, s: Origin, channels: int, mode: str) -> Origin:
        return s

    def dropout(self, s: Origin, keep: float) -> Origin:
        return s

    def unsupported(self, s: Sequence[Origin], reason: str, remedy: str) -> Origin:
        # The layer's own shaping rule reports it.
        return Origin(frozenset().union(*(t.support for t in s)), all(t.gaussian for t in s))

    def _joined(self, terms: Sequence[Origin], gaussian: bool, what: str) -> Origin:
        support: frozenset[int] = frozenset()
        for term in terms:
            if support & term.support:
                self._violated(
                    f"{what} branches that share random weights",
                    "put a Dense or Conv layer on all branches but one",
                )
                break
            support |= term.support
        return Origin(frozenset().union(*(t.support for t in terms)), gaussian)

    def _violated(self, found: str, remedy: str) -> None:
        self.violations.append((self.where, found, remedy))
