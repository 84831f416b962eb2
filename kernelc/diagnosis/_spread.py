"""How far q values of finite layers stray from those of infinite ones, one draw to another."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..activations import ScalarFunction
from ..ir import Reading, Weights


_GRID = np.linspace(-10.0, 10.0, 4001)
_DENSITY = np.exp(-(_GRID**2) / 2) / math.sqrt(2 * math.pi) * (_GRID[1] - _GRID[0])


@dataclasses.dataclass(frozen=True)
class Spread:
    """A value's q, the variance over draws of the weights of its logarithm, and whether the
    layer that made it kept norms."""

    q: float
    variance: float
    kept: bool = False


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
        own = float(weights.variance) * s.q
        total = own + float(weights.bias_variance)
        share = own / total if total > 0 else 0.0
        return Spread(total, share**2 * s.variance, weights.orthogonal)

    def nonlinearity(self, s: Spread, phi: ScalarFunction) -> Spread:
        second, excess, power = moments(phi, s.q)
        own = excess - 2 * power**2 if s.kept else excess
        return Spread(second, power**2 * s.variance + own / self.site.out_shape[-1])

    def weighted_sum(self, terms: Sequence[Spread], weights: Sequence[Any]) -> Spread:
        parts = [float(w) ** 2 * t.q for w, t in zip(weights, terms, strict=True)]
        return self._total(terms, parts)

    def product(self, factors: Sequence[Spread]) -> Spread:
        q = math.prod(factor.q for factor in factors)
        return Spread(q, sum(factor.variance for factor in factors))

    def concat(self, parts: Sequence[Spread], fractions: Sequence[Any]) -> Spread:
        return self._total(parts, [float(f) * p.q for f, p in zip(fractions, parts, strict=True)])

    def normalize(self, s: Spread, center: bool, over_locations: bool) -> Spread:
        return Spread(1.0, 0.0)

    def batch_normalize(self, s: Spread) -> Spread:
        return Spread(1.0, 0.0)

    def pln(self, s: Spread, channels: int, mode: str) -> Spread:
        return Spread(1.0, 0.0)

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
