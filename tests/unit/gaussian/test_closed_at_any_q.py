"""Closed forms serve at any q value and any scale of weights, also those of expressions."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy

import kernelc as kc
from kernelc.activations import from_expression, named
from kernelc.gaussian import cross_dual, dual


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
    assert abs(float(value.subs(at)) - dual(phi, 0.7, 1.3, 0.4, method="quadrature")) < 1e-13
    steep = dual(phi, 0.7, 1.3, 0.4, 1, method="quadrature")
    assert abs(float(slope.subs(at)) / steep - 1) < 1e-11
    moments = kc.gaussian.moments(phi, 0.7**0.5)
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


LARGE = [
    (U**2, lambda p, q, k: p * q + 2 * k * k),
    (U + U**3, lambda p, q, k: k + 6 * k * max(p, q) + 9 * p * q * k + 6 * k**3),
    (sympy.sin(U), lambda p, q, k: mpmath.exp(k - (p + q) / 2) / 2),
    (
        sympy.erf(U),
        lambda p, q, k: 2 / mpmath.pi * mpmath.asin(2 * k / mpmath.sqrt((1 + 2 * p) * (1 + 2 * q))),
    ),
    (sympy.exp(-(U**2) / 2), lambda p, q, k: 1 / mpmath.sqrt((1 + p) * (1 + q) - k * k)),
]


@pytest.mark.parametrize(("expression", "exact"), LARGE, ids=lambda x: str(x)[:9])
@pytest.mark.parametrize("q", [4e5, 1e9])
def test_duals_of_one_pair_at_q_values_no_quadrature_reaches(expression, exact, q):
    phi = from_expression(expression)

    def right(k: float) -> float:
        with mpmath.workdps(50):
            return float(exact(mpmath.mpf(q), mpmath.mpf(q), mpmath.mpf(k)))

    for k in (q, q / 2, -q / 8):
        assert dual(phi, q, q, k) == pytest.approx(right(k), rel=1e-13, abs=1e-15 * right(q))
    x = kc.Input((2,))
    net = kc.Network(x, kc.chain(kc.Dense(4), kc.Activation(expression), kc.Dense(1))(x))
    assert kc.derive(net).evaluate(c=0.5, q=q).nngp == pytest.approx(right(q / 2), rel=1e-13)


def test_pairs_of_two_functions_at_large_q():
    # E u²v⁴ and E u sin v by Stein's lemma
    cube, line, square = (from_expression(U**n) for n in (3, 1, 2))
    assert cross_dual(line, cube, 2e9, 1e9, 1e8) == pytest.approx(3 * 1e9 * 1e8, rel=1e-14)
    found = cross_dual(square, from_expression(U**4), 1e9, 1e8, 1e8)
    assert found == pytest.approx(1e9 * 3e16 + 12 * 1e16 * 1e8, rel=1e-14)
    found = cross_dual(line, from_expression(sympy.sin(U)), 1e9, 2.0, 0.5)
    assert found == pytest.approx(0.5 * math.exp(-1), rel=1e-13)


@pytest.mark.parametrize("q", [1e-8, 1e-60, 1e-200])
def test_formulas_that_cancel_at_small_q_give_way(q):
    for phi in (named("sin"), from_expression(sympy.exp(U) - 1), named("erf")):
        slope = float(phi.numpy(1)(0.0))
        assert dual(phi, q, q, q / 2) == pytest.approx(slope**2 * q / 2, rel=max(1e-12, 4 * q))


def test_exponential_growth_beyond_floats_is_refused_by_name():
    with pytest.raises(kc.KernelcError, match="no finite second moment"):
        dual(named("exp"), 1000.0, 1000.0, 0.0)


def test_two_polynomials_of_one_value_at_large_q():
    """Behind a sum of both, E u² v³-like means of q values no series or quadrature reaches."""
    x = kc.Input((3,))
    branches = [kc.Activation(U**2), kc.Activation(U**4 - U)]
    read = kc.Dense(64, weight_std=1.0)(x)
    net = kc.Network(x, kc.Dense(1)(kc.WeightedSum((1.0, 1.0))(*[phi(read) for phi in branches])))
    inputs = 1e3 * np.random.default_rng(0).normal(size=(3, 3))
    k = kc.kernel_fn(net)
    found: Any = k(inputs).nngp
    both = from_expression(U**4 + U**2 - U)
    gram = inputs @ inputs.T / 3
    for i, j in np.ndindex(3, 3):
        right = dual(both, gram[i, i], gram[j, j], gram[i, j])
        assert found[i, j] == pytest.approx(right, rel=1e-11)
    assert "phi with phi: closed form" in k.explain()
