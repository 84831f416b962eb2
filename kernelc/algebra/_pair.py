"""PairAlgebra: the kernel rules over any backend of numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from weakref import WeakKeyDictionary

import numpy as np

from .._errors import UnsupportedError
from ..activations import ScalarFunction
from ..ir import (
    DenseMap,
    FixedAttention,
    FixedVectors,
    Real,
    Weights,
)
from ._attend import Alike, check_heads, check_logits, one_sided, query_term
from ._backend import Backend
from ._channel_labels import ChannelLabels
from ._kernel_state import FIXED, KernelState, N, SecondMoments, Term
from ._location_rules import LocationRules
from ._picked_channels import PickedChannels
from ._refusals import dependent, unknown_mean, unlike_locations, without_length


class PairAlgebra(PickedChannels[N], LocationRules[N]):
    """Second moments of a pair of inputs (Martens et al. 2021).

    Sums of values that share random weights have their cross terms.

    Arguments:
        backend: the numbers to compute in.
        probes: labels of the entries of `k`: "c" always; "s" and "sc" (another location of the
            same, of the other input) when locations are averaged; "b" (a typical pair of the
            batch) when batch norm is present.
        standard: whether NTKs are those of the standard parameterization: see `fresh`.
    """

    def __init__(
        self, backend: Backend[N], probes: tuple[str, ...] = ("c",), standard: bool = False
    ) -> None:
        self.backend = backend
        self.probes = probes
        self.standard = standard
        self.labels, self._copies = ChannelLabels(), WeakKeyDictionary()

    # -- making states ---------------------------------------------------------------

    def state_of(
        self,
        second: SecondMoments[N],
        mean: N | None,
        support: frozenset[int] | None = None,
        gaussian: bool = False,
        odd: frozenset[int] = frozenset(),
    ) -> KernelState[N]:
        """A state of one new term; without a support it is independent of all others."""
        if support is None:
            support = frozenset({next(self.labels)})
        atom = Term(second, mean, support, gaussian, odd=odd)
        return KernelState(second, mean, ((self.backend.number(1), atom),))

    def seal(self, s: KernelState[N]) -> KernelState[N]:
        """The state as one new term, which is right only at a node that all paths pass through."""
        if s.parts:
            return s
        return self.state_of(s.second, s.mean, gaussian=s.gaussian)

    # -- the rules --------------------------------------------------------------------

    def fresh(
        self,
        s: KernelState[N],
        weights: Weights,
        read: KernelState[N] | None = None,
        trained: Callable[[], KernelState[N]] | None = None,
    ) -> KernelState[N]:
        seen = s if read is None else read
        if self.standard and trained is not None and s.second.theta is not None:
            seen = trained()
        if weights.per_channel and s.parts:
            return self._by_channels(
                [s, seen], lambda group: self._drawn(group[0], group[1], weights)
            )
        return self._drawn(s, seen, weights)

    def _drawn(self, s: KernelState[N], seen: KernelState[N], weights: Weights) -> KernelState[N]:
        """What weights make of `s`, with gradients that read `seen`."""
        zero = self.backend.number(0)
        w, b = self.backend.number(weights.drawn), self.backend.number(weights.bias_variance)
        k = tuple(w * item + b for item in s.second.k)
        # A number, also where q values of data are arrays: what reads it can tell.
        q = b if self.backend.is_zero(w) else w * s.second.q + b
        second = SecondMoments(q, k, self.weight_tangent(s, seen, weights))
        if not weights.per_channel:
            return self.state_of(second, zero, gaussian=True)
        own = frozenset({next(self.labels)})
        mean = None if s.mean is None else zero
        return self.state_of(second, mean, s.support | own, odd=own)

    def weight_tangent(
        self, s: KernelState[N], seen: KernelState[N], weights: Weights
    ) -> tuple[N, ...] | None:
        """Theta behind weights: their own term, of what they read, and what comes in."""
        theta, number, value = s.second.theta, self.backend.number, self.backend.value
        if theta is None:
            return None
        if self.standard:
            scale, added = number(weights.fan_in), number(int(weights.bias))
            own = [scale * value(item) + added for item in seen.second.k]
        else:
            scale, added = number(weights.variance), number(weights.bias_variance)
            own = [value(scale * item + added) for item in seen.second.k]
        w = number(weights.drawn)
        return tuple(new + w * old for new, old in zip(own, theta, strict=True))

    def nonlinearity(self, s: KernelState[N], phi: ScalarFunction) -> KernelState[N]:
        if s.parts:
            images = [self.nonlinearity(part, phi) for _, part in s.parts]
            return self.concat(images, [fraction for fraction, _ in s.parts])
        if not s.gaussian:
            raise UnsupportedError(
                where=self.site.name,
                found=f"the activation {phi.name} reads a value that is not Gaussian",
                law="the dual of an activation is a mean over Gaussian pre-activations, which "
                "only a layer of fresh weights provides",
                remedy="put a Dense or Conv layer before it (not a raw input, not another "
                "activation)",
            )
        backend, second = self.backend, s.second
        k = tuple(backend.dual(phi, second.q, item) for item in second.k)
        theta = second.theta
        if theta is not None:
            theta = tuple(
                old * backend.value(backend.dual(phi, second.q, item, 1))
                for item, old in zip(second.k, theta, strict=True)
            )
        image = SecondMoments(backend.q_map(phi, second.q), k, theta)
        mean = backend.mean(phi, second.q)
        atom = Term(image, mean, s.support, False, phi, s)
        return KernelState(image, mean, ((backend.number(1), atom),))

    def weighted_sum(
        self, terms: Sequence[KernelState[N]], weights: Sequence[Real]
    ) -> KernelState[N]:
        if any(term.parts for term in terms):
            return self._by_channels(terms, lambda group: self.weighted_sum(group, weights))
        backend = self.backend
        scales = [backend.number(w) for w in weights]
        form: dict[Term[N], N] = {}
        for scale, term in zip(scales, terms, strict=True):
            for coefficient, atom in term.form:
                added = scale * coefficient
                form[atom] = form[atom] + added if atom in form else added
        second = self._sum_second(terms, scales)
        mean = self._combine([term.mean for term in terms], scales)
        return KernelState(second, mean, tuple((c, atom) for atom, c in form.items()))

    def product(self, factors: Sequence[KernelState[N]]) -> KernelState[N]:
        if any(factor.parts for factor in factors):
            return self._by_channels(factors, self.product)
        support: frozenset[int] = frozenset()
        for factor in factors:
            if support & factor.support:
                raise dependent(self.site.name, "a product of factors that share random weights")
            support |= factor.support
        second = factors[0].second
        mean = factors[0].mean
        for factor in factors[1:]:
            second = self._times(second, factor.second)
            mean = None if mean is None or factor.mean is None else mean * factor.mean
        return self.state_of(second, mean, support)

    def concat(self, parts: Sequence[KernelState[N]], fractions: Sequence[Real]) -> KernelState[N]:
        scales = [self.backend.number(f) for f in fractions]
        second = self._linear([part.second for part in parts], [(f, f) for f in scales])
        mean = self._combine([part.mean for part in parts], scales)
        support = frozenset().union(*(part.support for part in parts))
        atom = Term(second, mean, support, False)
        pieces = tuple(zip(fractions, parts, strict=True))
        return KernelState(second, mean, ((self.backend.number(1), atom),), pieces)

    def normalize(self, s: KernelState[N], center: bool, over_locations: bool) -> KernelState[N]:
        backend = self.backend
        if center and s.mean is None:
            raise unknown_mean(
                self.site.name, "layer norm that", "use LayerNorm(center=False), PLN"
            )
        if center and not self._is_zero(s.mean):
            s = self._centered(s, over_locations)
        q = backend.over_locations(s.second.q) if over_locations else s.second.q
        if backend.is_zero(q):
            raise without_length(self.site.name)
        scaled = self.weighted_sum([s], [one_over(backend, backend.sqrt(q))])
        if over_locations:
            return scaled
        # Exact by construction; simplification of sqrt(q)^2 / q is left to no one.
        second = scaled.second
        k = tuple(backend.unit(item) for item in second.k)
        return dataclasses.replace(scaled, second=SecondMoments(backend.number(1), k, second.theta))

    def center(self, s: KernelState[N]) -> KernelState[N]:
        if s.mean is None:
            raise unknown_mean(self.site.name, "a layer that", "use a Dense layer here")
        return s if self._is_zero(s.mean) else self._centered(s, over_locations=False)

    def _centered(self, s: KernelState[N], over_locations: bool) -> KernelState[N]:
        backend = self.backend
        one, zero = backend.number(1), backend.number(0)
        theta = None if s.second.theta is None else tuple(zero for _ in s.second.k)
        ones = SecondMoments(one, tuple(one for _ in s.second.k), theta)
        constant = self.state_of(ones, one, frozenset())
        mean = s.mean
        assert mean is not None  # the callers have refused it
        gone = backend.over_locations(mean) if over_locations else mean
        s = self.weighted_sum([s, constant], [one, -gone])
        return s if over_locations else dataclasses.replace(s, mean=zero)

    def batch_normalize(self, s: KernelState[N]) -> KernelState[N]:
        if not s.gaussian:
            raise UnsupportedError(
                where=self.site.name,
                found="batch norm of a value that is not Gaussian",
                law="the batch variance of a channel is the same for all channels only when a "
                "layer of fresh weights comes before",
                remedy="put batch norm after a Dense or Conv layer, before the activation",
            )
        typical = s.second.k[self.probes.index("b")]
        variance = s.second.q - typical
        if self.backend.is_zero(variance):
            raise without_length(self.site.name)
        k = tuple((item - typical) / variance for item in s.second.k)
        second = SecondMoments(self.backend.number(1), k, None)
        return self.state_of(second, self.backend.number(0), s.support, s.gaussian)

    def fixed(self, s: KernelState[N], vectors: FixedVectors) -> KernelState[N]:
        if any(kind in self.probes for kind in ("s", "sc")):
            return self.unsupported([s], *unlike_locations("a table of vectors"))
        q, zero = self.backend.number(vectors.variance), self.backend.number(0)
        theta = None if s.second.theta is None else (zero,) * len(s.second.theta)
        return self.state_of(SecondMoments(q, (q,) * len(s.second.k), theta), None, FIXED)

    def attend(
        self,
        query: KernelState[N],
        key: KernelState[N],
        value: KernelState[N],
        attention: FixedAttention,
    ) -> KernelState[N]:
        check_logits(self.site.name, self.backend, query, key, attention)
        check_heads(self.site.name, value, attention)
        heads = [self.mix(value, locations) for locations in attention.maps]
        if value.second.theta is not None and not attention.vanishing:
            terms = [
                self.query_tangent(query, key, value, pattern, attention)
                for pattern in attention.patterns
            ]
            heads = [self._with_tangent(h, term) for h, term in zip(heads, terms, strict=True)]
        return heads[0] if len(heads) == 1 else self.concat(heads, attention.shares)

    def query_tangent(
        self,
        query: KernelState[N],
        key: KernelState[N],
        value: KernelState[N],
        pattern: DenseMap,
        attention: FixedAttention,
    ) -> tuple[N, ...] | None:
        """What queries that start at zero and train add to Theta: see `query_term`; None where it
        is not known."""
        theta, gains = query.second.theta, attention.gains
        alike = pattern.exchangeable() is not None and bool(np.all(gains == gains[0]))
        if theta is None or not alike or attention.frequencies is not None:
            return None
        probes = [self.probes.index(label) for label in ("c", "sc")]
        number, plain = self.backend.number, self.backend.value
        keys, values = (Alike(*(plain(s.second.k[i]) for i in probes)) for s in (key, value))
        half = one_sided(pattern, number)
        logits = Alike(*(theta[i] for i in probes)) * query_term(keys, values, (half, half))
        term = [number(0)] * len(theta)
        for i, added in zip(probes, (logits.near, logits.far), strict=True):
            term[i] = number(float(gains[0]) ** 2) * added
        return tuple(term)

    def _with_tangent(self, s: KernelState[N], term: tuple[N, ...] | None) -> KernelState[N]:
        theta = None
        if term is not None and s.second.theta is not None:
            theta = tuple(old + new for old, new in zip(s.second.theta, term, strict=True))
        second = dataclasses.replace(s.second, theta=theta)
        return self.state_of(second, s.mean, s.support, s.gaussian)

    def pln(self, s: KernelState[N], channels: int, mode: str) -> KernelState[N]:
        backend, q = self.backend, s.second.q
        d = backend.number(channels)
        if mode == "avg_q":
            h = backend.sqrt(backend.over_locations(q))
        else:
            h = backend.number(1 if mode == "one" else 0)
        inverse = one_over(backend, backend.sqrt(d * q + h * h))
        k = tuple(backend.lengthened(item, d * q, d, h, inverse) for item in s.second.k)
        theta = s.second.theta
        if theta is not None:
            scale = d * backend.value(backend.outer(inverse, inverse))
            # A zero stays the constant it is, and not an array of zeros.
            theta = tuple(item if backend.is_zero(item) else item * scale for item in theta)
        return self.state_of(SecondMoments(backend.number(1), k, theta), None, s.support)

    def dropout(self, s: KernelState[N], keep: float) -> KernelState[N]:
        if keep == 1:
            return s
        if s.parts:
            return self._by_channels([s], lambda group: self.dropout(group[0], keep))
        q = s.second.q / self.backend.number(keep)
        second = SecondMoments(q, s.second.k, s.second.theta)
        return self.state_of(second, s.mean, s.support, odd=s.odd)

    def assume_gaussian(self, s: KernelState[N]) -> KernelState[N]:
        if s.parts:
            return self._by_channels([s], lambda group: self.assume_gaussian(group[0]))
        zero = self.backend.number(0)
        return self.state_of(s.second, zero, s.support, gaussian=True)

    def unsupported(self, s: Sequence[KernelState[N]], reason: str, remedy: str) -> KernelState[N]:
        raise UnsupportedError(
            where=self.site.name, found="a layer without a kernel rule", law=reason, remedy=remedy
        )


def one_over(backend: Backend[N], value: N) -> N:
    """1 / value in the backend."""
    return backend.number(1) / value
