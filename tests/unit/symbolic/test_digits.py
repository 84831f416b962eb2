"""Kernels in more than 15 digits, and of q values that float64 does not hold."""

from __future__ import annotations

from collections.abc import Callable

import mpmath
import pytest
import sympy

import kernelc as kc
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
