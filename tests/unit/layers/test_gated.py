"""Gated units: the graph they build, its names, and kernels by hand."""

from __future__ import annotations

import jax
import numpy as np
import pytest
import sympy
from jax.nn import gelu, sigmoid, silu

import kernelc as kc
from kernelc.activations import named
from kernelc.gaussian import dual


RNG = np.random.default_rng(11)
UNITS = {
    "GLU": (kc.GLU, "sigmoid", sigmoid),
    "SwiGLU": (kc.SwiGLU, "swish", silu),
    "GEGLU": (kc.GEGLU, "gelu", lambda x: gelu(x, approximate=False)),
}
NAMES = pytest.mark.parametrize("name", UNITS)


def network(*blocks: object, shape: tuple[int, ...] = (6,)) -> kc.Network:
    x = kc.Input(shape)
    return kc.Network(x, kc.chain(*blocks)(x))


@NAMES
def test_the_finite_unit_is_a_product_of_two_dense_layers(name: str) -> None:
    unit, _, phi = UNITS[name]
    net = network(unit(5, bias_std=0.4), shape=(3, 6))
    model = kc.lower(net, key=jax.random.key(0))
    weights = {node.names[0]: node.module for node in model.nodes}
    x = RNG.normal(size=(2, 3, 6)).astype(np.float32)
    up, gate = (x @ weights[k].weight + weights[k].bias for k in ("up_1", "gate_1"))
    np.testing.assert_allclose(model.batched(x), up * phi(gate), rtol=2e-5, atol=1e-6)


@NAMES
def test_kernels_by_hand(name: str) -> None:
    """K = K1 E φφ and Θ by Leibniz: each dense layer has Θ1 = x·x'/d + 1 with its bias."""
    unit, activation, _ = UNITS[name]
    net = network(unit(7, weight_std=1.2, bias_std=0.3))
    x = RNG.normal(size=(4, 6))
    found = kc.kernel_fn(net)(x)
    entry = x @ x.T / 6
    k, theta = 1.44 * entry + 0.09, 1.44 * entry + 0.09
    q = np.diagonal(k)
    phi = named(activation)
    both = np.array([[dual(phi, q[i], q[j], k[i, j]) for j in range(4)] for i in range(4)])
    slopes = np.array([[dual(phi, q[i], q[j], k[i, j], 1) for j in range(4)] for i in range(4)])
    np.testing.assert_allclose(found.nngp, k * both, rtol=1e-9)
    np.testing.assert_allclose(found.ntk, theta * both + k * theta * slopes, rtol=1e-9)
    kernel = kc.derive(net)
    value = kernel.evaluate(c=0.4, q=1.7)
    k, q = 1.44 * 0.4 * 1.7 + 0.09, 1.44 * 1.7 + 0.09
    assert value.q == pytest.approx(q * dual(phi, q, q, q), rel=1e-9)
    assert value.nngp == pytest.approx(k * dual(phi, q, q, k), rel=1e-9)


def test_units_have_names_to_select_by() -> None:
    net = network(kc.SwiGLU(4, bias=False), kc.Dense(6), kc.GEGLU(4), kc.Dense(2))
    model = kc.lower(net, key=jax.random.key(0))
    assert kc.select(model, "gate_*").names == ("gate_1.weight", "gate_2.weight", "gate_2.bias")
    assert kc.select(model, "up_1").names == ("up_1.weight",)
    assert [node.name for node in net if node.name.startswith("dense")] == ["dense_1", "dense_2"]


def test_names_that_were_given_are_kept() -> None:
    x = kc.Input((6,))
    net = kc.Network(x, kc.GLU(4)(kc.Dense(6)(x, name="up_1")))
    assert [node.name for node in net][1:4] == ["up_1", "up_2", "gate_1"]


def test_depth_as_a_symbol() -> None:
    symbol = sympy.Symbol("L", integer=True, positive=True)
    block = kc.chain(kc.GEGLU(8, weight_std=1.3), kc.Dense(6))
    symbolic = kc.derive(network(kc.repeat(block, symbol)))
    deep = kc.derive(network(kc.repeat(block, 3)))
    found, wanted = symbolic.evaluate(c=0.3, q=1.2, L=3), deep.evaluate(c=0.3, q=1.2)
    assert (found.q, found.nngp, found.ntk) == pytest.approx((wanted.q, wanted.nngp, wanted.ntk))


@NAMES
def test_json(name: str) -> None:
    net = network(UNITS[name][0](4, init="suo", bias=False), kc.Dense(2))
    again = kc.Network.from_json(net.to_json())
    assert again == net
    assert [node.name for node in again] == [node.name for node in net]


def test_any_activation() -> None:
    u = sympy.Symbol("u")
    own = kc.Activation("softplus", beta=-1.0)
    nets = [network(kc.GLU(4, phi)) for phi in (own, u * sympy.tanh(u), named("tanh"))]
    assert [net["activation_1"].layer for net in nets] == [
        own,
        kc.Activation(u * sympy.tanh(u)),
        kc.Activation("tanh"),
    ]


def test_refusals() -> None:
    with pytest.raises(kc.ShapeError):
        kc.GLU(0)
    with pytest.raises(kc.GraphError, match="weight_std"):
        kc.SwiGLU(4, weight_std=-1.0)
    with pytest.raises(kc.ActivationError):
        kc.GLU(4, "swishh")
    with pytest.raises(kc.GraphError, match="Input"):
        kc.GLU(4)("x")
