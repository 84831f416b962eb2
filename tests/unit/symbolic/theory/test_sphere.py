"""Eigenvalues on the sphere: sums, series and decay, and a Gram matrix."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

import kernelc as kc


def layer(name: str, weight_std=1.0, bias_std=0.0, shape: int = 8) -> kc.Kernel:
    x = kc.Input((shape,))
    dense = kc.Dense(8, weight_std=weight_std, bias_std=bias_std)
    return kc.derive(kc.Network(x, kc.chain(dense, kc.Activation(name))(x)))


@pytest.mark.parametrize("of", ["nngp", "ntk"])
@pytest.mark.parametrize("dimension", [2, 3, 7])
def test_harmonics_add_up_to_the_kernel(dimension, of):
    found = layer("tanh", 0.9, 0.2)
    eigenvalues = found.sphere_eigenvalues(dimension, 30, of, q=0.8)
    t = np.array([-0.9, 0.1, 1.0])
    # P_k(t) by its definition: the average over a circle of latitude (Laplace), or cos(k angle).
    if dimension == 2:
        harmonics = [np.cos(k * np.arccos(t)) for k in range(30)]
    else:
        angle = (np.arange(4000) + 0.5) * np.pi / 4000
        weight = np.sin(angle) ** (dimension - 3)
        inner = t[:, None] + 1j * np.sqrt(1 - t[:, None] ** 2) * np.cos(angle)
        harmonics = [((inner**k) @ weight).real / weight.sum() for k in range(30)]
    total = sum(e.multiplicity * e.value * p for e, p in zip(eigenvalues, harmonics, strict=True))
    np.testing.assert_allclose(total, getattr(found.evaluate(c=t, q=0.8), of), atol=2e-9)


def test_multiplicities():
    eigenvalues = layer("tanh").sphere_eigenvalues(4, 5)
    assert [e.multiplicity for e in eigenvalues] == [1, 4, 9, 16, 25]
    assert [e.degree for e in eigenvalues] == [0, 1, 2, 3, 4]


def test_the_arc_cosine_kernel():
    """Zero at odd degrees above 1, and a decay like k^(-d - 2) (Bietti & Mairal 2019)."""
    eigenvalues = [e.value for e in layer("relu", 2**0.5).sphere_eigenvalues(3, 161)]
    assert eigenvalues[:3] == pytest.approx([3 / 8, 1 / 6, 3 / 128], rel=1e-12)
    assert set(eigenvalues[3::2]) == {0.0}
    assert min(eigenvalues[::2]) > 0
    assert eigenvalues[80] / eigenvalues[160] == pytest.approx(2**5, rel=0.02)
    c = np.cos((np.arange(2000) + 0.5) * np.pi / 2000)
    square = layer("relu", 2**0.5).evaluate(c=c).nngp ** 2 @ np.sqrt(1 - c**2) * np.pi / 4000
    parseval = sum((2 * k + 1) * value**2 for k, value in enumerate(eigenvalues))
    assert parseval == pytest.approx(square, rel=1e-6)


def test_the_ntk_of_two_layers_has_no_vanishing_eigenvalue_of_even_degree():
    eigenvalues = layer("relu", 2**0.5).sphere_eigenvalues(5, 8, of="ntk")
    assert [e.value > 0 for e in eigenvalues] == [True, True, True, False, True, False, True, False]


def test_a_gram_matrix_has_these_eigenvalues():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 3))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    grid = np.cos(np.linspace(0, np.pi, 4001))[::-1]
    found = layer("erf", 2.0)
    curve = found.evaluate(c=grid).nngp
    gram = np.interp(np.clip(x @ x.T, -1, 1), grid, curve) / len(x)
    measured = np.linalg.eigvalsh(gram)[::-1][:3].mean()
    assert measured == pytest.approx(found.sphere_eigenvalues(3, 2)[1].value, rel=0.03)


def test_digits():
    fine = layer("relu", 2**0.5).sphere_eigenvalues(3, 4, dps=30)
    exact = [sympy.Rational(3, 8), sympy.Rational(1, 6), sympy.Rational(3, 128), 0]
    assert all(abs(e.value - x) < 1e-29 for e, x in zip(fine, exact, strict=True))


@pytest.mark.parametrize(
    ("use", "told"),
    [
        (lambda: layer("relu").sphere_eigenvalues(1, 3), "dimension = 1"),
        (lambda: layer("relu").sphere_eigenvalues(3, 0), "count = 0"),
        (lambda: layer("relu").sphere_eigenvalues(3, 2, of="both"), "of = 'both'"),
        (lambda: layer("sign").sphere_eigenvalues(3, 2, of="ntk"), "an NTK that is infinite"),
        (lambda: layer("relu", sympy.Symbol("w")).sphere_eigenvalues(3, 2), "no value for w"),
    ],
)
def test_refusals(use, told):
    with pytest.raises(kc.KernelcError, match=told):
        use()
