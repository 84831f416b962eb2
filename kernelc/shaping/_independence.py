"""Whether every sum adds independent branches and every nonlinearity reads Gaussian values."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from ..activations import ScalarFunction
from ..algebra import ChannelLabels
from ..ir import FixedAttention, FixedVectors, LocationMap, Reading, Real, Weights


S = TypeVar("S")


@dataclasses.dataclass(frozen=True)
class Violation:
    """One requirement that one node breaks."""

    node: str
    found: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.node}: {self.found}; {self.remedy}"


class RequirementReading(Reading[S]):
    """A reading that collects broken requirements in `violations` and raises no errors."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []

    def violated(self, found: str, remedy: str) -> None:
        """Record that the current node breaks a requirement."""
        self.violations.append(Violation(self.site.name, found, remedy))


@dataclasses.dataclass(frozen=True)
class Dependence:
    """The fresh weights a value depends on since it last passed through some, and its law."""

    support: frozenset[int]
    gaussian: bool
    partly: bool = False
    """A sum of Gaussian and other terms: near Gaussian when the others are near linear."""
    mean: bool = False
    """Whether its mean over channels may differ from zero."""
    zero: bool = False
    """Whether weights that start at zero make it."""
    joined: bool = False
    """Whether its channels are those of several values side by side."""


class DependenceReading(RequirementReading[Dependence]):
    """Which sums add dependent terms, and which nonlinearities read values that are not Gaussian.

    `approximations` names the nonlinearities that read a sum of Gaussian and other terms, as
    after the sums of ResNet v1. DKS treats those as Gaussian; networks state the assumption.
    """

    def __init__(self, centered: bool = True) -> None:
        # C(0) = 0 says that images have mean zero; leaky TAT sets C_f(0) above that.
        super().__init__()
        self.centered = centered
        self.approximations: list[str] = []
        self._labels = ChannelLabels()

    def start(self) -> Dependence:
        """The raw input: data, not Gaussian."""
        return Dependence(frozenset({next(self._labels)}), False, mean=True)

    def combine(self, values: Sequence[Dependence]) -> Dependence:
        support = frozenset().union(*(value.support for value in values))
        mean = any(value.mean for value in values)
        joined = any(value.joined for value in values)
        return Dependence(support, all(v.gaussian for v in values), mean=mean, joined=joined)

    def fresh(
        self,
        s: Dependence,
        weights: Weights,
        read: Dependence | None = None,
        trained: Callable[[], Dependence] | None = None,
    ) -> Dependence:
        zero = weights.drawn == 0 and weights.bias_variance == 0
        support = frozenset({next(self._labels)})
        if weights.per_channel:
            support |= s.support
        return Dependence(support, not weights.per_channel, zero=zero)

    def nonlinearity(self, s: Dependence, phi: ScalarFunction) -> Dependence:
        if not s.gaussian and s.partly:
            self.approximations.append(self.site.name)
        elif not s.gaussian:
            self.violated(
                f"the activation {phi.name} reads a value that is not Gaussian",
                "put a Dense or Conv layer before it",
            )
        return Dependence(s.support, False, mean=not self.centered, joined=s.joined)

    def weighted_sum(self, terms: Sequence[Dependence], weights: Sequence[Real]) -> Dependence:
        if sum(t.mean for t in terms) > 1:
            self.violated(
                "a sum of branches whose means are not zero, so that their product adds to q",
                "put a Dense or Conv layer on all branches but one",
            )
        joined = self._joined(terms, all(t.gaussian for t in terms), "a sum of")
        partly = any(t.gaussian or t.partly for t in terms)
        return dataclasses.replace(joined, partly=partly, mean=any(t.mean for t in terms))

    def fixed(self, s: Dependence, vectors: FixedVectors) -> Dependence:
        return Dependence(frozenset({next(self._labels)}), False, mean=True)

    def product(self, factors: Sequence[Dependence]) -> Dependence:
        joined = self._joined(factors, False, "a product of")
        return dataclasses.replace(joined, mean=all(f.mean for f in factors))

    def assume_gaussian(self, s: Dependence) -> Dependence:
        self.approximations.append(self.site.name)
        return dataclasses.replace(s, gaussian=True, mean=False)

    def center(self, s: Dependence) -> Dependence:
        return dataclasses.replace(s, mean=False)

    def mix(self, s: Dependence, locations: LocationMap) -> Dependence:
        # The layer's own shaping rule reports what is unsupported.
        return s if locations.uneven is None else self.unsupported([s], *locations.uneven)

    def attend(
        self, query: Dependence, key: Dependence, value: Dependence, attention: FixedAttention
    ) -> Dependence:
        apart = query.gaussian and key.gaussian and not query.support & key.support
        if not (query.zero or (attention.vanishing and apart)):
            self.violated(
                "attention whose logits are random at initialization",
                'give the layer of queries init="zero", or the attention scale="1/d" and keys with '
                "weights of their own",
            )
        # Heads of unlike patterns are channels of unlike law.
        alike = len(attention.maps) == 1
        gaussian, joined = value.gaussian and alike, value.joined or not alike
        return dataclasses.replace(value, gaussian=gaussian, joined=joined)

    def concat(self, parts: Sequence[Dependence], fractions: Sequence[Real]) -> Dependence:
        return dataclasses.replace(self.combine(parts), joined=True)

    def channels(self, s: Dependence, picked: Sequence[int]) -> Dependence:
        if s.joined and len(picked) < self.site.in_shapes[0][-1]:
            self.violated(
                "some channels of a concatenation, whose parts may differ",
                "take them from its parts",
            )
        support = self._labels.moved(s.support, np.asarray(picked))
        return dataclasses.replace(s, support=support)

    def _joined(self, terms: Sequence[Dependence], gaussian: bool, what: str) -> Dependence:
        support: frozenset[int] = frozenset()
        for term in terms:
            if support & term.support:
                self.violated(
                    f"{what} branches that share random weights",
                    "put a Dense or Conv layer on all branches but one",
                )
                break
            support |= term.support
        joined = any(t.joined for t in terms)
        return Dependence(frozenset().union(*(t.support for t in terms)), gaussian, joined=joined)
