"""Hermite coefficients: exact values, high degree, and the series they stand for."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

from kernelc._errors import ActivationError
from kernelc.activations import named
from kernelc.gaussian import dual, hermite_coefficients


def test_exp_to_degree_ninety_nine() -> None:
    exact = [float(mpmath.exp(0.5) / mpmath.sqrt(mpmath.factorial(k))) for k in range(100)]
    # absolute, against the largest coefficient √e
    np.testing.assert_allclose(hermite_coefficients(named("exp"), 100), exact, atol=3e-15)


def test_relu_to_degree_four_hundred() -> None:
    exact = [1 / math.sqrt(2 * math.pi), 0.5]
    for k in range(2, 401):
        size = mpmath.fac2(k - 3) / mpmath.sqrt(2 * mpmath.pi * mpmath.factorial(k))
        exact.append(0.0 if k % 2 else (-1) ** (k // 2 + 1) * float(size))
    np.testing.assert_allclose(hermite_coefficients(named("relu"), 401), exact, atol=1e-15)


@pytest.mark.parametrize("name", ["tanh", "softplus", "elu", "hard_tanh"])
def test_the_squares_sum_to_the_dual(name: str) -> None:
    a = hermite_coefficients(named(name), 200)
    for c in (-0.8, 0.3, 0.8):  # 0.8^200 is 4e-20
        series = float(a**2 @ c ** np.arange(200))
        assert series == pytest.approx(dual(named(name), 1.0, 1.0, c), abs=2e-15)


def test_odd_functions_have_no_even_coefficients() -> None:
    assert np.max(np.abs(hermite_coefficients(named("tanh"), 60)[::2])) < 1e-16


@pytest.mark.parametrize("n", [0, 402])
def test_the_number_of_coefficients_is_bounded(n: int) -> None:
    with pytest.raises(ActivationError, match="401"):
        hermite_coefficients(named("tanh"), n)
