"""The angle of a pair from its gap, without an inverse cosine."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np

from ._nodes import Numbers
from ._pair import root
from ._series import chebyshev_coefficients, points


Function = Callable[[np.ndarray], np.ndarray]


def _taylor_asin(count: int) -> np.ndarray:
    """Coefficients of asin(√y)/√y in y."""
    terms = [1.0]
    for n in range(1, count):
        terms.append(terms[-1] * (2 * n - 1) ** 2 / (2 * n * (2 * n + 1)))
    return np.array(terms)


def _fitted(function: Function, upper: float, count: int) -> tuple[float, ...]:
    """Monomial coefficients, in y/upper, of the polynomial through Chebyshev points."""
    series = chebyshev_coefficients(function((points(count) + 1) * upper / 2))
    line = np.polynomial.Polynomial(np.polynomial.chebyshev.cheb2poly(series))
    # Plain floats: a NumPy scalar would make float64 of float32 where JAX is set to it.
    return tuple(map(float, line(np.polynomial.Polynomial([-1.0, 2.0])).coef))


def _asin_ratio(y: np.ndarray) -> np.ndarray:
    powers = y[:, None] ** np.arange(60)
    return powers @ _taylor_asin(60)


def _cubic_ratio(t: np.ndarray) -> np.ndarray:
    """(sin θ - θ cos θ)/θ^3 in t = θ^2."""
    n = np.arange(40)
    signs = (-1.0) ** n
    terms = signs * np.array([(2 * m + 2) / math.factorial(2 * m + 3) for m in range(40)])
    return (t[:, None] ** n) @ terms


_ASIN = {4: _fitted(_asin_ratio, 0.5, 9), 8: _fitted(_asin_ratio, 0.5, 19)}
_CUBIC = {4: _fitted(_cubic_ratio, math.pi**2, 8), 8: _fitted(_cubic_ratio, math.pi**2, 14)}


def polynomial(coefficients: Sequence[float], x: Numbers) -> Numbers:
    """Horner's rule, for two coefficients at least."""
    total = x * coefficients[-1] + coefficients[-2]
    for a in coefficients[-3::-1]:
        total = total * x + a
    return total


def angle(gap: Numbers, xp: ModuleType = jnp) -> Numbers:
    """θ = arccos(1 - gap), of full relative accuracy as gap -> 0.

    θ = 2 asin √(gap/2), and asin √y / √y is a short polynomial in y <= 1/2.

    Arguments:
        gap: (...) gaps in [0, 2].
        xp: jax.numpy, where the slope at 0 is 0 instead of infinite, or numpy.

    Example:
        >>> round(float(angle(jnp.array(1e-6))) / math.sqrt(2e-6), 6)
        1.0
    """
    near = xp.minimum(gap, 2.0 - gap) / 2
    sqrt = root if xp is jnp else xp.sqrt
    short = 2 * sqrt(near) * polynomial(_ASIN[_width(gap)], near / 0.5)
    return xp.where(gap <= 1, short, math.pi - short)


def arcsine(x: jax.Array) -> jax.Array:
    """arcsin x by the same polynomial, for |x| <= 1 up to rounding."""
    size = jnp.abs(x)
    inner = size <= 0.7071067811865476
    y = jnp.where(inner, x * x, jnp.maximum(1.0 - size, 0.0) / 2)
    ratio = polynomial(_ASIN[_width(x)], y / 0.5)
    outer = jnp.sign(x) * (math.pi / 2 - 2 * root(y) * ratio)
    return jnp.where(inner, x * ratio, outer)


def cubic(theta: Numbers) -> Numbers:
    """sin θ - θ cos θ for arrays of NumPy or JAX, of full relative accuracy as θ -> 0."""
    square = theta * theta
    return theta * square * polynomial(_CUBIC[_width(theta)], square / math.pi**2)


def _width(x: np.ndarray | jax.Array) -> int:
    return 8 if np.dtype(x.dtype).itemsize == 8 else 4
