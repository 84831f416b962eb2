"""A pair of zero-mean Gaussians (u, v), described without cancellation near |c| = 1."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

from .._errors import DataError


# Cosines computed in float64 exceed one by rounding; more than this is a mistake.
_EXCESS = 1e-12


class Covariance(NamedTuple):
    """u = a·z and v = b·(c·z + s·w), z and w independent standard normals.

    Arguments:
        a: standard deviation of u.
        b: standard deviation of v.
        c: correlation, accurate to rounding even where it is tiny; c = sign·(1 - gap).
        s: √(1-c²), accurate to rounding even for tiny gaps.
        sign: sign of c, +1 at zero.
        gap: 1 - |c|.
    """

    a: float
    b: float
    c: float
    s: float
    sign: float
    gap: float

    def density(self, x: float, y: float) -> float:
        """The joint density of (u, v) at (x, y)."""
        t, r = x / self.a, y / self.b
        ahead = (t - self.sign * r) + self.sign * self.gap * r  # t - c·r
        exponent = -0.5 * ((ahead / self.s) ** 2 + r * r)
        return math.exp(exponent) / (2 * math.pi * self.a * self.b * self.s)


def covariance(q1: float, q2: float, k: float, one_minus_c: float | None = None) -> Covariance:
    """The pair with variances q1, q2 and covariance k.

    Raises: DataError if no such pair exists.

    Example:
        >>> covariance(1.0, 4.0, 2.0).s
        0.0
    """
    if not (0 < q1 < math.inf and 0 < q2 < math.inf and math.isfinite(k)):
        raise _impossible(q1, q2, k, "Variances are positive and finite")
    a, b = math.sqrt(q1), math.sqrt(q2)
    if one_minus_c is not None:
        if not 0 <= one_minus_c <= 2:
            raise _impossible(q1, q2, k, f"one_minus_c={one_minus_c} is not in [0, 2]")
        sign = 1.0 if one_minus_c <= 1 else -1.0
        gap = one_minus_c if sign > 0 else 2.0 - one_minus_c
        return Covariance(a, b, sign * (1 - gap), math.sqrt(gap * (2 - gap)), sign, gap)
    # Exact rationals: q1·q2 - k² keeps no digit in floats when |c| is within 1e-16 of one.
    product = Fraction(q1) * Fraction(q2)
    s2 = float((product - Fraction(k) ** 2) / product)
    if s2 < -2 * _EXCESS:
        raise _impossible(q1, q2, k, "A covariance is at most √(q1·q2) in size")
    s2 = max(s2, 0.0)
    sign = 1.0 if k >= 0 else -1.0
    # A small cosine has no digits in 1 - s², nor in its gap.
    size = abs(k) / a / b if s2 > 0.5 else math.sqrt(1 - s2)
    return Covariance(a, b, sign * size, math.sqrt(s2), sign, s2 / (1 + size))


def _impossible(q1: float, q2: float, k: float, law: str) -> DataError:
    return DataError(
        where="dual",
        found=f"variances {q1}, {q2} and covariance {k}",
        law=law,
        remedy="Pass q1 > 0, q2 > 0 and |k| ≤ √(q1·q2)",
    )
