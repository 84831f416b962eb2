"""Covariances of derivatives against differences of the covariance and random networks."""

from __future__ import annotations

import math
import pickle

import mpmath
import numpy as np
import pytest
import sympy

import kernelc as kc


X = np.array([0.9, -0.4, 0.7])
Y = np.array([0.2, 0.5, 1.1])
A = np.array([1.0, 0.5, -0.3])
B = np.array([0.1, -0.7, 0.4])
DIMENSION = 3


def dense(weight_std=1.0, bias_std=0.0) -> kc.Layer:
    return kc.Dense(8, weight_std=weight_std, bias_std=bias_std)


def network(*blocks) -> kc.Network:
    x = kc.Input((DIMENSION,))
    return kc.Network(x, kc.chain(*blocks)(x))


NETWORKS = {
    "erf": lambda: network(dense(1.5, 0.3), kc.Activation("erf")),
    "relu": lambda: network(dense(1.4, 0.2), kc.Activation("relu"), dense()),
    "tanh": lambda: network(dense(1.5, 0.3), kc.Activation("tanh"), dense(1.2, 0.1)),
    "two": lambda: network(
        dense(1.5), kc.Activation("tanh"), dense(1.2, 0.1), kc.Activation("sin")
    ),
    "skip": lambda: network(dense(), kc.residual(kc.Activation("tanh"), 0.6), dense()),
    "norm": lambda: network(dense(), kc.Activation("erf"), kc.LayerNorm(), dense()),
}


def products(x, y) -> list[float]:
    return [float(v) / DIMENSION for v in (x @ x, y @ y, x @ y)]


def numbers(found: kc.DerivativeKernels, expr: sympy.Expr, **more) -> float:
    values = dict(zip((found.q1, found.q2, found.k), products(X, Y), strict=True))
    named = {sympy.Symbol(name, real=True): value for name, value in more.items()}
    return float(expr.subs({**values, found.d: DIMENSION, **named}))


def function(found: kc.DerivativeKernels):
    """K(x, y) at points as many digits apart as differences need."""

    def at(x, y):
        values = {
            found.q1: sympy.Float(x.dot(x) / DIMENSION, 30),
            found.q2: sympy.Float(y.dot(y) / DIMENSION, 30),
            found.k: sympy.Float(x.dot(y) / DIMENSION, 30),
        }
        return mpmath.mpf(str(found.nngp.subs(values).evalf(28)))

    return at


@pytest.mark.parametrize("name", ["skip", "norm"])  # the others compile for long
def test_the_covariance_is_that_of_kernel_fn(name):
    found = kc.derive(NETWORKS[name]()).derivative_kernels()
    given = kc.kernel_fn(NETWORKS[name]())(X[None], Y[None], get=("nngp",)).nngp
    assert numbers(found, found.nngp) == pytest.approx(float(given[0, 0]), rel=2e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_derivatives_are_differences_of_the_covariance(name):
    found = kc.derive(NETWORKS[name]()).derivative_kernels()
    at, h = function(found), mpmath.mpf("1e-6")
    x, y, a, b = ([np.array([mpmath.mpf(float(c)) for c in v])] for v in (X, Y, A, B))
    (x,), (y,), (a,), (b,) = x, y, a, b
    with mpmath.workdps(28):
        both = sum(s * t * at(x + s * h * a, y + t * h * b) for s in (1, -1) for t in (1, -1)) / (
            4 * h * h
        )
        one = (at(x, y + h * b) - at(x, y - h * b)) / (2 * h)
    more = {"xa": X @ A, "xb": X @ B, "ya": Y @ A, "yb": Y @ B, "ab": A @ B}
    assert numbers(found, found.directional, **more) == pytest.approx(float(both), rel=1e-8)
    assert numbers(found, found.value_and_derivative, **more) == pytest.approx(float(one), rel=1e-8)


def test_sums_over_directions():
    found = kc.derive(NETWORKS["tanh"]()).derivative_kernels()
    unit = np.eye(DIMENSION)
    total = sum(
        numbers(found, found.directional, xa=X @ e, xb=X @ e, ya=Y @ e, yb=Y @ e, ab=1.0)
        for e in unit
    )
    assert total == pytest.approx(numbers(found, found.gradients), rel=1e-12)


def test_laplacians_of_a_random_feature():
    """sin(w.x/sqrt d): its Laplacian is -|w|^2/d of it."""
    found = kc.derive(network(dense(), kc.Activation("sin"))).derivative_kernels()
    rng = np.random.default_rng(0)
    w = rng.normal(size=(1_000_000, DIMENSION))
    f, g = (np.sin(w @ v / math.sqrt(DIMENSION)) for v in (X, Y))
    size = (w**2).sum(axis=1) / DIMENSION
    slopes = np.cos(w @ X / math.sqrt(DIMENSION)) * np.cos(w @ Y / math.sqrt(DIMENSION))
    for expr, sample in (
        (found.value_and_laplacian, -f * g * size),
        (found.laplacians, f * g * size**2),
        (found.gradients, slopes * size),
    ):
        error = 5 * sample.std() / 1000
        assert numbers(found, expr) == pytest.approx(sample.mean(), abs=error)


def test_formulas_are_exact():
    found = kc.derive(network(dense(), kc.Activation("square"))).derivative_kernels()
    q1, q2, k, d = found.q1, found.q2, found.k, found.d
    assert sympy.expand(found.nngp - q1 * q2 - 2 * k**2) == 0
    assert sympy.expand(found.gradients - 4 * k * (d + 2) / d) == 0
    # f = (w.x)^2/d has the Laplacian 2 |w|^2/d, and E |w|^4 = d (d + 2).
    assert sympy.simplify(found.laplacians - 4 * (d + 2) / d) == 0


def test_named_means_print_and_pickle():
    found = kc.derive(NETWORKS["tanh"]()).derivative_kernels()
    assert str(found.nngp.diff(found.k, 2)).count("K22_tanh") == 1
    assert r"K^{(1, 1)}_{" in sympy.latex(found.nngp.diff(found.k))
    slope = found.nngp.diff(found.k)
    assert pickle.loads(pickle.dumps(slope)) == slope


@pytest.mark.parametrize(
    ("use", "told"),
    [
        (
            lambda: kc.derive(
                network(kc.repeat(kc.chain(dense(), kc.Activation("erf")), 7))
            ).derivative_kernels(),
            "7 activations",
        ),
        (
            lambda: kc.derive(
                network(dense(), kc.Activation("softplus"), kc.LayerNorm(), dense())
            ).derivative_kernels(),
            "without a closed form",
        ),
    ],
)
def test_refusals(use, told):
    with pytest.raises(kc.UnsupportedError, match=told):
        use()
