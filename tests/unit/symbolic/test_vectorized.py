"""A kernel as a function of arrays: the values and the errors of `evaluate`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given, settings, strategies as st
from test_recurrence import NETWORKS, chain, deep

import kernelc as kc


COSINES = np.array([-1.0, -0.93, -0.2, 0.0, 0.37, 0.999, 1.0])


def agree(kernel: kc.symbolic.Kernel, c: Any, q: Any, **more: Any) -> None:
    """The function against `evaluate`, to 1e-12 of the size of each field."""
    found, right = kernel.callable()(c, q, **more), kernel.evaluate(c, q, **more)
    for name in right._fields:
        one, other = getattr(found, name), getattr(right, name)
        if other is None:
            assert one is None
            continue
        assert np.shape(one) == np.shape(other)
        finite = np.abs(np.where(np.isfinite(other), other, 0))
        size = max(np.max(right.q) if name == "nngp" else 0, np.max(finite), 1e-300)
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12 * size)


@pytest.mark.parametrize("name", NETWORKS)
def test_it_has_the_values_of_evaluate(name: str) -> None:
    kernel = kc.derive(NETWORKS[name]())
    more = {"s": 0.2} if "pool" in name else {}
    agree(kernel, COSINES, np.array([[0.7], [1.3]]), **more)
    agree(kernel, 0.4, None, **more)


@pytest.mark.parametrize("activation", ["tanh", "elu", "softplus", "hard_tanh", "sign", "mish"])
@pytest.mark.parametrize("q", [0.3, 1.0, 4.0])
def test_series_in_the_angle_have_the_values_of_local_maps(activation: str, q: float) -> None:
    kernel = kc.derive(deep(activation, 2, bias_std=0.1))
    c = np.cos(np.linspace(0, np.pi, 129))
    function = kernel.callable()
    found = function(c, q)
    few = slice(None, None, 16)
    right = kernel.evaluate(c[few], q)
    np.testing.assert_allclose(found.nngp[few], right.nngp, rtol=1e-12, atol=1e-12 * found.q[0])
    top = np.max(np.abs(right.ntk[np.isfinite(right.ntk)]))
    np.testing.assert_allclose(found.ntk[few], right.ntk, rtol=1e-12, atol=1e-12 * top)


LAYERS = st.tuples(
    st.sampled_from(["relu", "leaky_relu", "erf", "gelu", "sin", "tanh", "softplus", "elu"]),
    st.floats(0.5, 2),
    st.sampled_from([0.0, 0.3]),
    st.sampled_from(["plain", "residual", "normalized"]),
)


def stack(layers: list[tuple[str, float, float, str]]) -> kc.Network:
    x = kc.Input((8,))
    h = kc.Dense(8)(x)
    for activation, weight_std, bias_std, form in layers:
        dense = kc.Dense(8, weight_std=weight_std, bias_std=bias_std)
        branch = kc.chain(kc.Activation(activation), dense)(h)
        h = kc.WeightedSum((0.6, 0.8))(h, branch) if form == "residual" else branch
        h = kc.LayerNorm()(h) if form == "normalized" else h
    return kc.Network(x, h)


@settings(max_examples=10)
@given(
    st.lists(LAYERS, min_size=1, max_size=3),
    st.floats(0.2, 3),
    st.lists(st.floats(-1, 1), min_size=1, max_size=4),
)
def test_it_agrees_with_evaluate_on_random_networks(
    layers: list[tuple[str, float, float, str]], q: float, c: list[float]
) -> None:
    agree(kc.derive(stack(layers)), c, q)


def test_many_points_of_a_deep_network_take_a_function_each() -> None:
    kernel = kc.derive(deep("tanh", 20, weight_std=1.2))
    c = np.random.default_rng(0).uniform(-1, 1, 20_000)
    found = kernel.callable()(c)
    right = kernel.evaluate(c[:3])
    np.testing.assert_allclose(found.c[:3], right.c, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(found.ntk[:3], right.ntk, rtol=1e-12)


def test_symbols_may_be_arrays() -> None:
    w = sympy.Symbol("w", positive=True)
    x = kc.Input((8,))
    h = kc.Dense(8)(x)
    branch = kc.chain(kc.Activation("tanh"), kc.Dense(8))(h)
    kernel = kc.derive(kc.Network(x, kc.WeightedSum((w, sympy.sqrt(1 - w**2)))(h, branch)))
    agree(kernel, np.linspace(-1, 1, 5), 1.1, w=np.array([[0.3], [0.8]]))


@pytest.mark.parametrize(
    ("c", "q", "more", "found"),
    [
        ([0.1, 2.0], None, {}, "c = "),
        ([0.1, np.nan], None, {}, "nan"),
        (0.1, [1.0, 0.0], {}, "q = 0"),
        ([0.1, 0.2], [1.0, 2.0, 3.0], {}, "shapes"),
        (0.1, None, {"wrong": 1.0}, "wrong"),
        ([], None, {}, "empty"),
        ("0.1j", None, {}, "0.1j"),
    ],
)
def test_what_evaluate_refuses_it_refuses(c: Any, q: Any, more: dict, found: str) -> None:
    kernel = kc.derive(chain(kc.Dense(8), kc.Activation("tanh")))
    with pytest.raises(kc.KernelcError, match=found):
        kernel.callable()(c, q, **more)
    with pytest.raises(kc.KernelcError, match=found):
        kernel.evaluate(c, q, **more)


def test_a_kernel_derived_for_one_q_refuses_another() -> None:
    function = kc.derive(deep("relu", 2), q=1).callable()
    assert function(0.5).c == function(0.5, 1).c
    with pytest.raises(kc.KernelcError, match="q = 3"):
        function(0.5, 3)
