"""Fast and steep activations: right by formulas or long integrals, or refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sympy

import kernelc as kc
from kernelc.gaussian._hermite import hermite_rule


U = sympy.Symbol("u")
X = kc.Input((2,))


def ntk(activation: kc.Activation, inputs: Any, **options: Any) -> Any:
    """One hidden layer."""
    net = kc.Network(X, kc.chain(kc.Dense(64), activation, kc.Dense(1))(X))
    return kc.kernel_fn(net, **options)(np.asarray(inputs))


def waves(w: float, inputs: np.ndarray) -> np.ndarray:
    """K + q E phi' phi' for sin(w u), by E cos(w(u - v)) and E cos(w(u + v))."""
    k = inputs @ inputs.T / inputs.shape[1]
    q = np.diag(k)
    apart = np.exp(-(w**2) * (q[:, None] + q - 2 * k) / 2)
    along = np.exp(-(w**2) * (q[:, None] + q + 2 * k) / 2)
    return (apart - along) / 2 + k * w**2 * (apart + along) / 2


@pytest.mark.parametrize("w", [5.0, 30.0, 60.0, 100.0, 3000.0])
def test_sin_of_any_frequency(w):
    inputs = np.array([[1.0, 0.6], [0.4, 1.2], [1.0, 0.6 + 0.3 / w]])
    found = ntk(kc.Activation("sin", alpha=w), inputs).ntk
    np.testing.assert_allclose(found, waves(w, inputs), rtol=1e-9, atol=1e-12 * w**2)


# E phi^2 and E phi'^2 of tanh(a u) and the rest by 6,001 nodes, at q = 1 and c = 0.6.
@pytest.mark.parametrize(
    ("activation", "right"),
    [
        (kc.Activation("tanh", alpha=10.0), 0.877233),
        (kc.Activation("tanh", alpha=30.0), 0.886014),
    ],
)
def test_steep_activations(activation, right):
    inputs = 2**0.5 * np.array([[1.0, 0.0], [0.6, 0.8]])
    assert abs(ntk(activation, inputs).ntk[0, 1] - right) < 1e-6


def test_bump_of_narrow_width():
    """exp(-(30u)^2): one determinant."""
    inputs = 2**0.5 * np.array([[1.0, 0.0], [0.6, 0.8]])
    a = 1800.0
    det = (1 + a) ** 2 - (0.6 * a) ** 2
    slope = 0.6 * a * a / det**1.5
    right = det**-0.5 + 0.6 * slope
    found = ntk(kc.Activation(sympy.exp(-((30 * U) ** 2))), inputs).ntk[0, 1]
    assert abs(found / right - 1) < 1e-10


@pytest.mark.parametrize("name", ["tanh", "softplus"])
def test_one_variable_returns(name):
    """A fit of a steep activation is short, or given up: it once took minutes."""
    activation = kc.Activation(name, alpha=30.0)
    inputs = np.array([[1.0, 1.0], [1.0, -1.0]])
    alike = ntk(activation, inputs, q=1.0)
    general = ntk(activation, inputs)
    np.testing.assert_allclose(alike.ntk, general.ntk, rtol=1e-9, atol=1e-9)


def test_fast_sin_at_one_q():
    inputs = np.array([[1.0, 1.0], [1.0, -1.0], [1.0, 0.99]])
    inputs[2] *= (2 / (inputs[2] @ inputs[2])) ** 0.5
    found = ntk(kc.Activation("sin", alpha=30.0), inputs, q=1.0).ntk
    np.testing.assert_allclose(found, waves(30.0, inputs), rtol=1e-9, atol=1e-9)


def test_hermite_coefficients_are_checked():
    """Coefficients whose squares do not add up to the moments are not used."""
    fast = kc.Activation(sympy.tanh(sympy.sin(60 * U))).scalar
    assert hermite_rule(fast, 1.0) is None


def test_what_is_not_resolved_is_refused():
    fast = kc.Activation(sympy.tanh(sympy.sin(30000 * U)))
    with pytest.raises(kc.KernelcError, match=r"not resolved|do not settle"):
        ntk(fast, [[1.0, 0.6], [0.4, 1.2]])


@pytest.mark.parametrize("name", ["tanh", "softplus", "mish"])
def test_unlike_q_values(name):
    """Against the moments of one input, and dual kernels by quadrature."""
    inputs = np.array([[0.3, 0.1], [6.0, 2.0], [-1.0, 3.0], [0.0, 0.0]])
    activation = kc.Activation(name)
    net = kc.Network(X, kc.chain(kc.Dense(64, 1.5, 0.1), activation, kc.Dense(1))(X))
    kernel = kc.kernel_fn(net)
    found: Any = kernel(inputs)
    single: Any = kernel(inputs.astype("float32"))
    assert "quadrature" not in kernel.explain()
    k = 2.25 * inputs @ inputs.T / 2 + 0.01
    phi = activation.scalar
    for i in range(4):
        for j in range(4):
            q1, q2 = k[i, i], k[j, j]
            gap = max(0.0, 1 - k[i, j] / math.sqrt(q1 * q2))
            value, slope = (
                kc.gaussian.dual(phi, q1, q2, 0.0, order, one_minus_c=gap) for order in (0, 1)
            )
            right = value + k[i, j] * slope
            assert abs(found.nngp[i, j] - value) < 1e-11 * max(1.0, abs(value))
            assert abs(found.ntk[i, j] - right) < 1e-8 * max(1.0, abs(right))
            assert abs(single.ntk[i, j] - right) < 1e-4 * max(1.0, abs(right))
