"""Gaussians of variance zero: a function of a value that is zero is a constant."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import jax
import mpmath
import numpy as np

from ..activations import ScalarFunction
from ._moments import expectation_mp, kinks_mp
from ._quadrature import gaussian_rule


@lru_cache(maxsize=2048)
def at_zero(phi: ScalarFunction, order: int = 0) -> float:
    """φ^(order)(0): where it jumps, what the finite layer computes, or the mean of both sides.

    Arguments:
        phi: the function.
        order: derivative. Point masses at 0 are left out: no weight moves a value that is zero.

    Example:
        >>> from kernelc.activations import named
        >>> at_zero(named("sign")), at_zero(named("sigmoid")), at_zero(named("relu"), 1)
        (-1.0, 0.5, 0.5)
    """
    if not jumps_at_zero(phi, order):
        return float(phi.numpy(order)(np.zeros(1))[0])
    if order == 0:
        with jax.enable_x64(True), jax.ensure_compile_time_eval():
            return float(phi.jax(np.float64(0.0)))
    least = np.finfo(np.float64).tiny
    return float(np.mean(phi.numpy(order)(np.array([-least, least]))))


def jumps_at_zero(phi: ScalarFunction, order: int = 0) -> bool:
    """Whether φ^(order) has two values at 0."""
    return any(location == 0 for location, _ in phi.jumps(order))


def line_mean(phi: ScalarFunction, order: int, q: float) -> float:
    """E φ^(order)(u) for u of variance q, which may be 0."""
    if q == 0:
        return at_zero(phi, order)
    a = math.sqrt(q)
    z, w = gaussian_rule(phi, a, 0.0)
    masses = phi.jumps(order - 1) if order else ()
    total = float(w @ phi.numpy(order)(a * z))
    return total + sum(
        jump * math.exp(-((x / a) ** 2) / 2) / (math.sqrt(2 * math.pi) * a) for x, jump in masses
    )


def line_mean_mp(phi: ScalarFunction, order: int, q: Any) -> Any:
    """`line_mean` at the working precision of mpmath."""
    f = phi.mpmath(order)
    if q == 0:
        return mpmath.mpf(at_zero(phi, order)) if jumps_at_zero(phi, order) else f(mpmath.mpf(0))
    a = mpmath.sqrt(q)
    masses = phi.jumps(order - 1) if order else ()
    total = expectation_mp(lambda z: f(a * z), kinks_mp(phi, a, 0))
    return total + sum(jump * mpmath.npdf(mpmath.mpf(x) / a) / a for x, jump in masses)
