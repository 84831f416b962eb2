"""Closed forms serve at any q value and any scale of weights, also those of expressions."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy

import kernelc as kc
from kernelc.activations import dual, from_expression


U = sympy.Symbol("u", real=True)
Q1, Q2, K = sympy.symbols("q1 q2 k", positive=True)
COEFFICIENTS = (0, 0.6, 0.1, -0.1, 0.02, 0.01)


def hermite(deviation: Any) -> list[Any]:
    """Hermite coefficients of the polynomial, z^n = sum n!/(2^m m! (n-2m)!) He_(n-2m)."""
    found = [mpmath.mpf(0)] * 6
    for n, a in enumerate(COEFFICIENTS):
        for m in range(n // 2 + 1):
            part = math.factorial(n) / mpmath.mpf(2**m * math.factorial(m))
            found[n - 2 * m] += mpmath.mpf(a) * deviation**n * part / math.factorial(n - 2 * m)
    return [x * mpmath.sqrt(math.factorial(j)) for j, x in enumerate(found)]


def exact_duals(inputs: np.ndarray, layers: int) -> np.ndarray:
    """E phi phi layer by layer in 50 digits."""
    n = len(inputs)
    with mpmath.workdps(50):
        rows = mpmath.matrix(inputs.tolist())
        k = rows * rows.T / inputs.shape[1]
        for _ in range(layers):
            k = mpmath.mpf(0.9) ** 2 * k + mpmath.mpf(0.15) ** 2 * mpmath.ones(n)
            series = [hermite(mpmath.sqrt(k[i, i])) for i in range(n)]
            image = mpmath.matrix(n)
            for i in range(n):
                for j in range(n):
                    c = k[i, j] / mpmath.sqrt(k[i, i] * k[j, j])
                    pairs = zip(series[i], series[j], strict=True)
                    image[i, j] = sum(a * b * c**m for m, (a, b) in enumerate(pairs))
            k = image
        return np.array([[float(k[i, j]) for j in range(n)] for i in range(n)])


@pytest.mark.parametrize(("layers", "size"), [(1, 1400.0), (3, 3.0)])
def test_polynomial_at_large_q(layers, size):
    """q values of 1e6 going in, and from 1e31 to 1e69 inside: Isserlis at any size."""
    phi = kc.Activation(sympy.Add(*[c * U**n for n, c in enumerate(COEFFICIENTS)]))
    x = kc.Input((10,))
    block = kc.chain(kc.Dense(16, weight_std=0.9, bias_std=0.15), phi)
    net = kc.Network(x, kc.chain(kc.repeat(block, layers), kc.Dense(1))(x))
    inputs = size * np.random.default_rng(0).normal(size=(4, 10))
    found: Any = kc.kernel_fn(net)(inputs).nngp
    right = exact_duals(inputs, layers)
    assert right.max() > 1e25
    np.testing.assert_allclose(found, right, rtol=1e-12)


@pytest.mark.parametrize(
    "expression",
    [
        sympy.sin(3 * U),
        sympy.cos(3 * U + 1),
        sympy.erf(5 * U) / 2 + sympy.Rational(1, 2),
        3 * U * (1 + sympy.erf(2.5 * U)) / 2 + 1,
        sympy.exp(-((3 * U) ** 2)),
        U**2 * sympy.exp(-(U**2)),
        U + sympy.sin(3 * U) ** 2 / 3,
        sympy.exp(U / 2) * sympy.cos(U),
        U * sympy.sin(2 * U),
    ],
    ids=str,
)
def test_expressions_have_closed_duals(expression):
    """Affine images of registered activations, and exponential polynomials; by quadrature."""
    phi = from_expression(expression)
    at = {Q1: 0.7, Q2: 1.3, K: 0.4}
    value: Any = phi.closed_dual(Q1, Q2, K)
    slope: Any = phi.closed_dual_derivative(Q1, Q2, K)
    mean: Any = phi.closed_mean(Q1)
    mean_slope: Any = phi.closed_mean(Q1, 1)
    assert abs(float(value.subs(at)) - dual(phi, 0.7, 1.3, 0.4)) < 1e-13
    assert abs(float(slope.subs(at)) / dual(phi, 0.7, 1.3, 0.4, 1) - 1) < 1e-11
    moments = kc.activations.moments(phi, 0.7**0.5)
    assert abs(float(mean.subs(at)) - moments.mean) < 1e-13
    assert abs(float(mean_slope.subs(at)) - moments.slope) < 1e-13


def test_expression_of_a_fast_wave():
    x = kc.Input((2,))
    inputs = np.array([[1.0, 0.6], [0.4, 1.2]])
    net = kc.Network(x, kc.chain(kc.Dense(64), kc.Activation(sympy.sin(3000 * U)), kc.Dense(1))(x))
    found: Any = kc.kernel_fn(net)(inputs).ntk
    np.testing.assert_allclose(found, np.diag([3060000.5, 3600000.5]), rtol=1e-12, atol=1e-9)


def test_others_have_none():
    assert from_expression(sympy.tanh(U)).closed_dual(Q1, Q2, K) is None
    assert from_expression(sympy.erf(U) + sympy.erf(2 * U)).closed_dual(Q1, Q2, K) is None
