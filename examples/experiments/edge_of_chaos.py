"""Weights and biases at which perturbations neither grow nor vanish: slope 1 at the fixed point."""

from __future__ import annotations

import functools
import math

import numpy as np
import scipy.integrate

import kernelc as kc


# The fixed point is the smallest of these q values that has biases of real size.
_Q_VALUES = np.geomspace(1.0, 1e3, 61)
_ROUNDING = 1e-9


def exists(activation: str) -> bool:
    """Whether there is an edge of chaos with q from 1 to 1,000; softplus has none."""
    return _solution(activation) is not None


def solve(activation: str) -> tuple[float, float]:
    """(sigma_w, sigma_b) with sigma_w² E phi'(√q Z)² = 1 and q = sigma_w² E phi(√q Z)² + sigma_b².

    (Schoenholz et al. 2017, eqs. 4 and 8.)
    """
    found = _solution(activation)
    if found is None:
        raise ValueError(f"{activation} has no edge of chaos with q from 1 to 1,000")
    return found


@functools.cache
def _solution(activation: str) -> tuple[float, float] | None:
    for q in _Q_VALUES:
        weight = 1 / _second_moment(activation, q, 1)
        bias = q - weight * _second_moment(activation, q, 0)
        if bias >= -_ROUNDING * q:
            return math.sqrt(weight), math.sqrt(max(bias, 0.0))
    return None


def _second_moment(activation: str, q: float, order: int) -> float:
    """E phi^(order)(√q Z)², by adaptive quadrature on both sides of the only kink there may be."""
    phi = kc.Activation(activation).function.numpy(order)

    def integrand(z: float) -> float:
        value = float(phi(np.array([math.sqrt(q) * z]))[0])
        return value**2 * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    halves = ((-12.0, 0.0), (0.0, 12.0))
    return sum(scipy.integrate.quad(integrand, *ends, limit=200)[0] for ends in halves)
