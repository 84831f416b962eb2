"""Kernels in more than 15 digits, and of q values that float64 does not hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NoReturn

import jax
import mpmath
import pytest
import sympy
from jax.typing import DTypeLike

import kernelc as kc
from kernelc.ir import KernelAlgebra, S, Shape, Shapes
from kernelc.symbolic._exact_network import exact_network
from kernelc.symbolic._exact_numbers import exact


U = sympy.Symbol("u", real=True)
DEPTH, WEIGHT, BIAS = 12, 7.123456789012345, 0.3123456789012345


def network(*layers: kc.ir.Layer) -> kc.Network:
    x = kc.Input((4,))
    return kc.Network(x, kc.chain(*layers)(x))


def through(
    q_map: Callable, dual: Callable, slope: Callable, c: mpmath.mpf
) -> tuple[mpmath.mpf, mpmath.mpf, mpmath.mpf]:
    """q, c and NTK of DEPTH blocks of a dense layer and an activation, of exact weights."""
    w, b = mpmath.mpf(WEIGHT) ** 2, mpmath.mpf(BIAS) ** 2
    q, k, theta = mpmath.mpf(1), mpmath.mpf(c), mpmath.mpf(0)
    for _ in range(DEPTH):
        q, k, theta = w * q + b, w * k + b, w * k + b + w * theta
        q, k, theta = q_map(q), dual(q, k), slope(q, k) * theta
    return q, k / q, theta


def erf_dual(q: mpmath.mpf, k: mpmath.mpf) -> mpmath.mpf:
    return 2 / mpmath.pi * mpmath.asin(2 * k / (1 + 2 * q))


def erf_slope(q: mpmath.mpf, k: mpmath.mpf) -> mpmath.mpf:
    return 4 / mpmath.pi / mpmath.sqrt((1 + 2 * q) ** 2 - 4 * k**2)


def sine_dual(q: mpmath.mpf, k: mpmath.mpf) -> mpmath.mpf:
    a = mpmath.mpf(1.234567890123) ** 2
    return mpmath.exp(-a * q) * mpmath.sinh(a * k)


def sine_slope(q: mpmath.mpf, k: mpmath.mpf) -> mpmath.mpf:
    a = mpmath.mpf(1.234567890123) ** 2
    return a * mpmath.exp(-a * q) * mpmath.cosh(a * k)


@pytest.mark.parametrize("dps", [16, 25, 40])
@pytest.mark.parametrize(
    ("activation", "dual", "slope"),
    [("erf", erf_dual, erf_slope), (sympy.sin(1.234567890123 * U), sine_dual, sine_slope)],
)
def test_weights_and_constants_of_activations_are_exact(
    activation: str | sympy.Expr, dual: Callable, slope: Callable, dps: int
) -> None:
    block = [kc.Dense(8, WEIGHT, BIAS), kc.Activation(activation)]
    c = 1 - 2.0**-30  # what float64 leaves of it behind so many chaotic layers is nothing
    found = kc.derive(network(*block * DEPTH)).evaluate(c, dps=dps)
    with mpmath.workdps(100):
        q, cosine, ntk = through(lambda q: dual(q, q), dual, slope, mpmath.mpf(c))
        lost = mpmath.mpf(10) ** (9 - dps)  # each layer brings differences up
        assert abs(found.q - q) <= lost * q
        assert abs(found.c - cosine) <= lost
        assert abs(found.ntk - ntk) <= lost * ntk


SMALL = {
    "relu": lambda c: (mpmath.sqrt(1 - c**2) + (mpmath.pi - mpmath.acos(c)) * c) / mpmath.pi,
    "tanh": lambda c: c,
    "sin": lambda c: c,
    "silu": lambda c: c,
}


@pytest.mark.parametrize("activation", SMALL)
def test_a_cosine_is_known_where_float64_has_no_q_value(activation: str) -> None:
    block = [kc.Dense(4, 1e-30), kc.Activation(activation)]
    kernel = kc.derive(network(*block * 7))
    cosine = mpmath.mpf(0.3)
    for _ in range(7):
        cosine = SMALL[activation](cosine)
    for found in (kernel.evaluate(0.3), kernel.callable()(0.3)):
        assert (found.q, found.nngp) == (0, 0)
        assert found.c == pytest.approx(float(cosine), rel=1e-14)
    more = kernel.evaluate(0.3, dps=25)
    assert 0 < more.q < sympy.Float("1e-400")
    assert abs(more.c - cosine) < 1e-14


def test_gated_units_whose_q_values_vanish_have_a_cosine() -> None:
    # SiLU is u/2 close to zero, so a block squares the cosine: c is 0.99999^(2^10).
    kernel = kc.derive(network(*[kc.SwiGLU(4), kc.Dense(4)] * 10))
    found = kernel.evaluate(0.99999)
    assert found.q == 0
    assert found.c == pytest.approx(0.99999**1024, rel=1e-3)  # the first layers are curved


def test_a_norm_reads_values_that_float64_does_not_hold() -> None:
    tiny = [kc.Dense(4, 1e-30), kc.Activation("erf")] * 7
    found = kc.derive(network(*tiny, kc.LayerNorm())).evaluate(0.3)
    assert found.q == 1
    assert found.c == pytest.approx(0.3, rel=1e-14)


def test_numbers_that_overflow_float64_have_more_digits() -> None:
    block = [kc.Dense(4, 1e30), kc.Activation("relu")]
    kernel = kc.derive(network(*block * 7))
    with pytest.raises(kc.DataError, match="a q value of inf"):
        kernel.evaluate(1.0)
    found = kernel.evaluate(1.0, dps=20)
    with mpmath.workdps(40):
        assert abs(found.q / (mpmath.mpf(1e30) ** 14 / 2**7) - 1) < 1e-18
    assert float(found.c) == 1


def test_numbers_whose_squares_are_no_floats_stay_what_they_are() -> None:
    # Weights of 1e-81 and 1e100: 1.5e-162 is not 0, nor is the square of 1.2345e200 an error.
    for value in (1.5239902500000001e-162, 1.2345e200, -1.5e-300):
        assert float(exact(value)) == value
    small, large = kc.Dense(4, 1.2345e-81), kc.Dense(4, 1.2345e81)
    found = kc.derive(network(small, large)).evaluate(0.3)
    assert found.q == pytest.approx(1.2345**4, rel=1e-13)
    assert found.c == pytest.approx(0.3, rel=1e-13)


@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_a_norm_reads_values_of_which_float64_holds_few_digits(activation: str) -> None:
    phi = kc.Activation(activation)
    kernel = kc.derive(
        network(kc.Dense(4, 1e-80), phi, kc.Dense(4, 1.2345e-81), phi, kc.Dense(4), kc.LayerNorm())
    )
    found, more = kernel.evaluate(0.3), kernel.evaluate(0.3, dps=25)
    cosine = SMALL["relu"](SMALL["relu"](mpmath.mpf(0.3))) if activation == "relu" else 0.3
    for value in (found, kernel.callable()(0.3), more):
        assert float(value.c) == pytest.approx(float(cosine), rel=1e-14)
        assert float(value.ntk) == pytest.approx(float(more.ntk), rel=1e-13)


W, B, V = sympy.symbols("w b v", positive=True)


def symbolic() -> kc.Kernel:
    return kc.derive(network(*[kc.Dense(8, W, B), kc.Activation("erf")] * DEPTH))


@pytest.mark.parametrize("dps", [15, 25, 40])
@pytest.mark.parametrize("given", [(WEIGHT, BIAS), (sympy.Rational(WEIGHT), str(Decimal(BIAS)))])
def test_weights_that_are_symbols_are_exact(given: tuple, dps: int) -> None:
    kernel = symbolic()
    root = sympy.sqrt(3 * sympy.Rational(WEIGHT))
    values = dict(zip("wb", given, strict=True))
    changed = {
        "at once": kernel.subs({W: given[0], B: sympy.Float(BIAS)}).evaluate,
        "one by one": kernel.subs(W, V**2 / 3).subs([(V, root)]).evaluate,
        "not at all": kernel.evaluate,
    }
    left = {"at once": {}, "one by one": {"b": given[1]}, "not at all": values}
    c = 1 - 2.0**-20
    with mpmath.workdps(100):
        q, cosine, ntk = through(lambda q: erf_dual(q, q), erf_dual, erf_slope, mpmath.mpf(c))
        for name, evaluate in changed.items():
            found = evaluate(c, dps=dps, **left[name])
            lost = mpmath.mpf(10) ** (9 - dps)  # each layer brings differences up
            assert abs(found.q - q) <= lost * q, name
            assert abs(found.c - cosine) <= lost, name
            assert abs(found.ntk - ntk) <= lost * ntk, name


def test_q_and_c_that_subs_replaced_are_exact() -> None:
    kernel = kc.derive(network(kc.Dense(8), kc.Activation("erf")))
    found = kernel.subs({kernel.q: 0.7}).subs(kernel.c, V / 2).evaluate(0, v=0.5, dps=30)
    with mpmath.workdps(50):
        q = mpmath.mpf(0.7)
        assert abs(found.nngp - erf_dual(q, q / 4)) < 1e-29
        assert abs(found.q - erf_dual(q, q)) < 1e-29


def test_an_edge_that_subs_set_is_one() -> None:
    kernel = kc.derive(network(kc.Dense(4, W), kc.Activation("sign"), kc.Dense(4, W)))
    same = kernel.subs({W: 1.5})
    for found in (same.evaluate(1.0), same.callable()(1.0), same.subs(kernel.c, 1).evaluate(0.2)):
        assert (found.c, found.ntk) == (1.0, float("inf"))
    assert kernel.evaluate(1.0, w="1.5").ntk == float("inf")


def test_expressions_that_subs_replaced_leave_the_formulas() -> None:
    kernel = kc.derive(network(kc.Dense(4, W), kc.Activation("relu")))
    found = kernel.subs(W**2, V).evaluate(1.0, v=1.5, dps=20)
    assert float(found.q) == 0.75


Parameter = sympy.Expr | float


@dataclasses.dataclass(frozen=True)
class Weighted(kc.Layer):
    """A value times a factor, whose annotation has a name of its own."""

    factor: Parameter = 0.5

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        return shapes[0]

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        return algebra.weighted_sum(inputs, (self.factor,))

    def module(self, shapes: Shapes, out: Shape, key: jax.Array, dtype: DTypeLike) -> NoReturn:
        raise AssertionError("no test computes values of it")


def test_fields_that_may_be_formulas_are_found_by_their_type() -> None:
    x = kc.Input((4,))
    net = kc.Network(x, Weighted(0.3)(kc.WeightedSum((0.6, 0.1))(x, kc.LayerNorm(eps=0.2)(x))))
    norm, total, halved = (node.layer for node in exact_network(net, {}).nodes[1:])
    assert halved == Weighted(sympy.Rational(3, 10))
    assert total == kc.WeightedSum((sympy.Rational(3, 5), sympy.Rational(1, 10)))
    assert isinstance(norm, kc.LayerNorm)
    assert type(norm.eps) is float
