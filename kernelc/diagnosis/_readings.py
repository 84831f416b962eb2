"""The readings of a diagnosis: C maps, NTKs, slopes, and how far finite layers vary."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence

import numpy as np

from .._errors import KernelcError
from ..activations import ScalarFunction, named
from ..algebra import AnyLocation, FloatBackend, KernelState, PairAlgebra
from ..ir import DenseMap, FixedAttention, FixedVectors, Reading, Real, Weights
from ._profile import RangeError


_LARGEST_Q = 1000.0
# Slopes of tails are read here, and flat below this: tanh(x)/x is 1e-8.
_FAR, _FLAT = 1e8, 1e-6
KEEP_Q = "normalize sums and weights so that q stays near 1"
_GRID = np.linspace(-10.0, 10.0, 4001)
_DENSITY = np.exp(-(_GRID**2) / 2) / math.sqrt(2 * math.pi) * (_GRID[1] - _GRID[0])

Numbers = float | np.ndarray
FloatState = KernelState[Numbers]


class MapAlgebra(PairAlgebra[Numbers]):
    """C maps and NTKs; pre-activations that are not Gaussian are taken as such, and listed."""

    def __init__(
        self, backend: FloatBackend, probes: tuple[str, ...], standard: bool = False
    ) -> None:
        super().__init__(backend, probes, standard)
        self.approximated: dict[str, None] = {}
        self.far: dict[str, None] = {}

    def nonlinearity(self, s: FloatState, phi: ScalarFunction) -> FloatState:
        if not s.parts and not s.gaussian:
            self.approximated[self.site.name] = None
            s = self.state_of(s.second, s.mean, s.support, gaussian=True)
        if phi.homogeneity is None and s.second.q > _LARGEST_Q:
            return self._far(s, phi)
        return super().nonlinearity(s, phi)

    def _far(self, s: FloatState, phi: ScalarFunction) -> FloatState:
        """An activation that sees its tails alone: the rectifier with the same slopes."""
        up, down = (float(phi.numpy(0)(np.array([x]))[0]) / x for x in (_FAR, -_FAR))
        finite = math.isfinite(up) and math.isfinite(down)
        if not (finite and up > _FLAT):
            # Tails that grow faster than a rectifier's overflow from here on.
            raise (KernelcError if finite else RangeError)(
                where=self.site.name,
                found=f"a q value of {s.second.q:.3g} at {phi.name}",
                law=f"beyond a q value of {_LARGEST_Q:g} an activation sees its tails alone, and "
                "its C map takes ever longer to integrate",
                remedy=KEEP_Q,
            )
        self.far[self.site.name] = None
        image = super().nonlinearity(s, named("leaky_relu", negative_slope=down / up))
        return self.weighted_sum([image], [up])

    def batch_normalize(self, s: FloatState) -> FloatState:
        """Batch norm takes each pair's K less that of a typical pair, and likewise its NTK.

        With mean m over a large batch, d(u - m) d(u' - m) = Theta - 2 Theta_b + Theta_b; what the
        deviation adds is a projection on one direction of many.
        """
        out = super().batch_normalize(s)
        theta, b = s.second.theta, self.probes.index("b")
        if theta is None:
            return out
        variance = s.second.q - s.second.k[b]
        theta = tuple((t - theta[b]) / variance for t in theta)
        second = dataclasses.replace(out.second, theta=theta)
        return self.state_of(second, out.mean, out.support, out.gaussian)


class SlopeAlgebra(MapAlgebra):
    """dK/dc in the place of the NTK.

    The NTK rules are those of a derivative along c, plus the terms of weights; without them
    `theta` started at dk/dc is dk/dc throughout.
    """

    def query_tangent(
        self,
        query: FloatState,
        key: FloatState,
        value: FloatState,
        pattern: DenseMap,
        attention: FixedAttention,
    ) -> tuple[Numbers, ...] | None:
        return tuple(self.backend.number(0) for _ in self.probes)

    def weight_tangent(
        self, s: FloatState, seen: FloatState, weights: Weights
    ) -> tuple[Numbers, ...]:
        w = self.backend.number(weights.drawn)
        return tuple(w * t for t in s.second.theta or ())


class InnerMapAlgebra(AnyLocation[Numbers], MapAlgebra):
    """`MapAlgebra` at locations far from all borders."""


class InnerSlopeAlgebra(AnyLocation[Numbers], SlopeAlgebra):
    """`SlopeAlgebra` at locations far from all borders."""


@dataclasses.dataclass(frozen=True)
class Spread:
    """A value's q, the variance over draws of the weights of its logarithm, and whether the
    layer that made it kept norms."""

    q: float
    variance: float
    kept: bool = False


_UNIT = Spread(1.0, 0.0)


class SpreadReading(Reading[Spread]):
    """Var log q, to first order in 1/width (Hanin & Nica 2020 for ReLU, where it adds 5/n).

    A layer of n channels measures q as a mean over n values phi(u)^2, which adds their
    (kurtosis - 1)/n; what came in passes on times (d log Q / d log q)^2. Weights that keep norms
    fix the mean of u^2, and with it the part of phi^2 that is proportional to u^2 - q: that takes
    2 (d log Q / d log q)^2 / n away. The q values are those of the kernel, given with every
    input.
    """

    def combine(self, values: Sequence[Spread]) -> Spread:
        return values[0]

    def fresh(
        self,
        s: Spread,
        weights: Weights,
        read: Spread | None = None,
        trained: Callable[[], Spread] | None = None,
    ) -> Spread:
        own = float(weights.drawn) * s.q
        total = own + float(weights.bias_variance)
        share = own / total if total > 0 else 0.0
        variance = s.variance
        if weights.per_channel:
            # Var w^2 E x^4 of a Gaussian value under one tap; more taps average some of it away.
            variance += 6 / self.site.out_shape[-1]
        return Spread(total, share**2 * variance, weights.orthogonal)

    def nonlinearity(self, s: Spread, phi: ScalarFunction) -> Spread:
        second, excess, power = moments(phi, s.q)
        own = excess - 2 * power**2 if s.kept else excess
        return Spread(second, power**2 * s.variance + own / self.site.out_shape[-1])

    def weighted_sum(self, terms: Sequence[Spread], weights: Sequence[Real]) -> Spread:
        parts = [float(w) ** 2 * t.q for w, t in zip(weights, terms, strict=True)]
        return self._total(terms, parts)

    def product(self, factors: Sequence[Spread]) -> Spread:
        q = math.prod(factor.q for factor in factors)
        return Spread(q, sum(factor.variance for factor in factors))

    def concat(self, parts: Sequence[Spread], fractions: Sequence[Real]) -> Spread:
        return self._total(parts, [float(f) * p.q for f, p in zip(fractions, parts, strict=True)])

    def fixed(self, s: Spread, vectors: FixedVectors) -> Spread:
        return Spread(float(vectors.variance), 0.0)

    def normalize(self, s: Spread, center: bool, over_locations: bool) -> Spread:
        return _UNIT

    def batch_normalize(self, s: Spread) -> Spread:
        return _UNIT

    def pln(self, s: Spread, channels: int, mode: str) -> Spread:
        return _UNIT

    def dropout(self, s: Spread, keep: float) -> Spread:
        return Spread(s.q / keep, s.variance + (1 / keep - 1) / self.site.out_shape[-1])

    def _total(self, terms: Sequence[Spread], parts: Sequence[float]) -> Spread:
        total = sum(parts)
        if not total > 0:
            return Spread(0.0, 0.0)
        shares = [part / total for part in parts]
        pairs = zip(shares, terms, strict=True)
        return Spread(total, sum(share**2 * term.variance for share, term in pairs))


@functools.lru_cache(maxsize=4096)
def moments(phi: ScalarFunction, q: float) -> tuple[float, float, float]:
    """E phi(u)^2, the kurtosis E phi^4 / (E phi^2)^2 less 1, and d log Q / d log q at this q.

    They enter figures of one or two digits: a trapezoid rule does.
    """
    u = math.sqrt(q) * _GRID
    with np.errstate(all="ignore"):
        value, slope = phi.numpy(0)(u), phi.numpy(1)(u)
        # Relative to the largest value, so that no power under- or overflows.
        top = float(np.max(np.abs(value), initial=0.0))
        if not 0 < top < math.inf:
            return top, math.nan, math.nan
        unit = value / top
        second = float(_DENSITY @ unit**2)
        excess = float(_DENSITY @ unit**4) / second**2 - 1
        power = float(_DENSITY @ (unit * slope * u)) / second / top
        return float(np.float64(top) ** 2 * second), excess, power


@functools.lru_cache(maxsize=4096)
def saturation(phi: ScalarFunction, q: float) -> float:
    """The share of units whose slope is below a twentieth of the largest slope there is."""
    slope = np.abs(phi.numpy(1)(math.sqrt(q) * _GRID))
    # The largest slope may lie outside what Gaussian values of this q reach.
    largest = float(np.max(np.abs(phi.numpy(1)(_GRID)), initial=float(np.max(slope))))
    return float(_DENSITY @ (slope < largest / 20))
