"""Closed moments against quadrature, for every activation that has them."""

from __future__ import annotations

import mpmath
import pytest
import sympy

from kernelc.activations import ACTIVATIONS, X, from_expression, named, owens_t
from kernelc.gaussian import closed_moments, moments


OPEN = {
    "tanh", "sigmoid", "softplus", "swish", "silu", "mish", "gelu_tanh",
    "softsign", "atan", "asinh", "bentid",
}  # fmt: skip
CLOSED = sorted(set(ACTIVATIONS) - OPEN - {"polynomial"})
MORE = {
    "polynomial": named("polynomial", coefficients=(0.25, -2, 0, 1)),
    "celu 2": named("celu", celu_alpha=2),
    "leaky": named("leaky_relu", negative_slope=0.3),
    "shaped selu": named("selu").transformed(1.3, 0.4, 2.0, 0.1),
    "gabor": from_expression(sympy.sin(X) * sympy.exp(-(X**2))),
    "shaped square of a sine": from_expression(sympy.sin(X) ** 2).transformed(2.0, 0.3, 0.7, 0.4),
    "growing sine": from_expression(sympy.exp(X / 2) * sympy.sin(X)),
    "two bumps": from_expression(X**2 * sympy.exp(-(X**2) / 3) + sympy.exp(-X / 2)),
}
POINTS = [(1.0, 0.0), (0.4, -0.7), (1.7, 0.3), (0.9, 1.6)]


@pytest.mark.parametrize("name", [*CLOSED, *MORE])
def test_closed_moments_match_quadrature(name: str) -> None:
    phi = MORE[name] if name in MORE else named(name)
    closed = closed_moments(phi)
    assert closed is not None
    for alpha, beta in POINTS:
        found = moments(phi, alpha, beta)
        wanted = (found.mean, found.second, found.slope_second)
        # absolute part: means that cancel to zero
        assert closed.numpy()(alpha, beta) == pytest.approx(wanted, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("name", sorted(OPEN & set(ACTIVATIONS)))
def test_functions_without_a_closed_form_say_so(name: str) -> None:
    assert closed_moments(named(name)) is None


def test_the_formulas_are_plain_sympy() -> None:
    a, b = sympy.Symbol("a", positive=True), sympy.Symbol("b", real=True)
    sine = closed_moments(named("sin"), a, b)
    assert sine is not None
    assert sympy.simplify(sine.mean - sympy.exp(-(a**2) / 2) * sympy.sin(b)) == 0
    assert sine.mean.free_symbols == {a, b}


def test_a_jump_has_no_second_slope() -> None:
    closed = closed_moments(named("step"))
    assert closed is not None
    assert closed.slope_second is sympy.oo


def test_the_mean_obeys_the_heat_equation() -> None:
    # E φ(αZ+β) solves ∂/∂α = α ∂²/∂β²
    for name in ("elu", "gelu", "hard_swish"):
        closed = closed_moments(named(name))
        assert closed is not None
        a, b = closed.alpha, closed.beta
        gap = closed.mean.diff(a) - a * closed.mean.diff(b, 2)
        assert abs(gap.evalf(30, subs={a: sympy.Rational(4, 5), b: sympy.Rational(1, 3)})) < 1e-25


@pytest.mark.parametrize(("h", "a"), [(0.3, 0.7), (-1.2, 2.5), (0.01, 40.0), (3.0, -0.4)])
def test_owens_t_in_both_arithmetics(h: float, a: float) -> None:
    exact = mpmath.quad(
        lambda x: mpmath.exp(-h * h * (1 + x * x) / 2) / (1 + x * x), mpmath.linspace(0, a, 40)
    ) / (2 * mpmath.pi)
    value = owens_t(sympy.Float(h), sympy.Float(a)).evalf()
    assert float(value) == pytest.approx(float(exact), rel=1e-14)


def test_owens_t_differentiates() -> None:
    h, a = sympy.symbols("h a", real=True)
    point = {h: sympy.Rational(3, 10), a: sympy.Rational(7, 10)}
    for symbol in (h, a):
        slope = owens_t(h, a).diff(symbol).evalf(20, subs=point)
        step = sympy.Rational(1, 10**8)
        ahead, behind = (
            owens_t(h, a).subs({**point, symbol: point[symbol] + sign * step}).evalf(40)
            for sign in (1, -1)
        )
        # central differences: error of order step²
        assert float(slope) == pytest.approx(float((ahead - behind) / (2 * step)), rel=1e-13)
    assert owens_t(h, sympy.S.Zero) == 0
    assert owens_t(sympy.S.Zero, a) == sympy.atan(a) / (2 * sympy.pi)
