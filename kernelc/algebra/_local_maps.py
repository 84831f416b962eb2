"""Readings of a graph: C maps with a chosen local map, their derivatives, overlapping windows."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Callable, Sequence

import sympy

from .._errors import UnsupportedError
from ..activations import ScalarFunction
from ..ir import LocationMap, PairKind, Reading, Real, S
from ._kernel_state import N


@dataclasses.dataclass(frozen=True)
class Jet:
    """First and second derivative of a C map at c = 1: floats or SymPy expressions."""

    slope: Real
    curvature: Real

    def then(self, outer: Jet) -> Jet:
        """The chain rule at the fixed point c = 1: this map first, then `outer`."""
        return Jet(
            self.slope * outer.slope,
            outer.curvature * self.slope**2 + outer.slope * self.curvature,
        )

    def power(self, count: Real) -> Jet:
        """This map `count` times: s^n and t s^(n-1) (s^n - 1) / (s - 1)."""
        s = self.slope
        total = count if s == 1 else (s**count - 1) / (s - 1)
        if isinstance(count, sympy.Expr):
            total = sympy.Piecewise((count, sympy.Eq(s, 1)), (total, True))
        return Jet(s**count, self.curvature * s ** (count - 1) * total)


class _UnitQ(Reading[S]):
    """Rules shared by both readings: at q = 1 affine layers are the identity on C maps."""

    def combine(self, values: Sequence[S]) -> S:
        return self._mean(values, [1 / len(values)] * len(values))

    def mix(self, s: S, locations: LocationMap) -> S:
        return s if locations.uneven is None else self.unsupported([s], *locations.uneven)

    def batch_normalize(self, s: S) -> S:
        return self.unsupported(
            [s],
            "batch norm removes the mean over the batch, so its slope depends on the data",
            "remove it: kernelc.shape(network, ..., rewrite=True) does",
        )

    def unsupported(self, s: Sequence[S], reason: str, remedy: str) -> S:
        raise UnsupportedError(
            where=self.site.name, found="a layer without a C map", law=reason, remedy=remedy
        )

    def concat(self, parts: Sequence[S], fractions: Sequence[Real]) -> S:
        return self._mean(parts, fractions)

    def weighted_sum(self, terms: Sequence[S], weights: Sequence[Real]) -> S:
        squares = [w * w for w in weights]
        total = sum(squares[1:], squares[0])
        if total == 0:
            return self.unsupported(
                terms,
                "all weights of the sum are zero, so that no value has a cosine",
                "start at least one of them at another number",
            )
        # Normalized sums have total 1 up to the rounding of the weights themselves.
        normal = isinstance(total, float) and abs(total - 1) < 1e-12
        return self._mean(terms, squares if normal else [w / total for w in squares])

    @abstractmethod
    def _mean(self, parts: Sequence[S], shares: Sequence[Real]) -> S:
        """The mean of `parts` with weights `shares`, which add up to 1."""


class JetReading(_UnitQ[Jet]):
    """Derivatives at c = 1 when every local map has slope `psi` and curvature `kappa`.

    Composition: C' multiplies, C'' <- kappa (C')^2 + psi C''; sums average with w_i^2;
    products add slopes (Martens et al. 2021). With psi = 1 curvatures simply add.

    Nodes named in `gates` have the slope psi - 1, so that their product with c has psi.
    """

    def __init__(self, psi: Real, kappa: Real, gates: frozenset[str] = frozenset()) -> None:
        self.psi, self.kappa, self.gates = psi, kappa, gates

    def nonlinearity(self, s: Jet, phi: ScalarFunction) -> Jet:
        psi = self.psi - 1 if self.site.name in self.gates else self.psi
        return Jet(psi * s.slope, self.kappa * s.slope * s.slope + psi * s.curvature)

    def repeat(self, s: Jet, block: Callable[[Jet], Jet], times: sympy.Expr) -> Jet:
        return s.then(block(Jet(sympy.Integer(1), sympy.Integer(0))).power(times))

    def product(self, factors: Sequence[Jet]) -> Jet:
        total = factors[0]
        for factor in factors[1:]:
            total = Jet(
                total.slope + factor.slope,
                total.curvature + 2 * total.slope * factor.slope + factor.curvature,
            )
        return total

    def _mean(self, parts: Sequence[Jet], shares: Sequence[Real]) -> Jet:
        pairs = list(zip(parts, shares, strict=True))
        slope = sum(share * part.slope for part, share in pairs)
        return Jet(slope, sum(share * part.curvature for part, share in pairs))


class CMapReading(_UnitQ[N]):
    """C values when every nonlinearity acts as the local C map `local`, at q = 1."""

    def __init__(self, local: Callable[[N], N]) -> None:
        self.local = local

    def nonlinearity(self, s: N, phi: ScalarFunction) -> N:
        return self.local(s)

    def product(self, factors: Sequence[N]) -> N:
        total = factors[0]
        for factor in factors[1:]:
            total = total * factor
        return total

    def _mean(self, parts: Sequence[N], shares: Sequence[Real]) -> N:
        first, *rest = (part * share for part, share in zip(parts, shares, strict=True))
        return sum(rest, first)


Overlapped = str | None


class OverlapReading(Reading[Overlapped]):
    """The node whose overlapping windows made covariances depend on the offset of locations.

    That is fine unless another mean over locations reads them: then `mix` refuses.
    """

    def combine(self, values: Sequence[Overlapped]) -> Overlapped:
        return next((value for value in values if value is not None), None)

    def repeat(
        self, s: Overlapped, block: Callable[[Overlapped], Overlapped], times: sympy.Expr
    ) -> Overlapped:
        # Twice, because windows of one application may meet a mean of the next.
        first = block(s)
        return self.combine([first, block(first)])

    def mix(self, s: Overlapped, locations: LocationMap) -> Overlapped:
        averages = not locations.identity and bool(locations.reads & {PairKind.LOCATION})
        if not averages or locations.uneven is not None:
            return s
        if s is not None:
            raise UnsupportedError(
                where=self.site.name,
                found=f"a second mean over locations, after the overlapping windows of {s}",
                law="overlapping windows make the covariance of two locations depend on their "
                "offset, which one symbol cannot carry",
                remedy=f"give {s} a stride equal to its window, or use WeightedMeanPool",
            )
        return self.site.name if locations.overlapping else None
