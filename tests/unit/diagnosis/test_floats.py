"""FloatBackend against closed forms, and folded over whole networks."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy

import kernelc as kc
from kernelc.algebra import FloatBackend, PairAlgebra, SecondMoments
from kernelc.layers import Activation


COSINES = np.array([-1.0, -0.3, 0.0, 0.5, 0.9, 1.0])
# Quadrature and closed forms agree to about 1e-14; 1e-12 leaves room for other machines.
CLOSE = 1e-12


def scalar(name, **params):
    return Activation(name, **params).scalar


@pytest.mark.parametrize("q", [1e-200, 0.7, 1.0, 30.0, 1e200])
def test_relu_dual_is_the_arc_cosine_kernel_at_any_q(q):
    # Cho & Saul 2009, n = 1 and n = 0, halved to E relu(u) relu(v).
    backend, phi = FloatBackend(), scalar("relu")
    angle = np.arccos(COSINES)
    value = (np.sin(angle) + (math.pi - angle) * COSINES) / (2 * math.pi)
    np.testing.assert_allclose(backend.dual(phi, q, q * COSINES) / q, value, rtol=0, atol=CLOSE)
    slope = (math.pi - angle) / (2 * math.pi)
    # The arc cosine has the derivative of a square root at c = 1, so half the digits near it.
    np.testing.assert_allclose(backend.dual(phi, q, q * COSINES, 1), slope, rtol=0, atol=1e-7)
    assert backend.q_map(phi, q) / q == pytest.approx(0.5, rel=CLOSE)
    assert backend.mean(phi, q) / math.sqrt(q) == pytest.approx(
        1 / math.sqrt(2 * math.pi), rel=CLOSE
    )


@pytest.mark.parametrize("q", [0.05, 1.0, 4.0])
def test_erf_dual_is_the_arc_sine_kernel(q):
    # Williams 1997: E erf(u) erf(v) = 2/pi asin(2k / (1 + 2q)).
    backend, phi = FloatBackend(), scalar("erf")
    ratio = 2 * q * COSINES / (1 + 2 * q)
    np.testing.assert_allclose(
        backend.dual(phi, q, q * COSINES), 2 / math.pi * np.arcsin(ratio), rtol=0, atol=CLOSE
    )
    derivative = 4 / (math.pi * (1 + 2 * q)) / np.sqrt(1 - ratio**2)
    np.testing.assert_allclose(backend.dual(phi, q, q * COSINES, 1), derivative, rtol=CLOSE)
    assert backend.dual(phi, q, 0.5 * q) == backend.dual(phi, q, q * COSINES)[3]


def test_a_covariance_of_an_input_with_itself_stays_equal_to_q():
    backend, phi = FloatBackend(), scalar("tanh")
    near = 2.0 * (1 - 2**-52)
    assert backend.dual(phi, 2.0, near) == backend.dual(phi, 2.0, 2.0) == backend.q_map(phi, 2.0)
    assert backend.dual(phi, 2.0, 2.0 * (1 - 1e-12)) < backend.q_map(phi, 2.0)


def test_a_cross_dual_is_integrated_for_each_covariance():
    backend = FloatBackend()
    found = backend.cross_dual(scalar("relu"), scalar("sin"), 1.0, 1.0, np.array([0.0, 0.5]))
    # Stein: E relu(u) sin(v) = k E relu'(u) cos(v) + ... ; at k = 0 it is a product of means.
    assert found[0] == pytest.approx(0, abs=CLOSE)
    # E sin(v) | u = e^{-(1-c^2)/2} sin(c u), integrated over u > 0 by Gauss-Hermite halves.
    u, w = np.polynomial.legendre.leggauss(200)
    u, w = 6 * (u + 1), 6 * w
    density = np.exp(-u * u / 2) / math.sqrt(2 * math.pi)
    expected = np.sum(w * density * u * math.exp(-0.375) * np.sin(0.5 * u))
    assert found[1] == pytest.approx(expected, rel=1e-10)  # the reference stops at u = 12


def test_constants_are_numbers():
    backend = FloatBackend()
    assert backend.number(sympy.Rational(1, 4)) == 0.25
    assert backend.is_zero(backend.number(0))
    assert not backend.is_zero(np.zeros(2))
    with pytest.raises(kc.KernelcError, match="symbol"):
        backend.number(sympy.Symbol("w"))


@pytest.mark.parametrize("name", ["tanh", "softplus", "cos"])
def test_a_function_of_zero_is_a_constant(name):
    phi = scalar(name)
    assert FloatBackend().q_map(phi, 0.0) == pytest.approx(float(phi.numpy()(0.0)) ** 2, rel=CLOSE)


@pytest.mark.parametrize("q", [math.inf, math.nan, -1.0])
def test_a_q_value_that_is_no_variance_is_refused(q):
    with pytest.raises(kc.DataError, match="q value"):
        FloatBackend().q_map(scalar("tanh"), q)


def test_the_pair_algebra_folds_floats_to_what_derive_evaluates():
    x = kc.Input((8,))
    first = kc.chain(kc.Dense(16, bias_std=0.3), kc.Activation("erf"), kc.Dense(16))(x)
    branch = kc.chain(kc.Activation("relu"), kc.Dense(16))(first)
    total = kc.WeightedSum((0.6, 0.8))(first, branch)
    net = kc.Network(x, kc.chain(kc.Activation("tanh"), kc.Dense(3))(total))
    algebra = PairAlgebra(FloatBackend())
    start = algebra.state_of(SecondMoments(1.0, (COSINES,), (0.0,)), None)
    second = net.fold(algebra, start)[net.last].second
    kernel = kc.derive(net, q=1)
    for i in (1, 4):
        value = kernel.evaluate(c=float(COSINES[i]))
        assert second.q == pytest.approx(value.q, rel=CLOSE)
        assert second.k[0][i] == pytest.approx(value.nngp, rel=CLOSE)
        assert second.theta[0][i] == pytest.approx(value.ntk, rel=CLOSE)
