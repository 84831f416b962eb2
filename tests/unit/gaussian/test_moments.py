"""Moments of φ(αZ+β) against closed forms, other digits, and their own identities."""

from __future__ import annotations

import math
from dataclasses import fields

import mpmath
import pytest

from kernelc._errors import ActivationError
from kernelc.activations import X, from_expression, named
from kernelc.gaussian import Moments, independent_rule, moments, moments_mp


NAMES = [field.name for field in fields(Moments)]


@pytest.mark.parametrize("name", ["tanh", "relu", "elu", "step", "hard_tanh", "softsign"])
@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.0), (0.4, -1.2)])
def test_float_moments_match_more_digits(name: str, alpha: float, beta: float) -> None:
    exact = moments_mp(named(name), alpha, beta, dps=20)
    for rule in (None, independent_rule):
        found = moments(named(name), alpha, beta, *([rule] if rule else []))
        for field in NAMES:
            # canceling moments (E tanh = 0) are right to rounding of their terms
            assert getattr(found, field) == pytest.approx(
                float(getattr(exact, field)), rel=3e-14, abs=3e-16
            ), field


def test_relu_in_closed_form() -> None:
    found = moments(named("relu"))
    assert found.mean == pytest.approx(1 / math.sqrt(2 * math.pi), rel=1e-15)
    assert found.variance == pytest.approx(0.5 - 1 / (2 * math.pi), rel=4e-15)
    assert (found.slope, found.slope_second) == pytest.approx((0.5, 0.5), rel=4e-15)
    assert found.curvature_second == math.inf


def test_variance_keeps_its_digits_when_the_input_hardly_varies() -> None:
    # Var tanh(αZ+β) → α²·tanh'(β)²: as E φ² - (E φ)² it would be rounding noise
    found = moments(named("tanh"), 1e-6, 1.0)
    slope = 1 - math.tanh(1.0) ** 2
    assert found.variance == pytest.approx(1e-12 * slope**2, rel=1e-9)


def test_a_jump_counts_in_the_slope_and_makes_its_square_infinite() -> None:
    found = moments(named("step"), 0.5, 0.3)
    density = math.exp(-0.5 * 0.6**2) / math.sqrt(2 * math.pi)
    assert found.slope == pytest.approx(density / 0.5, rel=1e-14)
    assert found.slope_second == found.curvature_second == math.inf
    # ½ ∂/∂α Φ(β/α)
    assert found.stein == pytest.approx(-0.5 * density * 0.3 / 0.25, rel=1e-13)


@pytest.mark.parametrize("name", ["tanh", "elu", "hard_swish", "sign"])
def test_stein_is_half_the_derivative_of_the_second_moment(name: str) -> None:
    with mpmath.workdps(30):
        ahead, behind = (
            moments_mp(named(name), mpmath.mpf(0.8) + step, mpmath.mpf(0.3), 20).second
            for step in (1e-6, -1e-6)
        )
        slope = (ahead - behind) / 2e-6
    found = moments(named(name), 0.8, 0.3).stein
    # central differences err by step² = 1e-12, times a third derivative below 10
    assert found == pytest.approx(float(slope) / 2, abs=1e-11)


def test_more_digits_are_really_there() -> None:
    second = moments_mp(named("sin"), 1, 0, dps=40).second
    with mpmath.workdps(45):
        assert abs(second - (1 - mpmath.exp(-2)) / 2) < mpmath.mpf("1e-40")


@pytest.mark.parametrize("constant", [2**-6, 2**-10, 2**-13, 2**-30])
def test_a_short_bend_at_a_kink_to_many_digits(constant: float) -> None:
    phi = named("celu", celu_alpha=constant)
    found = moments_mp(phi, 2, 0, dps=30)
    with mpmath.workdps(60):
        reach = 4 / mpmath.mpf(constant)
        tail = mpmath.erfc(reach / mpmath.sqrt(2)) * mpmath.exp(reach**2 / 2) / 2
        assert abs(found.slope_second - tail - 0.5) < mpmath.mpf("1e-30")
        curved = tail / mpmath.mpf(constant) ** 2
        assert abs(found.curvature_second - curved) < curved * mpmath.mpf("1e-30")


def test_moments_refuse_a_scale_that_is_not_positive() -> None:
    for compute in (moments, moments_mp):
        with pytest.raises(ActivationError, match="positive scale"):
            compute(named("tanh"), 0.0, 0.0)


def test_a_kink_that_is_not_at_zero_moves_with_the_transform() -> None:
    phi = from_expression(abs(X - 1))
    base = moments(named("abs"), 0.7, -0.6)
    assert moments(phi, 0.7, 0.4).second == pytest.approx(base.second, rel=4e-15)
    assert moments(phi, 0.7, 0.4).mean == pytest.approx(base.mean, rel=4e-15)
