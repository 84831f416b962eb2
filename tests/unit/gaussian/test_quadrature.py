"""One-dimensional Gaussian rules: right to rounding, independent of each other, cheap."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

from kernelc._errors import ActivationError
from kernelc.activations import X, from_expression, named
from kernelc.gaussian import gaussian_rule, independent_rule, moments, panel_rule, trapezoid_rule


NAMES = ["tanh", "softplus", "swish", "mish", "sin", "gelu", "relu", "elu", "softsign", "relu6"]


def test_trapezoids_integrate_even_moments() -> None:
    z, w = trapezoid_rule(0.25)
    for n, exact in ((0, 1), (2, 1), (4, 3), (6, 15)):
        # a few roundings of terms no larger than the sum
        assert w @ z**n == pytest.approx(exact, rel=4e-15)


def test_cached_rules_cannot_be_overwritten() -> None:
    z, _ = trapezoid_rule(0.25)
    with pytest.raises(ValueError, match="read-only"):
        z[0] = 0.0


@pytest.mark.parametrize("kink", [-9.4, -1.3, 0.0, 0.37, 2.0, 40.0])
def test_panels_see_a_kink_wherever_it_is(kink: float) -> None:
    z, w = panel_rule((kink,))
    tail = 0.5 * math.erfc(kink / math.sqrt(2))
    density = math.exp(-(kink**2) / 2) / math.sqrt(2 * math.pi)
    # absolute: past 9.5 the rule drops what is below 1e-20; relative: a few roundings
    assert w @ np.maximum(z - kink, 0) == pytest.approx(density - kink * tail, rel=2e-15, abs=2e-16)


def test_a_kink_left_out_of_the_rule_costs_digits() -> None:
    z, w = panel_rule(())
    exact = math.exp(-0.5 * 0.37**2) / math.sqrt(2 * math.pi)
    exact -= 0.37 * 0.5 * math.erfc(0.37 / math.sqrt(2))
    assert abs(w @ np.maximum(z - 0.37, 0) - exact) > 1e-7


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.0), (1e-3, 0.4), (0.3, -4.0), (12.0, 3.0)])
def test_two_families_of_rules_agree(name: str, alpha: float, beta: float) -> None:
    phi = named(name)
    values = []
    for rule in (gaussian_rule, independent_rule):
        z, w = rule(phi, alpha, beta)
        x = alpha * z + beta
        values.append([w @ phi.numpy(order)(x) ** 2 for order in range(3)])
    # third derivatives of steep functions lose a digit or two in φ'' itself
    np.testing.assert_allclose(values[0], values[1], rtol=2e-13, atol=1e-300)


def test_the_two_families_share_no_nodes() -> None:
    for name in ("tanh", "relu"):
        ours, _ = gaussian_rule(named(name), 1.0, 0.2)
        theirs, _ = independent_rule(named(name), 1.0, 0.2)
        assert not np.intersect1d(ours, theirs).size


def test_an_oscillation_faster_than_the_first_step_is_resolved() -> None:
    # sin at α = 8π meets the first trapezoid step in resonance; E sin² = (1 - e^{-2α²})/2
    alpha = 8 * math.pi
    z, w = gaussian_rule(named("sin"), alpha, 0.3)
    assert w @ np.sin(alpha * z + 0.3) ** 2 == pytest.approx(0.5, rel=1e-14)


def test_a_growing_function_gets_a_longer_rule() -> None:
    # E exp(2αZ) = exp(2α²) peaks at z = 2α = 12, beyond the usual limit
    z, w = gaussian_rule(named("exp"), 6.0, 0.0)
    assert w @ np.exp(12.0 * z) == pytest.approx(math.exp(72.0), rel=1e-13)


def test_a_rule_refuses_what_it_cannot_integrate() -> None:
    for alpha, beta in ((0.0, 0.0), (-1.0, 0.0), (math.nan, 0.0), (1.0, math.inf)):
        with pytest.raises(ActivationError, match="positive scale"):
            gaussian_rule(named("tanh"), alpha, beta)
    with pytest.raises(ActivationError, match="no finite second moment"):
        gaussian_rule(named("exp"), 32.0, 0.0)


def test_a_user_expression_with_two_kinks_is_split_at_both() -> None:
    phi = from_expression(abs(X - 1) + abs(X + 2))
    z, w = gaussian_rule(phi, 0.7, 0.1)
    x = 0.7 * z + 0.1
    exact = 0.0
    for kink in (1.0, -2.0):
        t = (kink - 0.1) / 0.7
        exact += 0.7 * (
            math.sqrt(2 / math.pi) * math.exp(-t * t / 2) + t * math.erf(t / math.sqrt(2))
        )
    assert w @ phi.numpy(0)(x) == pytest.approx(exact, rel=4e-15)


def test_a_scale_at_which_a_smooth_function_is_a_step_is_refused_at_once() -> None:
    for alpha in (3e4, 1e150):
        with pytest.raises(ActivationError, match="standard deviation"):
            moments(named("tanh"), alpha)
    # Kinks are split at, so rectifiers have no such scale.
    assert moments(named("relu"), 3e4).second == pytest.approx(4.5e8, rel=1e-14)


def _celu_slope_second(constant: float, scale: float, kink: float = 0.0) -> tuple[float, float]:
    """E celu'(X - kink)² for X of deviation `scale`: the part above the kink, and that below."""
    reach = 2 * scale / constant - kink / scale
    below = math.exp(-((kink / scale) ** 2) / 2) * special.erfcx(reach / math.sqrt(2)) / 2
    return float(special.ndtr(-kink / scale)), float(below)


@pytest.mark.parametrize("constant", [1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-6, 1e-9])
@pytest.mark.parametrize("rule", [gaussian_rule, independent_rule])
def test_what_bends_within_a_short_length_of_its_kink(constant: float, rule) -> None:
    scale = math.sqrt(2.5)
    above, below = _celu_slope_second(constant, scale)
    found = moments(named("celu", celu_alpha=constant), scale, rule=rule)
    assert found.slope_second == pytest.approx(above + below, rel=4e-15)
    # celu'' = celu'/constant below 0
    assert found.curvature_second == pytest.approx(below / constant**2, rel=1e-13)


@pytest.mark.parametrize("constant", [0.1, 1e-3, 1e-5])
@pytest.mark.parametrize("rule", [gaussian_rule, independent_rule])
def test_a_short_bend_away_from_zero_in_a_transformed_function(constant: float, rule) -> None:
    above, below = _celu_slope_second(constant / 2, 1.3, kink=0.6)
    phi = named("celu", celu_alpha=constant).transformed(alpha=2, beta=-1.2, gamma=3)
    found = moments(phi, 1.3, rule=rule)
    assert found.slope_second == pytest.approx(36 * (above + below), rel=1e-14)
    # A kink away from 0 is met to the rounding of its own place.
    expected = 36 * 4 * below / constant**2
    assert found.curvature_second == pytest.approx(expected, rel=1e-14 + 1e-15 / constant)
