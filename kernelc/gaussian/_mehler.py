"""Dual kernels of analytic functions at one variance, by a power series whose rest is bounded."""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

import numpy as np
from jaxtyping import Float64

from ..activations import ScalarFunction
from ._nodes import PANEL_ORDER, hermite_rows, trapezoid_rule
from ._quadrature import rule_size


# What a series may leave, relative to the kernel at c = 1.
_REST = 1e-15
# Few different numbers of degrees, so that coefficients are computed once for many cosines.
_DEGREES = (128, 512, 2048, 8192, 20_000)
# Nodes of a rule in one dimension whose square takes longer than a series.
_MANY = 500
# Steps shrink by this, not by ½, which keeps aliases of a wave; two must agree to rounding.
_SHRINK, _TRIES, _AGREE = 0.7, 6, 4e-15
# Degrees are made in blocks: each ends with a look at what is left.
_BLOCK = 64
# The integrand is φ times √density times a bounded function. φ² times the density is negligible
# beyond the reach of a rule, so its root is beyond √2 times that.
_REACH, _MARGIN = math.sqrt(2.0), 1.0
# Trapezoids resolve waves up to π/step; those of degree k reach √k.
_GAUSSIAN_WAVE = 4.0


def is_costly(phi: ScalarFunction, q: float) -> bool:
    """Whether φ bends so often at this variance that a rule in two dimensions takes long.

    Arguments:
        phi: any function.
        q: the variance.
    """
    if not phi.analytic:
        return False
    size = rule_size(phi, math.sqrt(q), 0.0, PANEL_ORDER, trapezoids=True)
    return 2 * size.limit / size.width > _MANY


def hermite_dual(phi: ScalarFunction, q: float, c: float, order: int) -> float | None:
    """K(c) = Σ a_k² c^k, a_k the Hermite coefficients of φ^(order)(√q Z); None if not resolved.

    All a_k² are positive and add up to K(1), which one integral gives: Σ_{k≥n} a_k² |c|^k is at
    most |c|^n (K(1) - Σ_{k<n} a_k²). Degrees are added until that is 1e-15 of K(1), or 20,000
    are reached; so the cost grows with the frequency of φ, not with its square.

    Arguments:
        phi: an analytic function.
        q: the variance.
        c: a cosine in (-1, 1).
        order: derivative of φ.

    Example:
        >>> from kernelc.activations import named
        >>> round(hermite_dual(named("sin"), 1.0, 0.5, 0), 6)
        0.1917
    """
    # Closer to 1 a series is too long, unless its coefficients end before.
    needed = math.log(_REST) / math.log(max(abs(c), 0.01)) if abs(c) < 1 else math.inf
    degree = next((each for each in _DEGREES if each >= needed), _DEGREES[-1])
    power, total = _power(phi, q, order, degree)
    if power is None:
        return None
    rest = max(total - float(np.sum(power)), 0.0)
    if rest * abs(c) ** len(power) > _REST * total:
        return None
    return float(np.polynomial.polynomial.polyval(c, power))


@lru_cache(maxsize=1024)
def _power(
    phi: ScalarFunction, q: float, order: int, degree: int
) -> tuple[Float64[np.ndarray, " degrees"] | None, float]:
    """a_k² for k < `degree`, fewer where they leave nothing; and E φ^(order)(√q Z)².

    A step at which E φ² is right may still be too long for a product of two different waves,
    so steps shrink until two of them agree; None where none do.
    """
    size = rule_size(phi, math.sqrt(q), 0.0, PANEL_ORDER, trapezoids=True)
    limit = min(_REACH * size.limit + _MARGIN, 37.0)
    step = min(size.width, math.pi / (math.sqrt(degree) + _GAUSSIAN_WAVE))
    before, total = _coefficients(phi, q, order, degree, step, limit)
    for _ in range(_TRIES):
        step *= _SHRINK
        after, total = _coefficients(phi, q, order, degree, step, limit)
        if len(after) == len(before) and np.max(np.abs(after - before)) <= _AGREE * total:
            after.setflags(write=False)
            return after, total
        before = after
    return None, total


def _coefficients(
    phi: ScalarFunction, q: float, order: int, degree: int, step: float, limit: float
) -> tuple[Float64[np.ndarray, " degrees"], float]:
    z, w = trapezoid_rule(step, limit)
    values = phi.numpy(order)(math.sqrt(q) * z)
    total = float(w @ values**2)
    root = np.sqrt(w)
    target = root * values
    power, left = np.empty(degree), total
    for k, row in enumerate(itertools.islice(hermite_rows(z, root), degree)):
        power[k] = float(row @ target) ** 2
        left -= power[k]
        if k % _BLOCK == _BLOCK - 1 and left <= _REST * total:
            return power[: k + 1].copy(), total
    return power, total
