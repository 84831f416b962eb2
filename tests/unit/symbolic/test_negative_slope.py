"""Slopes of leaky ReLU as symbols: formulas in them, and the network that numbers make of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy

import kernelc as kc


A = sympy.Symbol("a", positive=True)
L = sympy.Symbol("L", integer=True, positive=True)
Slope = float | sympy.Expr


def chain(*blocks: Any, shape: tuple[int, ...] = (8,)) -> kc.Network:
    x = kc.Input(shape)
    return kc.Network(x, kc.chain(*blocks)(x))


def leaky(slope: Slope, **options: Any) -> kc.Activation:
    return kc.Activation("leaky_relu", negative_slope=slope, **options)


def layer(slope: Slope, **options: Any) -> Any:
    return kc.chain(kc.Dense(8, **options), leaky(slope))


NETWORKS: dict[str, Callable[[Slope], kc.Network]] = {
    "one": lambda a: chain(layer(a), kc.Dense(1)),
    "biases": lambda a: chain(*[layer(a, bias_std=0.3)] * 3, kc.Dense(1)),
    "deep": lambda a: chain(kc.repeat(layer(a, weight_std=1.3), 30)),
    "an expression": lambda a: chain(layer(1 - a), kc.Dense(1)),
    "residual": lambda a: chain(
        kc.Dense(8), kc.residual(kc.chain(leaky(a), kc.Dense(8)), 0.6), kc.Dense(1)
    ),
    "normalized": lambda a: chain(layer(a), kc.LayerNorm(), layer(a)),
    "transformed": lambda a: chain(kc.Dense(8), leaky(a, alpha=1.3, gamma=0.7, delta=0.2)),
    "pooled": lambda a: chain(
        kc.Conv(8, 3), leaky(a), kc.GlobalMeanPool(), kc.Dense(1), shape=(9, 2)
    ),
    "batch norm": lambda a: chain(kc.Dense(8), kc.BatchNorm(), leaky(a), kc.Dense(8)),
}


def numbers(value: Any) -> list[float]:
    """The fields of a value; batch norm leaves the NTK out."""
    return [x for x in (value.q, value.nngp, value.c, value.ntk) if x is not None]


@pytest.mark.parametrize(("name", "value"), [*((name, 0.2) for name in NETWORKS), ("biases", -0.7)])
def test_formulas_in_the_slope_hold_for_numbers(name: str, value: float) -> None:
    a = sympy.Symbol("a", real=True)
    net, known = NETWORKS[name](a), NETWORKS[name](value)
    assert net.subs(a, value) == known
    at: dict[str, Any] = {"c": 0.3, "q": 1.4}
    at |= {"s": 0.2} if name == "pooled" else {"c_b": 0.1} if name == "batch norm" else {}
    kernel, want = kc.derive(net), kc.derive(known).evaluate(**at)
    for found in (kernel.evaluate(**at, a=value), kernel.subs(a, value).evaluate(**at)):
        assert numbers(found) == pytest.approx(numbers(want), rel=1e-12)
    namespace: dict[str, Any] = {}
    exec(kernel.to_python(), namespace)
    with np.errstate(invalid="ignore"):
        code = namespace["kernel"]
        read = inspect.signature(code).parameters
        q, c, ntk = code(**{key: at[key] for key in at if key in read}, a=value)
    assert (q, c) == pytest.approx((want.q, want.c), rel=1e-10)
    assert want.ntk is None or ntk == pytest.approx(want.ntk, rel=1e-10)


def test_equal_inputs_are_taken_as_they_are() -> None:
    kernel, known = (kc.derive(NETWORKS["biases"](a)) for a in (A, 0.2))
    assert kernel.evaluate(c=1.0, a=0.2).ntk == known.evaluate(c=1.0).ntk


@pytest.mark.parametrize(
    "symbol",
    [
        sympy.Symbol("a"),
        sympy.Symbol("k", real=True),
        sympy.Symbol("rho", real=True),
        sympy.Symbol("alpha", positive=True),
        sympy.Symbol("Delta", positive=True),
    ],
)
def test_no_name_of_a_slope_is_taken_for_a_symbol_of_a_form(symbol: sympy.Symbol) -> None:
    net = chain(layer(symbol), kc.LayerNorm(), layer(symbol, bias_std=0.2))
    want = kc.derive(net.subs(symbol, 0.4)).evaluate(c=0.3, q=1.4)
    slope: dict[str, Any] = {symbol.name: 0.4}
    found = kc.derive(net).evaluate(c=0.3, q=1.4, **slope)
    assert (found.nngp, found.ntk) == pytest.approx((want.nngp, want.ntk), rel=1e-12)


def test_the_printed_form() -> None:
    block = layer(A, weight_std=sympy.sqrt(2 / (1 + A**2)))
    kernel = kc.derive(chain(kc.repeat(block, L), kc.Dense(1)))
    assert "cₗ = ((a − 1)² κ₁(cₗ₋₁) + 2cₗ₋₁ a)/(1 + a²)" in str(kernel)
    assert "Q_f = q\n" in str(kernel)
    assert sympy.expand(kernel.ntk_diagonal - (L + 1) * kernel.q) == 0


@pytest.mark.parametrize(
    "net",
    [
        chain(
            kc.Dense(8),
            lambda x: kc.WeightedSum((0.6, 0.8))(kc.Activation("relu")(x), leaky(A)(x)),
        ),
        chain(kc.Dense(8), leaky(A, beta=0.5)),
    ],
)
def test_means_without_a_closed_form_need_a_number(net: kc.Network) -> None:
    with pytest.raises(kc.KernelcError) as caught:
        kc.derive(net)
    assert caught.value.found == "the symbol a"
    assert kc.derive(net.subs(A, 0.2)).evaluate(c=0.3).q > 0


def test_the_theory_of_the_map_is_a_formula_in_the_slope() -> None:
    def kernel(a: Slope) -> kc.Kernel:
        std = sympy.sqrt(2 / (1 + sympy.sympify(a) ** 2))
        return kc.derive(chain(kc.Dense(8, weight_std=std), leaky(a)))

    coefficient = kernel(A).cosine_law(q=1).coefficient
    want = kernel(0.3).cosine_law(q=1).coefficient
    assert float(sympy.sympify(coefficient).subs(A, 0.3)) == pytest.approx(float(want or 0))
