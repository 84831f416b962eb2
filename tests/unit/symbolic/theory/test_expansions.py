"""Expansions and laws of C maps against values of the kernel and iterated maps."""

from __future__ import annotations

import math
from functools import reduce

import numpy as np
import pytest
import sympy
from scipy.optimize import brentq

import kernelc as kc
from kernelc.activations import named
from kernelc.gaussian import hermite_coefficients


def kernel(*blocks, **options) -> kc.Kernel:
    x = kc.Input((8,))
    return kc.derive(kc.Network(x, kc.chain(*blocks)(x)), **options)


def dense(weight_std=1.0, bias_std=0.0) -> kc.Layer:
    return kc.Dense(8, weight_std=weight_std, bias_std=bias_std)


def layer(name: str, weight_std=1.0, bias_std=0.0, **more) -> kc.Kernel:
    return kernel(dense(weight_std, bias_std), kc.Activation(name, **more))


def mixed() -> kc.Kernel:
    """A sum of values that share weights, a product, and kinks off zero."""
    branch = kc.chain(kc.Activation("relu"), dense(1.2, 0.3))
    return kernel(
        dense(1.3, 0.2),
        kc.residual(branch, 0.6),
        kc.Activation("gelu"),
        dense(1.1, 0.1),
        kc.Activation("relu"),
    )


NETWORKS = {
    "relu": lambda: layer("relu"),
    "two relu": lambda: kernel(
        dense(), kc.Activation("relu"), dense(1.3, 0.4), kc.Activation("relu")
    ),
    "leaky": lambda: layer("leaky_relu", 1.1, 0.2, negative_slope=0.3),
    "relu6": lambda: layer("relu6", 1.5, 0.3),
    "hard tanh": lambda: layer("hard_tanh", 2.0),
    "selu": lambda: layer("selu", 1.5, 0.3),
    "elu": lambda: layer("elu", 1.5, 0.3),
    "tanh": lambda: layer("tanh", 1.5, 0.3),
    "erf": lambda: layer("erf", 1.5, 0.3),
    "norm": lambda: kernel(dense(), kc.Activation("relu"), kc.LayerNorm(), dense(1.0, 0.5)),
    "mixed": mixed,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_rest_of_an_expansion_at_one_is_of_the_next_order(name):
    found = NETWORKS[name]()
    series = found.c_series(order=5, q=0.7)
    rest = []
    for t in (1 / 12, 1 / 24):
        total = sum(float(a) * t**j for j, a in enumerate(series.coefficients))
        rest.append(abs(found.evaluate(c=1 - t**2, q=0.7).c - total) / t**6)
    # Values in floats are right to 1e-13, which is 2e-5 of t^6.
    assert rest[1] < 1.5 * rest[0] + 1e-4
    assert rest[0] < 2


@pytest.mark.parametrize("name", NETWORKS)
def test_an_expansion_at_zero_adds_up_to_the_map(name):
    found = NETWORKS[name]()
    coefficients = np.array([float(a) for a in found.hermite_spectrum(13, q=0.7)])
    assert (coefficients >= -1e-15).all()
    c = np.array([-0.1, 0.05, 0.1])
    np.testing.assert_allclose(
        np.polynomial.polynomial.polyval(c, coefficients), found.evaluate(c=c, q=0.7).c, atol=2e-13
    )


def test_coefficients_are_squares_of_hermite_coefficients():
    squares = hermite_coefficients(named("softplus"), 20) ** 2
    found = layer("softplus").hermite_spectrum(20, q=1)
    np.testing.assert_allclose(found, squares / layer("softplus").evaluate(c=1.0).q, atol=1e-15)
    assert layer("softplus").hermite_spectrum(1, q=1) == found[:1]


def test_deep_networks_far_from_zero():
    block = kc.chain(dense(2**0.5), kc.Activation("relu"))
    deep = kernel(kc.repeat(block, 30))
    found = deep.c_series(at=0, order=4)
    c = sympy.Rational(1, 1000)
    total = sum(a * float(c) ** j for j, a in enumerate(found.coefficients))
    assert total == pytest.approx(deep.evaluate(c=float(c)).c, rel=1e-14)
    assert deep.evaluate(c=0.0).c > 0.9


def test_exact_expansions():
    a = sympy.Rational(3, 10)
    leaky = layer("leaky_relu", negative_slope=0.3).c_series(order=3).coefficients
    # Zhang et al. 2022, eq. 9, expanded by hand.
    by_hand = (1 - a) ** 2 / (sympy.pi * (1 + a**2)) * 2 * sympy.sqrt(2) / 3
    assert leaky[:3] == (1, 0, -1)
    assert sympy.simplify(leaky[3] - by_hand) == 0
    relu = layer("relu").hermite_spectrum(6)
    pi = sympy.pi
    assert relu == (1 / pi, sympy.Rational(1, 2), 1 / (2 * pi), 0, 1 / (24 * pi), 0)
    sine = layer("sin")
    assert sympy.simplify(sine.c_series(order=2).coefficients[2] + sine.q / sympy.tanh(sine.q)) == 0


@pytest.mark.parametrize(("q", "dps"), [(0.5, 15), (3.0, 15), (3.0, 30)])
def test_each_kink_adds_the_term_of_its_jump(q, dps):
    """For J the jump of the slope at a: 2 J^2 exp(-a^2/(2q)) q / (3 pi sqrt(2)) t^3."""
    found = layer("relu6")
    jumps = [(0, 1), (6, -1)]
    term = sum(2 * j**2 * math.exp(-(a**2) / (2 * q)) for a, j in jumps)
    term *= q / (3 * math.pi * math.sqrt(2)) / found.evaluate(c=1.0, q=q).q
    coefficients = found.c_series(order=3, q=q, dps=dps).coefficients
    assert float(coefficients[3]) == pytest.approx(term, rel=1e-12)


def test_thirty_digits():
    for at, order in ((1, 4), (0, 6)):
        near = layer("tanh", 1.5, 0.3).c_series(at, order, q=0.7).coefficients
        fine = layer("tanh", 1.5, 0.3).c_series(at, order, q=0.7, dps=30).coefficients
        finer = layer("tanh", 1.5, 0.3).c_series(at, order, q=0.7, dps=40).coefficients
        np.testing.assert_allclose(near, [float(a) for a in fine], rtol=1e-11, atol=1e-14)
        assert max(abs(a - b) for a, b in zip(fine, finer, strict=True)) < 1e-28


def iterated(step, depth: int, start: float = 0.5) -> float:
    x = start
    for _ in range(depth):
        x = step(x)
    return x


def test_cosines_of_relu_approach_one_by_the_law():
    law = layer("relu", 2**0.5).cosine_law()
    depth = sympy.Symbol("L", positive=True)
    assert law.expr == 9 * sympy.pi**2 / (2 * depth**2)

    def apart(x: float) -> float:
        # 1 - C(1 - x) by its angle, which keeps its digits.
        angle = 2 * math.asin(math.sqrt(x / 2))
        fall = angle**3 / 3 if angle < 1e-4 else math.sin(angle) - angle * math.cos(angle)
        return x - fall / math.pi

    for count, tolerance in ((10_000, 5e-3), (1_000_000, 1e-4)):
        ratio = iterated(apart, count) / float(law.expr.subs(depth, count))
        assert ratio == pytest.approx(1, abs=tolerance)


def test_smooth_maps_approach_one_like_one_over_depth():
    x = kc.Input((8,))
    block = kc.chain(kc.Dense(8), kc.Activation("tanh"))
    net = kc.Network(x, kc.chain(kc.repeat(block, 2), kc.Dense(2))(x))
    shaped = kc.shape(net, kc.EdgeOfChaos())
    found = layer("tanh", shaped.weight_std, shaped.bias_std)
    law = found.cosine_law()
    assert law.power == 2
    q = found.depth_scales().q_star.value
    coefficients = [float(a) for a in found.hermite_spectrum(80, q=q)][::-1]
    count = 20_000
    left = 1 - iterated(lambda c: reduce(lambda s, a: s * c + a, coefficients), count, 0.2)
    # The next term of the law is of order ln(L)/L.
    assert left * count * law.coefficient == pytest.approx(1, abs=2e-3)


def test_other_limits():
    tanh = layer("tanh", 1.5, 0.3)
    law = tanh.cosine_law()
    assert law.limit == tanh.depth_scales().c_star
    assert (law.power, law.coefficient) == (None, None)
    assert str(layer("identity").cosine_law()) == "c_L = c_0"
    assert str(layer("square").cosine_law(sympy.Rational(1, 3))) == "c_L - 1/2 ~ const * (2/3)**L"
    std = brentq(lambda w: layer("erf", w, 0.2).depth_scales().chi_1 - 1, 1.0, 1.5, xtol=1e-15)
    assert layer("erf", std, 0.2).cosine_law().power == 2


def test_print():
    series = layer("relu").c_series(order=4)
    assert str(series) == "1 - (1 - c) + 2*sqrt(2)/(3*pi)*(1 - c)**(3/2)"
    c = layer("relu").c
    assert series.expr(c).subs(c, 1) == 1
    assert str(layer("square").c_series(at=0, order=3)) == "1/3 + 2/3*c**2"


@pytest.mark.parametrize(
    ("use", "told"),
    [
        (lambda: layer("tanh").c_series(), "no value for q"),
        (lambda: layer("relu").c_series(at=2), "an expansion at c = 2"),
        (lambda: layer("relu").c_series(order=0), "order = 0"),
        (lambda: layer("relu").hermite_spectrum(0), "order = "),
        (lambda: layer("sign").c_series(), "a function that jumps"),
        (lambda: layer("tanh", 0.5).cosine_law(), "q values that go to 0"),
        (lambda: layer("relu").c_series(q=-1.0), "q = -1"),
    ],
)
def test_refusals(use, told):
    with pytest.raises(kc.KernelcError, match=told):
        use()
