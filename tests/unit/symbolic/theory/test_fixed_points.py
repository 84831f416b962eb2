"""Fixed points and depth scales against their definitions, integrated or iterated here."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy

import kernelc as kc


NODES = np.linspace(-9, 9, 181)
WEIGHTS = 0.1 * np.exp(-(NODES**2) / 2) / math.sqrt(2 * math.pi)


def kernel(*blocks: kc.Layer, **options) -> kc.Kernel:
    x = kc.Input((8,))
    return kc.derive(kc.Network(x, kc.chain(*blocks)(x)), **options)


def layer(name: str, weight_std=1.0, bias_std=0.0, **more) -> kc.Kernel:
    return kernel(
        kc.Dense(8, weight_std=weight_std, bias_std=bias_std), kc.Activation(name, **more)
    )


def tanh_by_paper(weight: float, bias: float) -> tuple[float, float, float, float]:
    """q*, xi_q, c*, xi_c of pre-activations, as Schoenholz et al. (2017) define them."""

    q = 1.0
    for _ in range(1000):
        q = weight**2 * float(WEIGHTS @ np.tanh(math.sqrt(q) * NODES) ** 2) + bias**2
    u = math.sqrt(q) * NODES
    slope = 1 / np.cosh(u) ** 2
    chi_1 = weight**2 * float(WEIGHTS @ slope**2)
    xi_q = -1 / math.log(chi_1 + weight**2 * float(WEIGHTS @ (-2 * np.tanh(u) ** 2 * slope)))
    c = 0.3
    for _ in range(1000):
        v = math.sqrt(q) * (c * NODES[:, None] + math.sqrt(1 - c * c) * NODES)
        k = np.tanh(u) @ (WEIGHTS[:, None] * np.tanh(v) * WEIGHTS).sum(axis=1)
        c = (weight**2 * float(k) + bias**2) / q
    v = math.sqrt(q) * (c * NODES[:, None] + math.sqrt(max(1 - c * c, 0)) * NODES)
    at = float(slope @ (WEIGHTS[:, None] / np.cosh(v) ** 2 * WEIGHTS).sum(axis=1))
    return q, xi_q, c, -1 / math.log(weight**2 * at)


@pytest.mark.parametrize(("weight", "bias"), [(1.6, 0.3), (0.8, 0.3), (1.3, 0.05)])
def test_depth_scales_of_tanh_are_those_of_the_paper(weight, bias):
    found = layer("tanh", weight, bias).depth_scales()
    q, xi_q, c, xi_c = tanh_by_paper(weight, bias)
    # The states of a kernel are those behind the activation; the paper's are before.
    before = weight**2 * found.q_star.value + bias**2
    inner = (weight**2 * found.c_star.value * found.q_star.value + bias**2) / before
    np.testing.assert_allclose(
        [before, found.xi_q, float(inner), found.xi_c], [q, xi_q, c, xi_c], rtol=1e-9
    )
    assert found.phase == ("ordered" if weight == 0.8 else "chaotic")
    assert (found.xi_gradient > 0) == (weight == 0.8)


def test_differences_shrink_by_the_slopes():
    block = kc.chain(kc.Dense(8, weight_std=1.2, bias_std=0.3), kc.Activation("gelu"))
    found = kernel(block).depth_scales()
    q_star = found.q_star.value
    apart = [
        kernel(kc.repeat(block, depth)).evaluate(c=0.2, q=q_star).c - found.c_star.value
        for depth in (20, 21)
    ]
    assert apart[1] / apart[0] == pytest.approx(found.c_star.slope, rel=1e-3)
    apart = [
        kernel(kc.repeat(block, depth)).evaluate(c=1.0, q=1.01 * q_star).q - q_star
        for depth in (12, 13)
    ]
    assert apart[1] / apart[0] == pytest.approx(found.q_star.slope, rel=1e-3)


def test_affine_and_quadratic_maps_are_solved_exactly():
    w, b = sympy.symbols("w b", positive=True)
    (point,) = layer("relu", w, b).q_fixed_points()
    assert sympy.simplify(point.value - b**2 / (2 - w**2)) == 0
    assert point.slope == w**2 / 2
    assert point.stable == (w**2 / 2 < 1)
    he = layer("relu", 2**0.5)
    assert [(p.value, p.slope) for p in he.q_fixed_points()] == [(he.q, 1)]
    assert he.q_fixed_points()[0].depth_scale == sympy.oo
    third = sympy.Rational(1, 3)
    square = layer("square")
    assert [(p.value, p.slope) for p in square.q_fixed_points()] == [(0, 0), (third, 2)]
    found = square.c_fixed_points(third)
    assert [(p.value, p.slope) for p in found] == [(1, third * 4), (third * 3 / 2, third * 2)]
    grows = kernel(kc.Dense(8, bias_std=0.5))
    assert grows.q_fixed_points() == ()


def test_cosines_of_homogeneous_networks_need_no_q():
    slope = sympy.Symbol("a", positive=True)
    assert [(p.value, p.slope) for p in layer("relu", 3.0).c_fixed_points()] == [(1, 1)]
    scales = layer("relu", slope).depth_scales()
    assert (scales.xi_c, scales.chi_1, scales.phase) == (sympy.oo, 1, "critical")
    c = kernel(kc.Dense(8)).c
    (point,) = kernel(kc.Dense(8)).c_fixed_points()
    assert (point.value, point.depth_scale) == (c, sympy.oo)
    centered = kernel(kc.Dense(8), kc.Activation("relu"), kc.LayerNorm()).c_fixed_points()
    assert [p.value for p in centered] == [1, 0]
    assert sympy.simplify(centered[0].slope - sympy.pi / (sympy.pi - 1)) == 0


def test_functions_that_jump_have_an_infinite_slope_at_one():
    scales = layer("sign").depth_scales()
    assert (scales.chi_1, scales.xi_gradient, scales.phase) == (sympy.oo, 0, "chaotic")
    assert scales.xi_c == pytest.approx(-1 / math.log(2 / math.pi), rel=1e-12)
    assert scales.xi_q == 0


def test_dropout_has_no_fixed_point_at_one():
    (point,) = kernel(
        kc.Dense(8, bias_std=0.3), kc.Activation("relu"), kc.Dropout(0.4)
    ).c_fixed_points()
    found = kernel(kc.Dense(8, bias_std=0.3), kc.Activation("relu"), kc.Dropout(0.4))
    q = found.q_fixed_points()[0].value
    c = 0.5
    for _ in range(500):
        c = found.evaluate(c=c, q=q).c
    assert point.value == pytest.approx(c, rel=1e-12)
    assert point.value < 1


def test_depth_scales_are_infinite_at_the_edge_of_chaos():
    x = kc.Input((8,))
    block = kc.chain(kc.Dense(8), kc.Activation("tanh"))
    net = kc.Network(x, kc.chain(kc.repeat(block, 2), kc.Dense(2))(x))
    shaped = kc.shape(net, kc.EdgeOfChaos())
    found = layer("tanh", shaped.weight_std, shaped.bias_std).depth_scales()
    assert (found.phase, found.xi_c, found.xi_gradient) == ("critical", sympy.oo, sympy.oo)
    assert found.xi_q < 5
    assert [p.value for p in layer("sin").q_fixed_points()] == [0]
    assert layer("sin").q_fixed_points()[0].depth_scale == sympy.oo


def test_values_that_vanish_have_a_depth_scale_and_no_cosine():
    found = layer("tanh", 0.8).depth_scales()
    assert found.xi_q == pytest.approx(-1 / math.log(0.64), rel=1e-9)
    assert (found.c_star, found.xi_c, found.phase) == (None, None, "ordered")


def test_sums_of_values_that_share_weights():
    body = kc.chain(kc.Activation("sigmoid"), kc.Dense(8, weight_std=0.7, bias_std=0.2))
    found = kernel(
        kc.Dense(8), kc.residual(kc.Activation("sigmoid"), 0.6), kc.Dense(8, weight_std=0.8), body
    )
    (point,) = found.q_fixed_points()
    step = 1e-5
    images = [found.evaluate(c=1.0, q=point.value + h).q for h in (-step, 0.0, step)]
    assert images[1] == pytest.approx(point.value, rel=1e-12)
    assert (images[2] - images[0]) / (2 * step) == pytest.approx(point.slope, rel=1e-7)


@pytest.mark.parametrize("name", ["tanh", "relu6"])
def test_thirty_digits(name):
    found = layer(name, 1.5, 0.3)
    point = found.q_fixed_points(dps=25)[-1]
    again = found.evaluate(c=1, q=point.value, dps=30).q
    assert abs(again - point.value) < sympy.Float("1e-23")
    assert float(point.slope) == pytest.approx(found.q_fixed_points()[-1].slope, rel=1e-9)


def test_numbers_for_symbols():
    sigma = sympy.Symbol("sigma", positive=True)
    found = layer("tanh", sigma, 0.3).depth_scales(sigma=1.5)
    assert found == layer("tanh", 1.5, 0.3).depth_scales()


@pytest.mark.parametrize(
    ("use", "told"),
    [
        (lambda: layer("tanh", sympy.Symbol("w")).q_fixed_points(), "no value for w"),
        (lambda: layer("tanh").q_fixed_points(w=1.0), "a value for w"),
        (lambda: layer("tanh").q_fixed_points(dps=0), "dps = 0"),
        (lambda: layer("tanh", 1.5).c_fixed_points(q=0.7), "Q\\(0.7\\) = "),
        (lambda: layer("tanh", 1.5).c_fixed_points(q=-1), "q = -1"),
        (lambda: layer("tanh", 0.5).c_fixed_points(), "q values that go to 0"),
        (lambda: layer("exp", 0.9).c_fixed_points(), "at q = no value"),
        (
            lambda: kernel(
                kc.Dense(8), kc.Activation("tanh"), kc.Dense(8), kc.BatchNorm()
            ).q_fixed_points(),
            "statistics of a batch",
        ),
        (
            lambda: layer("tanh", w := sympy.Symbol("w")).subs(w, 2).q_fixed_points(),
            "symbols have been replaced",
        ),
    ],
)
def test_refusals(use, told):
    with pytest.raises(kc.KernelcError, match=told):
        use()
