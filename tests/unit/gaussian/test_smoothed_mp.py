"""Many digits of dual kernels of kinked functions: by what u and v share, and by panels over u."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

from kernelc.activations import ScalarFunction, X, from_expression, named
from kernelc.gaussian import cross_dual_mp, dual_mp
from kernelc.gaussian._dual_mp import _by_panels, _covariance_mp
from kernelc.gaussian._fixed_point import exponential, rule_of
from kernelc.gaussian._smoothed_mp import smoothed_cross


RELU, ELU = named("relu"), named("elu")
SHORT = named("celu", celu_alpha=1e-3)


def both(
    phi: ScalarFunction, m: int, psi: ScalarFunction, n: int, given: tuple[str, str, str], dps: int
) -> tuple[Any, Any]:
    with mpmath.workdps(dps + 15):
        pair = _covariance_mp(*map(mpmath.mpf, given))
        found = smoothed_cross((phi, m), (psi, n), pair)
    with mpmath.workdps(dps + 25):
        return found, _by_panels(phi, m, psi, n, _covariance_mp(*map(mpmath.mpf, given)))


@pytest.mark.parametrize("given", [("1.3", "1.3", "0.4"), ("2", "0.7", "-0.9"), ("1", "1", "0.99")])
@pytest.mark.parametrize("order", [0, 1])
def test_fifty_digits_of_the_closed_form_of_relu(order: int, given: tuple[str, str, str]) -> None:
    with mpmath.workdps(65):
        pair = _covariance_mp(*map(mpmath.mpf, given))
        found = smoothed_cross((RELU, order), (RELU, order), pair)
    right = dual_mp(RELU, *given, dps=70, order=order)
    with mpmath.workdps(70):
        assert abs(found - right) <= mpmath.mpf(10) ** -60 * abs(right)


@pytest.mark.parametrize(
    ("phi", "m", "psi", "n"),
    [
        (ELU, 0, ELU, 0),
        (ELU, 1, RELU, 0),
        (SHORT, 1, SHORT, 1),
        (RELU, 2, ELU, 0),  # a point mass
        (named("tanh"), 0, RELU, 1),
        (from_expression(abs(X**2 - 1), name="folded"), 0, ELU, 0),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_two_ways_agree(phi: ScalarFunction, m: int, psi: ScalarFunction, n: int) -> None:
    found, right = both(phi, m, psi, n, ("1.2", "0.8", "-0.5"), 16)
    assert abs(found - right) <= mpmath.mpf(10) ** -27 * abs(right)


@pytest.mark.parametrize("k", ["0.3", "1e-25", "-0.95"])
def test_digits_do_not_depend_on_how_many_are_asked_for(k: str) -> None:
    softsign = named("softsign")
    few, many = (dual_mp(softsign, 1, 1, k, dps=dps) for dps in (30, 50))
    assert abs(few - many) <= mpmath.mpf(10) ** -38


def test_independent_values_and_equal_ones() -> None:
    mean = dual_mp(ELU, 1, 1, 0, dps=30)
    assert abs(mean - dual_mp(ELU, 1, 1, "1e-40", dps=30)) < mpmath.mpf(10) ** -38
    near = cross_dual_mp(ELU, ELU, 1, 1, "0.99999999", dps=20)
    assert abs(near - dual_mp(ELU, 1, 1, 1, dps=20)) < 1e-7


def test_rules_and_exponentials_in_fixed_point() -> None:
    for n in (3, 24, 71):
        rule = rule_of(n, 200)
        with mpmath.workprec(200):
            weights = [mpmath.ldexp(w, -rule.shift) for w in rule.weights]
            total = mpmath.fdot(weights, [x ** (2 * n - 2) for x in rule.nodes])
            assert abs(total - mpmath.mpf(2) / (2 * n - 1)) < mpmath.mpf(2) ** -190
    with mpmath.workprec(300):
        numbers = [mpmath.mpf(x) for x in (0, -250.75, 3.5, -1e-9)]
        shifted = np.array([int(mpmath.ldexp(x, 260)) for x in numbers], dtype=object)
        for found, x in zip(exponential(shifted, 260), numbers, strict=True):
            wrong = abs(mpmath.ldexp(found, -260) - mpmath.exp(x))
            assert wrong < mpmath.ldexp(1, -240) * max(1, mpmath.exp(x))
