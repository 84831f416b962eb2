"""Power series of dual kernels: against closed forms, quadrature, and their own bound."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
import sympy

from kernelc.activations import X, from_expression, named
from kernelc.gaussian import dual, dual_many
from kernelc.gaussian._mehler import hermite_dual


COSINES = np.array([-0.9, -0.5, 0.0, 0.3, 0.75, 0.97])


@pytest.mark.parametrize("wave", [1.0, 20.0, 300.0, 3000.0])
def test_sines_of_any_frequency_meet_their_closed_form(wave):
    # E sin(wu) sin(wv) = exp(-w^2 q) sinh(w^2 q c).
    q = 0.7
    s = wave**2 * q
    for phi in (from_expression(sympy.sin(wave * X)), named("sin").transformed(wave)):
        exact = (np.exp(-s * (1 - COSINES)) - np.exp(-s * (1 + COSINES))) / 2
        assert dual_many(phi, q, q, q * COSINES) == pytest.approx(exact, abs=1e-15)
        exact = wave**2 * (np.exp(-s * (1 - COSINES)) + np.exp(-s * (1 + COSINES))) / 2
        found = dual_many(phi, q, q, q * COSINES, 1)
        assert found == pytest.approx(exact, abs=1e-15 * wave**2)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "softplus", "mish", "gelu", "exp"])
@pytest.mark.parametrize("order", [0, 1])
def test_the_series_meets_quadrature(name, order):
    phi, q = named(name), 1.3
    found = [hermite_dual(phi, q, c, order) for c in COSINES]
    assert None not in found
    found = np.array(found, dtype=float)
    exact = [dual(phi, q, q, q * c, order, method="quadrature") for c in COSINES]
    scale = dual(phi, q, q, q, order)
    # Both are right to 1e-15 of the kernel at c = 1, and carry a few roundings.
    assert found == pytest.approx(exact, abs=5e-15 * scale)


def test_what_the_series_does_not_resolve_it_does_not_claim():
    phi = from_expression(sympy.sin(300 * X))
    assert hermite_dual(phi, 1.0, 0.9, 0) == pytest.approx(math.exp(-9e3), abs=1e-15)
    assert hermite_dual(phi, 1.0, 0.99999, 0) is None  # 1e5 powers of c still count
    # `dual_many` integrates there: exp(-0.9) / 2.
    assert dual_many(phi, 1.0, 1.0, np.array([0.99999]))[0] == pytest.approx(
        np.exp(-0.9) / 2, rel=1e-9
    )


def test_steep_functions_cost_no_more_than_their_steepness():
    phi = from_expression(sympy.tanh(100 * X))
    start = time.process_time()
    found = dual_many(phi, 1.0, 1.0, COSINES)
    # A sign's kernel, 2/pi asin(c), to first order in 1/100; one pair alone took minutes.
    assert found == pytest.approx(2 / np.pi * np.arcsin(COSINES), abs=0.02)
    assert time.process_time() - start < 5
