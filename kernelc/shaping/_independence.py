"""Whether every sum adds independent branches and every nonlinearity reads Gaussian values."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

from ..activations import ScalarFunction
from ..ir import KernelAlgebra, Weights, Window


@dataclasses.dataclass(frozen=True)
class Origin:
    """The fresh weights a value depends on since it last passed through some, and its law."""

    support: frozenset[int]
    gaussian: bool
    partly: bool = False
    """A sum of Gaussian and other terms: near Gaussian when the others are near linear."""
    mean: bool = False
    """Whether its mean over channels may differ from zero."""


class OriginAlgebra(KernelAlgebra[Origin]):
    """Collects violations instead of numbers: `violations` holds (node, found, remedy).

    `approximations` names the nonlinearities that read a sum of Gaussian and other terms, as
    after the sums of ResNet v1. DKS treats those as Gaussian, and so do we, saying so.
    """

    def __init__(self, centred: bool = True) -> None:
        # C(0) = 0 says that images have mean zero; leaky TAT sets C_f(0) above that.
        self.centred = centred
        self.violations: list[tuple[str, str, str]] = []
        self.approximations: list[str] = []
        self._ids = itertools.count()

    def start(self) -> Origin:
        """The raw input: data, not Gaussian."""
        return Origin(frozenset({next(self._ids)}), False, mean=True)

    def fresh(self, s: Origin, weights: Weights, read: Origin | None = None) -> Origin:
        return Origin(frozenset({next(self._ids)}), True)

    def nonlinearity(self, s: Origin, phi: ScalarFunction) -> Origin:
        if not s.gaussian and s.partly:
            self.approximations.append(self.where)
        elif not s.gaussian:
            self._violated(
                f"the activation {phi.name} reads a value that is not Gaussian",
                "put a Dense or Conv layer before it",
            )
        return Origin(s.support, False, mean=not self.centred)

    def weighted_sum(self, terms: Sequence[Origin], weights: Sequence[Any]) -> Origin:
        if sum(t.mean for t in terms) > 1:
            self._violated(
                "a sum of branches whose means are not zero, so that their product adds to q",
                "put a Dense or Conv layer on all branches but one",
            )
        joined = self._joined(terms, all(t.gaussian for t in terms), "a sum of")
        partly = any(t.gaussian or t.partly for t in terms)
        return dataclasses.replace(joined, partly=partly, mean=any(t.mean for t in terms))

    def product(self, factors: Sequence[Origin]) -> Origin:
        joined = self._joined(factors, False, "a product of")
        return dataclasses.replace(joined, mean=all(f.mean for f in factors))

    def concat(self, parts: Sequence[Origin], fractions: Sequence[Any]) -> Origin:
        support = frozenset().union(*(part.support for part in parts))
        mean = any(part.mean for part in parts)
        return Origin(support, all(part.gaussian for part in parts), mean=mean)

    def normalise(self, s: Origin, center: bool, over_locations: bool) -> Origin:
        return s

    def centre(self, s: Origin) -> Origin:
        return dataclasses.replace(s, mean=False)

    def batch_normalise(self, s: Origin) -> Origin:
        return s

    def location_mean(self, s: Origin, window: Window) -> Origin:
        return self.uneven(s) if window.uneven else s

    def append_constant(self, s: Origin, channels: int, mode: str) -> Origin:
        return s

    def dropout(self, s: Origin, keep: float) -> Origin:
        return s

    def unsupported(self, s: Sequence[Origin], reason: str, remedy: str) -> Origin:
        # The layer's own shaping rule reports it.
        support = frozenset().union(*(t.support for t in s))
        return Origin(support, all(t.gaussian for t in s), mean=any(t.mean for t in s))

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
