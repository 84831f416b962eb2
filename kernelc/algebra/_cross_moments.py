"""Second moments of linear combinations, cross terms of values that share weights included."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Generic

from .._errors import UnsupportedError
from ..activations import ScalarFunction
from ..ir import Site
from ._backend import Backend
from ._kernel_state import KernelState, N, SecondMoments, Term
from ._refusals import dependent


class CrossMoments(Generic[N]):
    """E a(x) b(x') of two values, from the terms they are sums of (Martens et al. 2021).

    The channels of each value are all alike: `alike` has split others.
    """

    backend: Backend[N]
    site: Site

    def _sum_second(
        self, terms: Sequence[KernelState[N]], weights: Sequence[N]
    ) -> SecondMoments[N]:
        squares = [self._product(w, w) for w in weights]
        total = self._linear([t.second for t in terms], squares)
        for (w1, a), (w2, b) in itertools.combinations(zip(weights, terms, strict=True), 2):
            shared = self._cross(a, b)
            if shared is None:
                continue
            if self.backend.exchangeable:
                both = self.backend.number(2) * w1 * w2
                items, scales = [total, shared], [(both, both)]
            else:
                other = self._cross(b, a)
                assert other is not None
                items = [total, shared, other]
                scales = [self._product(w1, w2), self._product(w2, w1)]
            one = self.backend.number(1)
            total = self._linear(items, [(one, one), *scales])
        return total

    def _cross(self, a: KernelState[N], b: KernelState[N]) -> SecondMoments[N] | None:
        """E a(x) b(x'); None when it vanishes."""
        if not a.support & b.support and (self._is_zero(a.mean) or self._is_zero(b.mean)):
            return None
        found: list[SecondMoments[N]] = []
        scales: list[tuple[N, N]] = []
        for c1, atom1 in a.form:
            for c2, atom2 in b.form:
                second = self._cross_atoms(atom1, atom2)
                if second is not None:
                    found.append(second)
                    scales.append(self._product(c1, c2))
        return self._linear(found, scales) if found else None

    def _cross_atoms(self, a: Term[N], b: Term[N]) -> SecondMoments[N] | None:
        if a is b:
            return a.second
        if a.odd - b.support or b.odd - a.support:
            return None
        if not a.support & b.support:
            return self._independent(a, b)
        if a.gaussian and b.argument is not None and b.phi is not None:
            slope = self.backend.mean(b.phi, b.argument.second.q, 1)
            shared = self._cross(self._as_state(a), b.argument)
            return self._stein(shared, self._product(self.backend.number(1), slope))
        if b.gaussian and a.argument is not None and a.phi is not None:
            slope = self.backend.mean(a.phi, a.argument.second.q, 1)
            shared = self._cross(a.argument, self._as_state(b))
            return self._stein(shared, self._product(slope, self.backend.number(1)))
        if a.phi is None or b.phi is None or a.argument is None or b.argument is None:
            raise dependent(self.site.name, "a sum of values that share random weights")
        return self._images(a.phi, a.argument, b.phi, b.argument)

    def _independent(self, a: Term[N], b: Term[N]) -> SecondMoments[N] | None:
        if self._is_zero(a.mean) or self._is_zero(b.mean):
            return None
        if a.mean is None or b.mean is None:
            raise UnsupportedError(
                where=self.site.name,
                found="a raw input added to a value of non-zero mean",
                law="the cross term is the product of the means, and the channel mean of data "
                "is not a function of q and c",
                remedy="pass the input through a Dense or Conv layer before the sum",
            )
        both, pair = self._product(a.mean, b.mean)
        zero = self.backend.number(0)
        known = a.second.theta is not None and b.second.theta is not None
        theta = tuple(zero for _ in a.second.k) if known else None
        return SecondMoments(both, tuple(pair for _ in a.second.k), theta)

    def _stein(
        self, shared: SecondMoments[N] | None, slope: tuple[N, N]
    ) -> SecondMoments[N] | None:
        """E g phi(u) = E[g u] E phi'(u) (Stein's lemma), for Gaussian g and u."""
        return None if shared is None else self._linear([shared], [slope])

    def _images(
        self, phi: ScalarFunction, u: KernelState[N], psi: ScalarFunction, v: KernelState[N]
    ) -> SecondMoments[N]:
        backend, shared = self.backend, self._cross(u, v)
        zero = backend.number(0)
        if shared is None:
            zeros = tuple(zero for _ in u.second.k)
            shared = SecondMoments(zero, zeros, zeros)

        def pair(k: N, order: int = 0) -> N:
            return backend.cross_dual(phi, psi, u.second.q, v.second.q, k, order)

        theta = shared.theta
        if theta is not None:
            theta = tuple(
                old * backend.value(pair(item, 1))
                for item, old in zip(shared.k, theta, strict=True)
            )
        return SecondMoments(pair(shared.q), tuple(pair(item) for item in shared.k), theta)

    def _product(self, a: N, b: N) -> tuple[N, N]:
        """The product of two per-input numbers: at one input, and at the pair."""
        return a * b, self.backend.outer(a, b)

    def _linear(
        self, items: Sequence[SecondMoments[N]], scales: Sequence[tuple[N, N]]
    ) -> SecondMoments[N]:
        """Sum of scale_i item_i, entry by entry; scales for one input and for the pair."""

        def total(values: Sequence[N], weights: Sequence[N]) -> N:
            first, *rest = (w * value for w, value in zip(weights, values, strict=True))
            for term in rest:
                first = first + term
            return first

        own, pair = [w for w, _ in scales], [w for _, w in scales]
        k = tuple(total(entries, pair) for entries in zip(*(item.k for item in items), strict=True))
        thetas = [item.theta for item in items if item.theta is not None]
        theta = None
        if len(thetas) == len(items):
            plain = [self.backend.value(w) for w in pair]
            theta = tuple(total(entries, plain) for entries in zip(*thetas, strict=True))
        return SecondMoments(total([item.q for item in items], own), k, theta)

    def _times(self, a: SecondMoments[N], b: SecondMoments[N]) -> SecondMoments[N]:
        """Second moments of a product of independent values: K = K_a K_b, NTK by Leibniz."""
        k = tuple(x * y for x, y in zip(a.k, b.k, strict=True))
        theta, value = None, self.backend.value
        if a.theta is not None and b.theta is not None:
            theta = tuple(
                ta * value(kb) + value(ka) * tb
                for ta, ka, tb, kb in zip(a.theta, a.k, b.theta, b.k, strict=True)
            )
        return SecondMoments(a.q * b.q, k, theta)

    def _as_state(self, atom: Term[N]) -> KernelState[N]:
        return KernelState(atom.second, atom.mean, ((self.backend.number(1), atom),))

    def _is_zero(self, mean: N | None) -> bool:
        return mean is not None and self.backend.is_zero(mean)

    def _combine(self, means: Sequence[N | None], scales: Sequence[N]) -> N | None:
        total = self.backend.number(0)
        for mean, scale in zip(means, scales, strict=True):
            if mean is None:
                return None
            if not self.backend.is_zero(mean):
                total = total + scale * mean
        return total
