"""The kernel rules, written once, over any ring of numbers."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from .._errors import UnsupportedError
from ..activations import ScalarFunction
from ..ir import KernelAlgebra, Weights, Window
from ._channels import alike
from ._cross_moments import CrossMoments
from ._refusals import dependent, overlapped, unknown_mean, without_length
from ._ring import Ring
from ._signal import Atom, Second, Signal


N = TypeVar("N", bound=Any)


class PairAlgebra(CrossMoments[N], KernelAlgebra[Signal[N]]):
    """Second moments of a pair of inputs (Martens et al. 2021), true to shared randomness.

    Arguments:
        ring: the numbers to compute in.
        probes: labels of the entries of `k`: "c" always; "s" and "sc" (another location of the
            same, of the other input) when locations are averaged; "b" (a typical pair of the
            batch) when batch norm is present.
    """

    def __init__(self, ring: Ring[N], probes: tuple[str, ...] = ("c",)) -> None:
        self.ring = ring
        self.probes = probes
        self._ids = itertools.count()
        self._overlap_at: str | None = None

    # -- making signals ---------------------------------------------------------------

    def atom_signal(
        self,
        second: Second[N],
        mean: N | None,
        support: frozenset[int] | None = None,
        gaussian: bool = False,
    ) -> Signal[N]:
        """A signal that is one new atom; without a support it is independent of all others."""
        if support is None:
            support = frozenset({next(self._ids)})
        atom = Atom(second, mean, support, gaussian)
        return Signal(second, mean, ((self.ring.number(1), atom),))

    def seal(self, s: Signal[N]) -> Signal[N]:
        """Forget where a value came from: right only at a node all paths pass through."""
        if s.parts:
            return s
        return self.atom_signal(s.second, s.mean, gaussian=s.gaussian)

    # -- the rules --------------------------------------------------------------------

    def fresh(self, s: Signal[N], weights: Weights, read: Signal[N] | None = None) -> Signal[N]:
        number, value = self.ring.number, self.ring.value
        w, b = number(weights.variance), number(weights.bias_variance)
        k = tuple(w * item + b for item in s.second.k)
        theta = s.second.theta
        if theta is not None:
            seen = (s if read is None else read).second.k
            if self.standard:
                fan_in, one = number(weights.fan_in), number(int(weights.bias))
                own = [fan_in * value(item) + one for item in seen]
            else:
                own = [value(item) for item in (k if read is None else (w * x + b for x in seen))]
            theta = tuple(new + w * old for new, old in zip(own, theta, strict=True))
        q = w * s.second.q + b
        return self.atom_signal(Second(q, k, theta), self.ring.number(0), gaussian=True)

    def nonlinearity(self, s: Signal[N], phi: ScalarFunction) -> Signal[N]:
        if s.parts:
            images = [self.nonlinearity(part, phi) for _, part in s.parts]
            return self.concat(images, [fraction for fraction, _ in s.parts])
        if not s.gaussian:
            raise UnsupportedError(
                where=self.where,
                found=f"the activation {phi.name} reads a value that is not Gaussian",
                law="the dual of an activation is a mean over Gaussian pre-activations, which "
                "only a layer of fresh weights provides",
                remedy="put a Dense or Conv layer before it (not a raw input, not another "
                "activation)",
            )
        ring, second = self.ring, s.second
        k = tuple(ring.dual(phi, second.q, item) for item in second.k)
        theta = second.theta
        if theta is not None:
            theta = tuple(
                old * ring.value(ring.dual(phi, second.q, item, 1))
                for item, old in zip(second.k, theta, strict=True)
            )
        image = Second(ring.q_map(phi, second.q), k, theta)
        mean = ring.mean(phi, second.q)
        atom = Atom(image, mean, s.support, False, phi, s)
        return Signal(image, mean, ((ring.number(1), atom),))

    def weighted_sum(self, terms: Sequence[Signal[N]], weights: Sequence[Any]) -> Signal[N]:
        if any(term.parts for term in terms):
            return self._by_channels(terms, lambda group: self.weighted_sum(group, weights))
        ring = self.ring
        scales = [ring.number(w) for w in weights]
        form: dict[Atom[N], N] = {}
        for scale, term in zip(scales, terms, strict=True):
            for coefficient, atom in term.form:
                added = scale * coefficient
                form[atom] = form[atom] + added if atom in form else added
        second = self._sum_second(terms, scales)
        mean = self._combine([term.mean for term in terms], scales)
        return Signal(second, mean, tuple((c, atom) for atom, c in form.items()))

    def product(self, factors: Sequence[Signal[N]]) -> Signal[N]:
        if any(factor.parts for factor in factors):
            return self._by_channels(factors, self.product)
        support: frozenset[int] = frozenset()
        for factor in factors:
            if support & factor.support:
                raise dependent(self.where, "a product of factors that share random weights")
            support |= factor.support
        second = factors[0].second
        mean = factors[0].mean
        for factor in factors[1:]:
            second = self._times(second, factor.second)
            mean = None if mean is None or factor.mean is None else mean * factor.mean
        return self.atom_signal(second, mean, support)

    def concat(self, parts: Sequence[Signal[N]], fractions: Sequence[Any]) -> Signal[N]:
        scales = [self.ring.number(f) for f in fractions]
        second = self._linear([part.second for part in parts], [(f, f) for f in scales])
        mean = self._combine([part.mean for part in parts], scales)
        support = frozenset().union(*(part.support for part in parts))
        atom = Atom(second, mean, support, False)
        pieces = tuple(zip(fractions, parts, strict=True))
        return Signal(second, mean, ((self.ring.number(1), atom),), pieces)

    def _by_channels(
        self, terms: Sequence[Signal[N]], rule: Callable[[Sequence[Signal[N]]], Signal[N]]
    ) -> Signal[N]:
        """A rule that acts channel by channel, on each group of channels that are alike."""
        groups = alike(terms, self.where)
        return self.concat([rule(group) for _, group in groups], [share for share, _ in groups])

    def normalise(self, s: Signal[N], center: bool, over_locations: bool) -> Signal[N]:
        ring = self.ring
        if center and s.mean is None:
            raise unknown_mean(self.where, "layer norm that", "use LayerNorm(center=False), PLN")
        if center and not self._is_zero(s.mean):
            s = self._centred(s, over_locations)
        q = ring.over_locations(s.second.q) if over_locations else s.second.q
        if ring.is_zero(q):
            raise without_length(self.where)
        scaled = self.weighted_sum([s], [one_over(ring, ring.sqrt(q))])
        if over_locations:
            return scaled
        # Exact by construction; simplification of sqrt(q)^2 / q is left to no one.
        second = scaled.second
        k = tuple(ring.unit(item) for item in second.k)
        return dataclasses.replace(scaled, second=Second(ring.number(1), k, second.theta))

    def centre(self, s: Signal[N]) -> Signal[N]:
        if s.mean is None:
            raise unknown_mean(self.where, "a layer that", "use a Dense layer here")
        return s if self._is_zero(s.mean) else self._centred(s, over_locations=False)

    def _centred(self, s: Signal[N], over_locations: bool) -> Signal[N]:
        ring = self.ring
        one, zero = ring.number(1), ring.number(0)
        theta = None if s.second.theta is None else tuple(zero for _ in s.second.k)
        ones = Second(one, tuple(one for _ in s.second.k), theta)
        constant = self.atom_signal(ones, one, frozenset())
        mean: Any = s.mean
        gone = ring.over_locations(mean) if over_locations else mean
        s = self.weighted_sum([s, constant], [one, -gone])
        return s if over_locations else dataclasses.replace(s, mean=zero)

    def batch_normalise(self, s: Signal[N]) -> Signal[N]:
        if not s.gaussian:
            raise UnsupportedError(
                where=self.where,
                found="batch norm of a value that is not Gaussian",
                law="the batch variance of a channel is the same for all channels only when a "
                "layer of fresh weights comes before",
                remedy="put batch norm after a Dense or Conv layer, before the activation",
            )
        typical = s.second.k[self.probes.index("b")]
        variance = s.second.q - typical
        if self.ring.is_zero(variance):
            raise without_length(self.where)
        k = tuple((item - typical) / variance for item in s.second.k)
        second = Second(self.ring.number(1), k, None)
        return self.atom_signal(second, self.ring.number(0), s.support, s.gaussian)

    def location_mean(self, s: Signal[N], window: Window) -> Signal[N]:
        if window.uneven:
            return self.uneven(s)
        if window.taps == 1:
            return s
        if s.parts:
            return self._by_channels([s], lambda group: self.location_mean(group[0], window))
        if self._overlap_at not in (None, self.where):
            raise overlapped(self.where, self._overlap_at)
        same = window.same_location
        near, far = self.ring.number(same), self.ring.number(1 - same)
        c, other, cross = (self.probes.index(label) for label in ("c", "s", "sc"))
        k, theta = list(s.second.k), s.second.theta
        q = near * s.second.q + far * k[other]
        k[c] = near * k[c] + far * k[cross]
        if theta is not None:
            mixed = list(theta)
            mixed[c] = near * theta[c] + far * theta[cross]
            theta = tuple(mixed)
        second = Second(q, tuple(k), theta)
        if window.overlapping:
            # Overlapping windows share locations, so from here on the covariance of two
            # locations depends on their offset: fine unless another pool reads it.
            self._overlap_at = self.where
        return self.atom_signal(second, s.mean, s.support, s.gaussian)

    def unshare(self, s: Signal[N]) -> Signal[N]:
        if s.parts:
            return self._by_channels([s], lambda group: self.unshare(group[0]))
        zero, second = self.ring.number(0), s.second
        unlike = [label in ("s", "sc") for label in self.probes]
        if not any(unlike):
            return s
        k, theta = (
            values and tuple(zero if out else v for out, v in zip(unlike, values, strict=True))
            for values in (second.k, second.theta)
        )
        return self.atom_signal(Second(second.q, k or (), theta), s.mean, s.support, s.gaussian)

    def append_constant(self, s: Signal[N], channels: int, mode: str) -> Signal[N]:
        ring, q = self.ring, s.second.q
        d = ring.number(channels)
        if mode == "avg_q":
            h = ring.sqrt(ring.over_locations(q))
        else:
            h = ring.number(1 if mode == "one" else 0)
        inverse = one_over(ring, ring.sqrt(d * q + h * h))
        k = tuple(ring.lengthened(item, d * q, d, h, inverse) for item in s.second.k)
        theta = s.second.theta
        if theta is not None:
            scale = d * ring.value(ring.outer(inverse, inverse))
            # A zero stays the constant it is, and not an array of zeros.
            theta = tuple(item if ring.is_zero(item) else item * scale for item in theta)
        return self.atom_signal(Second(ring.number(1), k, theta), None, s.support)

    def dropout(self, s: Signal[N], keep: float) -> Signal[N]:
        if keep == 1:
            return s
        if s.parts:
            return self._by_channels([s], lambda group: self.dropout(group[0], keep))
        q = s.second.q / self.ring.number(keep)
        return self.atom_signal(Second(q, s.second.k, s.second.theta), s.mean, s.support)

    def unsupported(self, s: Sequence[Signal[N]], reason: str, remedy: str) -> Signal[N]:
        raise UnsupportedError(
            where=self.where, found="a layer without a kernel rule", law=reason, remedy=remedy
        )


def one_over(ring: Ring[N], value: N) -> N:
    """1 / value in the ring."""
    return ring.number(1) / value
