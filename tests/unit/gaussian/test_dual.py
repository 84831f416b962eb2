"""Dual kernels: every method against another, at every correlation and scale."""

from __future__ import annotations

import json
import math
from pathlib import Path

import mpmath
import numpy as np
import pytest

from kernelc._errors import ActivationError, DataError, UnsupportedError
from kernelc.activations import X, from_expression, named
from kernelc.gaussian import cross_dual, cross_dual_mp, dual, dual_many, dual_mp, moments


ORACLE = Path(__file__).parents[2] / "oracles" / "c_map_points.json"
ROWS = json.loads(ORACLE.read_text(encoding="utf-8"))["rows"]
CORRELATIONS = [0.0, 0.3, -0.7, 0.999, 1 - 1e-9, 1 - 1e-12, 1.0, -1.0]
SCALES = [(1.0, 1.0), (0.5, 3.0), (1e-6, 1e-6), (200.0, 200.0)]
WITH_FORMULA = [
    "relu", "abs", "leaky_relu", "step", "sign", "erf", "gelu", "sin", "cos", "gaussian", "square",
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['activation']}{row['c']}")
def test_c_map_points_of_an_independent_quadrature(row: dict) -> None:
    # the reference's gelu is the tanh form
    name = {"gelu": "gelu_tanh"}.get(row["activation"], row["activation"])
    phi, c = named(name), row["c"]
    q = moments(phi).second
    found = [dual(phi, 1.0, 1.0, c, order) / q for order in range(3)]
    # the oracle is good to about 1e-14
    assert found == pytest.approx([row["C"], row["dC"], row["ddC"]], rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("name", WITH_FORMULA)
@pytest.mark.parametrize(("q1", "q2"), SCALES)
def test_quadrature_matches_the_formula(name: str, q1: float, q2: float) -> None:
    phi = named(name)
    for order in (0, 1):
        if order and phi.jumps(0):
            continue  # point masses: tested on their own
        size = math.sqrt(dual(phi, q1, q1, q1, order) * dual(phi, q2, q2, q2, order))
        for c in CORRELATIONS:
            gap = {"one_minus_c": 1 - c} if q1 != q2 else {}  # k alone cannot say c there
            k = c * math.sqrt(q1 * q2)
            ours = dual(phi, q1, q2, k, order, method="quadrature", **gap)
            formula = dual(phi, q1, q2, k, order, method="closed", **gap)
            assert ours == pytest.approx(formula, abs=1e-13 * size), (c, order)
            auto = dual(phi, q1, q2, k, order, **gap)
            assert auto == pytest.approx(formula, abs=1e-12 * size), (c, order)


@pytest.mark.parametrize(
    ("name", "order"),
    [("elu", 0), ("elu", 1), ("elu", 2), ("selu", 2), ("hard_tanh", 1), ("hard_swish", 0)],
)
def test_kinked_functions_without_a_formula(name: str, order: int) -> None:
    phi = named(name)
    for q1, q2, c in ((30.0, 2.0, 0.6), (0.7, 0.7, -0.999), (1.0, 1.0, 1 - 1e-10)):
        k = c * math.sqrt(q1 * q2)
        exact = float(dual_mp(phi, q1, q2, k, 10, order))
        # ten digits asked for carry fifteen more as guard
        assert dual(phi, q1, q2, k, order) == pytest.approx(exact, rel=2e-13), (q1, q2, c)


def test_point_masses_of_a_kink() -> None:
    # E relu''(u)relu''(v) is the density of (u, v) at the origin
    for q1, q2, c in ((1.0, 1.0, 0.5), (2.0, 0.3, -0.9)):
        exact = 1 / (2 * math.pi * math.sqrt(q1 * q2 * (1 - c * c)))
        assert dual(named("relu"), q1, q2, c * math.sqrt(q1 * q2), 2) == pytest.approx(
            exact, rel=1e-13
        )
    assert dual(named("relu"), 1.0, 1.0, 1.0, 2) == math.inf
    assert dual(named("step"), 1.0, 1.0, 1.0, 1) == math.inf
    assert dual(named("hard_tanh"), 1.0, 1.0, -1.0, 2) == -math.inf


def test_point_masses_and_a_smooth_part_together() -> None:
    # a kink at 0 and curvature to its left; Price's theorem is the judge, by central
    # differences that err by step² = 1e-12 times a third derivative below 10
    phi = named("elu", elu_alpha=0.5)
    with mpmath.workdps(30):
        ahead, behind = (
            dual_mp(phi, 1, 1, mpmath.mpf(0.4) + step, 20, 1) for step in (1e-6, -1e-6)
        )
        slope = (ahead - behind) / 2e-6
    assert dual(phi, 1.0, 1.0, 0.4, 2) == pytest.approx(float(slope), abs=1e-11)


def test_a_gap_too_small_for_the_covariance_to_say() -> None:
    # C'(c) of relu is 1/2 - θ/2π: at 1-c = 1e-20 the covariance alone is exactly one
    theta = math.sqrt(2e-20)
    value = dual(named("relu"), 1.0, 1.0, 1.0, 2, one_minus_c=1e-20)
    assert value == pytest.approx(1 / (2 * math.pi * theta), rel=1e-12)
    slope = dual(named("abs"), 2.0, 3.0, math.sqrt(6.0), 1, one_minus_c=1e-14)
    assert 1 - slope == pytest.approx(2 * math.sqrt(2e-14) / math.pi, rel=1e-7)


def test_a_kink_far_from_zero_is_followed_as_the_pair_closes() -> None:
    # The slopes are signs, of which u and v have different ones with probability 4 T(1, a), by
    # the function of Owen (1956), where a^2 = (1 - c)/(1 + c).
    phi = from_expression(abs(X - 1))
    for c in (0.999999, 1 - 1e-13):
        a = mpmath.sqrt((1 - mpmath.mpf(c)) / (1 + mpmath.mpf(c)))
        density = mpmath.quad(lambda x: mpmath.exp(-(1 + x * x) / 2) / (1 + x * x), [0, a])
        exact = float(1 - 8 * density / (2 * mpmath.pi))
        assert dual(phi, 1.0, 1.0, c, 1) == pytest.approx(exact, rel=1e-13), c


@pytest.mark.parametrize("name", ["tanh", "relu", "elu"])
def test_many_is_one_by_one(name: str) -> None:
    k = np.linspace(-2.0, 2.0, 6).reshape(2, 3)
    many = dual_many(named(name), 2.0, 2.0, k)
    assert many.shape == (2, 3)
    assert many.ravel().tolist() == [dual(named(name), 2.0, 2.0, float(x)) for x in k.ravel()]


def test_cross_dual_by_steins_lemma() -> None:
    # E u·ψ(v) = k·E ψ'(v)
    line = named("identity")
    for name in ("tanh", "relu", "elu", "step"):
        psi = named(name)
        slope = moments(psi, math.sqrt(0.8)).slope
        found = cross_dual(line, psi, 1.5, 0.8, 0.6)
        assert found == pytest.approx(0.6 * slope, rel=1e-13)
        assert cross_dual(psi, line, 0.8, 1.5, 0.6) == pytest.approx(found, rel=1e-13)


def test_cross_dual_of_a_smooth_and_a_kinked_function() -> None:
    tanh, hard = named("tanh"), named("hard_tanh")
    found = cross_dual(tanh, hard, 1.0, 2.0, 0.9, (1, 1))
    exact = cross_dual_mp(tanh, hard, 1.0, 2.0, 0.9, 15, (1, 1))
    assert found == pytest.approx(float(exact), rel=1e-13)
    # at c = 1 a mass sees both sides of the jump alike: E δ(u)·step(u) = p(0)/2
    met = cross_dual(named("step"), named("relu"), 1.0, 1.0, 1.0, (1, 1))
    assert met == pytest.approx(0.5 / math.sqrt(2 * math.pi), rel=1e-13)


def test_many_digits() -> None:
    with mpmath.workdps(45):
        k = mpmath.mpf(1) / 3
        exact = (mpmath.exp(k - 1) - mpmath.exp(-k - 1)) / 2
        assert abs(dual_mp(named("sin"), 1, 1, k, 40) - exact) < mpmath.mpf("1e-40")
        quarter = mpmath.mpf("0.5")
        relu = named("relu")
        formula = dual_mp(relu, 1, 1, quarter, 40)
        # the same by integration: relu written so that no formula is known for it
        same = from_expression((X + abs(X)) / 2)
        assert abs(dual_mp(same, 1, 1, quarter, 40) - formula) < mpmath.mpf("1e-38")


def test_digits_of_a_smooth_function_without_a_formula() -> None:
    exact = dual_mp(named("tanh"), 1, 1, "0.5", 15)
    assert dual(named("tanh"), 1.0, 1.0, 0.5) == pytest.approx(float(exact), rel=4e-15)


def test_impossible_pairs_are_refused() -> None:
    tanh = named("tanh")
    for q1, q2, k in ((0.0, 1.0, 0.5), (1.0, -1.0, 0.0), (1.0, 1.0, 1.1), (1.0, math.nan, 0.0)):
        with pytest.raises(DataError, match="covariance"):
            dual(tanh, q1, q2, k)
    with pytest.raises(DataError, match="one_minus_c"):
        dual(tanh, 1.0, 1.0, 0.5, one_minus_c=2.5)
    with pytest.raises(DataError, match="covariance"):
        dual_mp(tanh, 1, 1, "1.1")
    # rounding past one is forgiven
    assert dual(tanh, 1.0, 1.0, 1 + 1e-15) == dual(tanh, 1.0, 1.0, 1.0)


def test_what_is_not_computed_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="no closed dual"):
        dual(named("tanh"), 1.0, 1.0, 0.5, method="closed")
    with pytest.raises(UnsupportedError, match="jumps"):
        dual(named("step"), 1.0, 1.0, 0.5, 2)
    with pytest.raises(ActivationError, match="no finite second moment"):
        dual(named("exp"), 1000.0, 1000.0, 0.0)


@pytest.mark.parametrize("name", ["sigmoid", "softplus", "relu", "cos", "sign"])
def test_a_value_that_is_zero_becomes_a_constant(name: str) -> None:
    phi = named(name)
    zero = float(phi.jax(0.0))
    assert dual(phi, 0.0, 0.0, 0.0) == pytest.approx(zero**2, rel=1e-7)
    mean = moments(phi, math.sqrt(2.0)).mean
    assert dual(phi, 0.0, 2.0, 0.0) == pytest.approx(zero * mean, rel=1e-7, abs=1e-15)
    for q1, q2 in ((0, 0), (2, 0)):
        close = dual(phi, float(q1), float(q2), 0.0)
        assert float(dual_mp(phi, q1, q2, 0)) == pytest.approx(close, rel=1e-13, abs=1e-15)


@pytest.mark.parametrize(
    "c",
    [
        0.3,
        pytest.param(0.999, marks=pytest.mark.slow),
        1 - 1e-9,
        pytest.param(-0.9999, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("order", [0, 1])
def test_a_short_bend_at_a_kink(c: float, order: int) -> None:
    phi = named("celu", celu_alpha=1e-3)
    q1, q2 = 2.5, 0.7
    k = c * math.sqrt(q1 * q2)
    found = dual(phi, q1, q2, k, order=order)
    assert found == pytest.approx(float(dual_mp(phi, q1, q2, k, 15, order)), rel=3e-14, abs=1e-20)
