"""Symbols replaced by values: all at once, in every field, and only by real numbers."""

from __future__ import annotations

import pytest
import sympy

import kernelc as kc


A, B = sympy.symbols("a b")
L = sympy.Symbol("L", integer=True, positive=True)


def network() -> kc.Network:
    x = kc.Input((4,))
    node = kc.residual(kc.chain(kc.Activation("tanh"), kc.Dense(4, weight_std=B)), A)(x)
    return kc.Network(x, kc.Scale(A * B)(node), name="symbolic")


def test_all_fields_become_floats():
    known = network().subs({A: 0.6, B: 2})
    dense, total, scale = (known[name].layer for name in ("dense_1", "weighted_sum_1", "scale_1"))
    assert dense == kc.Dense(4, weight_std=2.0)
    # sqrt(1 - 0.36) by SymPy and by the C library: each rounds once.
    assert total.weights == pytest.approx((0.6, 0.8), abs=1e-15)
    assert all(type(value) is float for value in (*total.weights, dense.weight_std, scale.value))


def test_one_symbol_may_stay():
    some = network().subs({A: sympy.Rational(3, 5)})
    assert some["scale_1"].layer.value == sympy.Rational(3, 5) * B
    assert some.subs({B: 1.0})["scale_1"].layer.value == pytest.approx(0.6, abs=1e-15)


def test_symbols_can_be_exchanged():
    assert network().subs({A: B, B: A})["scale_1"].layer.value == A * B
    assert network().subs({A: B, B: A})["dense_1"].layer.weight_std == A


def test_nothing_to_replace_gives_an_equal_network():
    assert network().subs({}) == network()


@pytest.mark.parametrize(
    "value", [2, float("nan"), float("inf"), sympy.oo, sympy.I, "0.5", None, True, [0.5], -0.1]
)
def test_values_that_are_no_fit_numbers_are_refused(value):
    with pytest.raises(kc.GraphError) as caught:
        # 2 makes sqrt(1 - a^2) imaginary; a deviation is not below zero.
        network().subs({A: value, B: value})
    assert caught.value.remedy


@pytest.mark.parametrize("symbol", ["a", sympy.Symbol("a", positive=True), sympy.Symbol("c"), 3])
def test_symbols_the_network_lacks_are_refused(symbol):
    with pytest.raises(kc.GraphError, match="symbols of the network"):
        network().subs({symbol: 0.5})


def test_nodes_of_a_role_are_numbered_through_all_blocks():
    x = kc.Input((4,))
    block = kc.chain(kc.GLU(6), kc.Dense(4))
    net = kc.Network(x, kc.chain(kc.GLU(4), kc.repeat(block, L))(x))
    names = [node.name for node in net.subs({L: 3})]
    assert [name for name in names if "_" in name and name[:2] in ("up", "ga")] == [
        f"{role}_{i}" for i in range(1, 5) for role in ("up", "gate")
    ]
    assert kc.Network.from_json(net.to_json()).subs({L: 3}) == net.subs({L: 3})
