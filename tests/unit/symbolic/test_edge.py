"""Kernels where formulas are limits: at |c| = 1, at q = 0, in long blocks."""

from __future__ import annotations

import math
import time

import mpmath
import pytest
import sympy

import kernelc as kc
from kernelc import gaussian
from kernelc.activations import from_expression


U = sympy.Symbol("u", real=True)


def network(*blocks) -> kc.Network:
    x = kc.Input((4,))
    return kc.Network(x, kc.chain(kc.Dense(9, 1.3, 0.1), *blocks, kc.Dense(1))(x))


JUMPS = {
    "sign": [kc.Activation("sign")],
    "step after relu": [kc.Activation("relu"), kc.Dense(9, 0.7), kc.Activation("step")],
    "jump after erf": [
        kc.Activation("erf"),
        kc.Dense(9),
        kc.Activation(sympy.Heaviside(U + 1) * sympy.exp(-(U**2))),
    ],
    "two sines of one value": [
        kc.residual(kc.chain(kc.Activation("erf"), kc.Dense(9)), 0.8),
        kc.LayerNorm(),
        kc.Activation("sign"),
    ],
}


@pytest.mark.parametrize("name", JUMPS)
def test_the_ntk_of_an_input_with_itself_is_infinite_behind_a_jump(name: str) -> None:
    kernel = kc.derive(network(*JUMPS[name]))
    for q in (0.3, 1.0, 2.5):
        value = kernel.evaluate(c=1.0, q=q)
        assert value.ntk == math.inf
        assert value.c == 1.0
        assert value.nngp == value.q
        assert kernel.evaluate(c=1 - 1e-6, q=q).ntk < math.inf
    assert kernel.evaluate(c=1, dps=20).ntk == math.inf


@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh", "erf", "sin", "softsign"])
def test_the_cosine_of_an_input_with_itself_is_one(activation: str) -> None:
    block = kc.chain(kc.Activation(activation), kc.Dense(9))
    for depth in (1, 2, 30):
        kernel = kc.derive(network(*[block] * depth))
        assert kernel.evaluate(c=1.0).c == 1.0


def test_the_edge_continues_the_formula() -> None:
    kernel = kc.derive(network(kc.Activation("gelu"), kc.Dense(9), kc.Activation("tanh")))
    for sign in (1, -1):
        edge, near = kernel.evaluate(c=sign), kernel.evaluate(c=sign * (1 - 1e-9))
        # First derivatives are of order one.
        assert edge == pytest.approx(near, abs=1e-7)


def test_values_that_vanish_have_no_cosine() -> None:
    x = kc.Input((4,))
    net = kc.Network(x, kc.chain(kc.Dense(9), kc.Scale(0.0))(x))
    for c in (0.3, 1.0):
        value = kc.derive(net).evaluate(c=c)
        assert (value.q, value.nngp) == (0, 0)
        assert math.isnan(value.c)


def test_normalizing_values_that_vanish_is_refused() -> None:
    x = kc.Input((4,))
    net = kc.Network(x, kc.chain(kc.Dense(9), kc.Scale(0.0), kc.LayerNorm(), kc.Dense(1))(x))
    for c in (0.3, 1.0):
        with pytest.raises(kc.KernelcError):
            kc.derive(net).evaluate(c=c)


def test_a_long_block_stays_short_in_print_and_in_time() -> None:
    x = kc.Input((4,))
    inner = x
    fork = kc.Dense(1, 0.7, 0.4)(x)
    inner = fork
    for _ in range(10):
        step = kc.Dense(1, 0.8)(kc.Activation("celu", celu_alpha=50.0)(inner))
        inner = kc.WeightedSum((0.6, -1.0))(inner, step)
    net = kc.Network(x, kc.WeightedSum((1.0, 1.0))(inner, kc.Dense(1)(fork)))
    start = time.process_time()
    kernel = kc.derive(net)
    assert len(str(kernel)) < 200_000
    value = kernel.evaluate(c=0.3)
    # Written out in one formula it did not end.
    assert time.process_time() - start < 30
    # The same q value by the rules in floats, which know no formulas; the closed Q map of celu
    # with a constant of 50 is a difference of terms of size 50^2, which costs four digits.
    assert kernel.evaluate(c=1.0).q == pytest.approx(value.q, rel=1e-11)


def nearly_one(weight_std: float) -> kc.Network:
    """Two orthogonal inputs of q = 1 have 1 - c = weight_std^2 (to first order) at the jump."""
    x = kc.Input((8,))
    first = kc.Dense(9, weight_std=weight_std, bias_std=1.0)
    return kc.Network(x, kc.chain(first, kc.Activation("sign"), kc.Dense(1))(x))


@pytest.mark.parametrize("weight_std", [1e-4, 1e-6, 1e-9, 1e-11])
def test_a_jump_reads_what_float64_cannot_tell_apart(weight_std: float) -> None:
    # Arcsine kernel: K = 2/pi asin(c), and its slope in the covariance is 2/pi / sqrt(1 - c^2).
    found = kc.derive(nearly_one(weight_std)).evaluate(0.0)
    with mpmath.workdps(60):
        variance = mpmath.mpf(weight_std) ** 2
        c, q = 1 / (1 + variance), 1 + variance
        nngp = 2 / mpmath.pi * mpmath.asin(c)
        slope = 2 / mpmath.pi / q / mpmath.sqrt(1 - c**2)
        ntk = nngp + slope * 1  # theta of the first layer: x·x' = 0, and 1 of the bias
    assert found.nngp == pytest.approx(float(nngp), rel=1e-15)
    assert found.ntk == pytest.approx(float(ntk), rel=1e-14)


def test_inputs_that_are_one_behind_zero_weights_have_an_infinite_ntk() -> None:
    assert kc.derive(nearly_one(0.0)).evaluate(0.0).ntk == math.inf


def test_a_jump_without_a_closed_form_reads_close_inputs() -> None:
    phi = sympy.Heaviside(U + 1) * sympy.exp(-(U**2))
    x, gap = kc.Input((4,)), 2.0**-40
    net = kc.Network(x, kc.chain(kc.Dense(9), kc.Activation(phi), kc.Dense(1))(x))
    # float64 quadrature that is told 1 - c
    nngp, slope = (
        gaussian.dual(from_expression(phi), 1.0, 1.0, 1 - gap, order, one_minus_c=gap)
        for order in (0, 1)
    )
    found = kc.derive(net).evaluate(1 - gap)
    assert found.nngp == pytest.approx(nngp, rel=1e-12)
    assert found.ntk == pytest.approx(nngp + (1 - gap) * slope, rel=1e-9)


@pytest.mark.parametrize("q", [1e-2, 1e-5, 1e-9])
def test_terms_of_a_closed_form_that_cancel_cost_no_digits(q: float) -> None:
    # E sin(u)^2 sin(v)^2 is a sum of exponentials, and 3 q^2 at q -> 0.
    kernel = kc.derive(network(kc.Activation(sympy.sin(U) ** 2)))
    value, exact = kernel.evaluate(0.3, q=q), kernel.evaluate(0.3, q=q, dps=40)
    of_numbers = kernel.subs({kernel.q: sympy.Float(q, 40)}).evaluate(0.3)
    for found in (value, of_numbers):
        assert found.q == pytest.approx(float(exact.q), rel=1e-9)
        assert found.nngp == pytest.approx(float(exact.nngp), rel=1e-9)
        assert found.ntk == pytest.approx(float(exact.ntk), rel=1e-9)


def test_numbers_that_overflow_stay_in_a_function_until_they_are_judged() -> None:
    # Behind weights of zero the formulas are numbers, and these grow from layer to layer.
    block = kc.chain(kc.Activation("exp"), kc.Dense(9))
    kernel = kc.derive(network(kc.Dense(9, weight_std=0, bias_std=2.0), *[block] * 5))
    with pytest.raises(kc.DataError, match="finite"):
        kernel.evaluate(0.3)
