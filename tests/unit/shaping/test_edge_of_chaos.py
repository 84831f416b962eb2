"""The edge of chaos: known points, both conditions along a network, and errors."""

from __future__ import annotations

import dataclasses
import math
from typing import final

import pytest
import scipy.integrate
import sympy

import kernelc as kc
import nets
from kernelc.activations import X, from_expression, named
from kernelc.ir import Weights
from kernelc.shaping import certify_edge, solve_edge_of_chaos


NAMES = ("tanh", "erf", "relu", "leaky_relu", "sigmoid", "elu", "gelu", "sin", "hard_tanh", "atan")


_TANH = kc.Activation("tanh")


def chain(*activations: str, width: int = 16) -> kc.Network:
    x = kc.Input((8,))
    layers = [part for name in activations for part in (kc.Dense(width), kc.Activation(name))]
    return kc.Network(x, kc.chain(*layers, kc.Dense(3, weight_std=0.5))(x))


def network(*blocks, shape=(8,)) -> kc.Network:
    x = kc.Input(shape)
    return kc.Network(x, kc.chain(*blocks)(x))


@pytest.mark.parametrize("q", [0.1, 1.0, 30.0])
def test_erf_has_a_closed_form(q):
    # E erf(X)^2 = 2/pi asin(2q/(1+2q)) (Williams 1997), and its derivative E erf'(X)^2.
    variance = math.pi / 4 * math.sqrt(1 + 4 * q)
    spare = q - variance * 2 / math.pi * math.asin(2 * q / (1 + 2 * q))
    point = solve_edge_of_chaos(named("erf"), kc.EdgeOfChaos(q=q))
    assert point.weight_std == pytest.approx(math.sqrt(variance), rel=1e-13)
    assert point.bias_std == pytest.approx(math.sqrt(spare), rel=1e-11)


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_rectifiers_get_the_weights_of_he_at_every_q(slope):
    phi = named("leaky_relu", negative_slope=slope)
    for q in (0.01, 1.0, 50.0):
        point = solve_edge_of_chaos(phi, kc.EdgeOfChaos(q=q))
        assert point.weight_std == pytest.approx(math.sqrt(2 / (1 + slope**2)), rel=1e-14)
        assert point.bias_std == 0
        assert point.first_weight_std == pytest.approx(math.sqrt(q), rel=1e-15)
    assert solve_edge_of_chaos(phi, kc.EdgeOfChaos(bias_std=0)).q == 1


def expected(function, q):
    def integrand(z):
        density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        return function(math.sqrt(q) * z) ** 2 * density

    return sum(scipy.integrate.quad(integrand, *ends)[0] for ends in ((-12, 0), (0, 12)))


@pytest.mark.parametrize("bias_std", [0.05, 0.3, 3.0])
def test_tanh_with_given_biases_against_adaptive_quadrature(bias_std):
    point = solve_edge_of_chaos(named("tanh"), kc.EdgeOfChaos(bias_std=bias_std))
    assert point.bias_std == bias_std
    slope = point.weight_std**2 * expected(lambda x: 1 - math.tanh(x) ** 2, point.q)
    q = point.weight_std**2 * expected(math.tanh, point.q) + bias_std**2
    # quad promises 1.5e-8.
    assert slope == pytest.approx(1, abs=1e-7)
    assert q == pytest.approx(point.q, rel=1e-7)


def test_the_curve_of_tanh_starts_at_weights_of_one_without_biases():
    point = solve_edge_of_chaos(named("tanh"), kc.EdgeOfChaos(q=1e-6))
    assert point.weight_std == pytest.approx(1, abs=2e-6)
    assert point.bias_std < 1e-8


@pytest.mark.parametrize("name", NAMES)
def test_residuals_are_rounding(name):
    shaped = kc.shape(chain(*[name] * 5), kc.EdgeOfChaos())
    assert set(shaped.certificate) == {name, "network"}
    assert len(shaped.residuals) == 4
    assert shaped.largest_residual < 1e-12


@pytest.mark.parametrize("name", ["tanh", "relu", "sigmoid"])
def test_the_derived_kernel_keeps_q_and_has_slope_one(name):
    """From the first pre-activation to the last, by the kernel rules of `derive`."""
    shaped = kc.shape(chain(*[name] * 4), kc.EdgeOfChaos())
    x, node = kc.Input((8,)), None
    for placed in shaped.network.nodes[1:]:
        node = placed.layer(x if node is None else node)
        if isinstance(placed.layer, kc.Dense) and placed.index < 8:
            near = kc.derive(kc.Network(x, node), q=1).evaluate(c=1 - 1e-6)
            assert near.q == pytest.approx(shaped.q, rel=1e-12)
            first = shaped.network.nodes[1].layer.weight_std
            # The first layer is affine in c; those after it bend by a term of order 1e-12, or
            # 1e-9 where a kink makes C'' infinite.
            assert 1 - near.c == pytest.approx(first**2 / shaped.q * 1e-6, rel=5e-3)


def test_layers_are_set_by_what_they_read():
    twice = network(
        *(kc.Dense(9), kc.Activation("tanh"), kc.Dense(9), kc.Dense(9), kc.Activation("tanh")),
        *(kc.Dense(9, weight_std=3.0, bias_std=0.2), kc.Dense(2, bias=False)),
    )
    shaped = kc.shape(twice, kc.EdgeOfChaos(q=2, init="orthogonal"))
    layers = [node.layer for node in shaped.network if isinstance(node.layer, kc.Dense)]
    found = [(layer.weight_std, layer.bias_std) for layer in layers]
    weight_std, bias_std = shaped.weight_std, shaped.bias_std
    first = math.sqrt(2 - bias_std**2)
    assert found == [(first, bias_std), (weight_std, bias_std), (1, 0), (3, 0.2), (1, 0)]
    assert {layer.init for layer in layers} == {"orthogonal"}
    assert shaped.q == 2
    assert shaped.psi is shaped.kappa is None
    assert shaped.transforms == {}
    assert [node.layer for node in shaped.network][2] == kc.Activation("tanh")


@pytest.mark.parametrize("kind", [kc.Dense, kc.Conv, kc.LocalConv])
def test_layers_of_weights_say_how_they_are_drawn(kind):
    layer = kind(4, bias_std=0.1)
    assert layer.with_weights(2.0, init="suo") == kind(4, weight_std=2.0, bias_std=0.1, init="suo")
    assert layer.with_weights() == layer
    assert _TANH.with_weights(2.0, 0.1, "suo") is _TANH


def test_text_tells_the_constants_and_the_changes():
    shaped = kc.shape(chain("tanh", "tanh"), kc.EdgeOfChaos())
    told = str(shaped)
    assert "sigma_w = 1.46741359163, sigma_b = 0.388541670067 at the fixed point q = 1" in told
    assert "dense_2: Dense(16) -> Dense(16, weight_std=1.46741, bias_std=0.388542)" in told
    assert "alpha" not in told
    assert "target=EdgeOfChaos(q=None, bias_std=None, init='gaussian')" in repr(shaped)


def test_a_repelling_fixed_point_is_told():
    assert "it repels, Q'(q) = 1.067" in str(kc.shape(chain("gelu"), kc.EdgeOfChaos()))
    assert "repels" not in str(kc.shape(chain("gelu"), kc.EdgeOfChaos(q=10)))


def test_normalized_sums_keep_both_conditions():
    shaped = kc.shape(nets.mlp(6, 16, 10, (8,), "tanh", form="weighted"), kc.EdgeOfChaos())
    assert shaped.largest_residual < 1e-12
    deep = kc.derive(shaped).evaluate(c=1 - 1e-6)
    plain = kc.derive(kc.shape(chain("tanh"), kc.EdgeOfChaos())).evaluate(c=1 - 1e-6)
    assert deep.q == pytest.approx(4 * plain.q, rel=1e-12)  # this chain ends in weights of 0.5
    assert 1 - deep.c == pytest.approx(1 - plain.c, rel=1e-4)  # C'' is of order 1 a layer


def test_a_rewrite_mends_and_lists():
    net = nets.resnet(18, 10, (8, 8, 3), "tanh", width=4)
    shaped = kc.shape(net, kc.EdgeOfChaos(), rewrite=True)
    assert shaped.largest_residual < 1e-12
    changes = "\n".join(shaped.changes)
    assert "BatchNorm() removed" in changes
    assert "WeightedSum((1, 1)) -> WeightedSum((0.707107, 0.707107))" in changes
    assert "pln: PLN() inserted after the input" in changes
    with pytest.raises(kc.ShapingError, match="batch norm removes the mean"):
        kc.shape(net, kc.EdgeOfChaos())


@final
@dataclasses.dataclass(frozen=True)
class _Stubborn(kc.Layer):
    """Draws weights, and does not say how to set them."""

    def out_shape(self, shapes, where):
        return shapes[0]

    def kernel(self, algebra, inputs, shapes):
        return algebra.fresh(inputs[0], Weights(1.0, 0.0, shapes[0][-1]))

    def module(self, shapes, out, key, dtype):
        # Shaping looks at the graph alone: nothing here is lowered.
        raise NotImplementedError


_PAIR = kc.chain(kc.Dense(8), _TANH)


def _joined(layer):
    def apply(node):
        return layer(_PAIR(node), kc.Dense(8)(node))

    return apply


@pytest.mark.parametrize(
    ("net", "told"),
    [
        (chain("tanh", "relu"), "2 different activations: tanh, relu"),
        (network(kc.Dense(3)), "0 different activations"),
        (network(_PAIR, kc.LayerNorm(), _PAIR), "layer_norm_1: a norm layer sets q to 1"),
        (network(_PAIR, kc.Dense(8), kc.PLN(), _PAIR), "pln_1: PLN sets q to 1"),
        (network(_joined(kc.Product()), _PAIR), "a product of branches multiplies q values"),
        (network(_PAIR, _joined(kc.Product())), "a slope of 2 when every local slope is 1"),
        (network(_joined(kc.WeightedSum((0.6, 0.8))), _PAIR), "a sum of values that differ in q"),
        (network(_joined(kc.Concat()), _PAIR), "a concatenation of values that differ in q"),
        (network(kc.residual(_PAIR), _PAIR), "the squared weights add up to 2"),
        (network(_PAIR, kc.Dropout(0.1), _PAIR), "dropout before a nonlinearity"),
        (network(_TANH, _PAIR), "reads a value that is not Gaussian"),
        (network(_PAIR, kc.Dense(8, bias=False), _TANH), "needs biases of deviation 0.388542"),
        (network(_PAIR, _Stubborn(), _TANH), "misses the fixed point by the factor"),
        (
            network(kc.Conv(4, delta=False), _TANH, kc.Conv(4), _TANH, shape=(4, 4, 2)),
            "weights spread over the window",
        ),
        (
            network(kc.Dense(4), kc.ClassToken(), _PAIR, shape=(4, 2)),
            "vectors that are drawn keep a q value of their own",
        ),
    ],
)
def test_networks_off_the_theory_are_refused(net, told):
    with pytest.raises(kc.KernelcError, match=told) as raised:
        kc.shape(net, kc.EdgeOfChaos())
    assert raised.value.remedy


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("softplus", {}, "no edge of chaos with q from 0.001 to 1,000"),
        ("sign", {}, "it jumps at x = 0"),
        ("sigmoid", {"q": 1.0}, r"sigma_b\^2 = -5.5(?s:.*)use q = 45.6243"),
        ("softplus", {"q": 1.0}, "use another activation"),
        ("tanh", {"bias_std": 0}, "sigma_b goes from 3.64e-05 to 30.7"),
        ("relu", {"bias_std": 0.1}, "sigma_b is 0"),
        ("exp", {"q": 1000.0}, "no finite second moment"),
    ],
)
def test_points_off_the_curve_are_refused(name, options, told):
    with pytest.raises(kc.KernelcError, match=told):
        kc.shape(chain(name), kc.EdgeOfChaos(**options))


@pytest.mark.parametrize(
    "options",
    [
        {"q": 1.0, "bias_std": 0.1},
        *({"q": value} for value in (0.0, -1.0, math.nan, 1e7, "1", True)),
        *({"bias_std": value} for value in (-1.0, math.inf, False)),
        {"init": "he"},
    ],
)
def test_targets_out_of_range_are_refused(options):
    with pytest.raises(kc.ShapingError):
        kc.EdgeOfChaos(**options)


def test_a_wrong_point_is_not_certified():
    with pytest.raises(kc.ShapingError, match=r"C'\(1\)-1 = "):
        certify_edge(named("tanh"), 1.0, 1.0, 0.5)


def test_an_activation_that_is_constant_where_it_is_read_has_no_edge_of_chaos() -> None:
    """φ' = 0 for every u below 200: E φ'² is 0 at small q, and too small at large q."""
    far = from_expression(sympy.Max(X - 200, 0) + 1, name="far")
    with pytest.raises(kc.UnreachableError, match=r"E phi'\^2 = 0 at q = 0.5"):
        solve_edge_of_chaos(far, kc.EdgeOfChaos(q=0.5))
    with pytest.raises(kc.UnreachableError, match="would be negative"):
        solve_edge_of_chaos(far, kc.EdgeOfChaos())
    flat = from_expression(sympy.Max(X - 4000, 0) + 1, name="flat")
    with pytest.raises(kc.UnreachableError, match="is no finite number"):
        solve_edge_of_chaos(flat, kc.EdgeOfChaos())
