"""The local TAT problems: smooth activations and leaky ReLU."""

import math
import time

import mpmath
import numpy as np
import pytest
import sympy

from kernelc._errors import ShapingError, UnreachableError
from kernelc.activations import from_expression, named
from kernelc.shaping import (
    certify_tat,
    leaky_relu_c_map,
    leaky_relu_tat_transform,
    solve_leaky_relu_dks,
    solve_tat,
)


SMOOTH = (
    *("tanh", "softplus", "sigmoid", "erf", "swish", "gelu", "gelu_tanh", "atan", "asinh"),
    *("bentid", "mish", "sin", "cos", "softsign", "elu"),
)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("depth", [3, 50, 1000])
def test_all_four_conditions_hold(name, depth):
    phi, kappa = named(name), 0.3 / depth
    residuals = certify_tat(phi, solve_tat(phi, kappa), kappa)
    # certify_tat raises above 1e-12, or 64 εγ(1+|δ|) where γ is above a hundred.
    assert set(residuals) == {"Q(1)-1", "Q'(1)-1", "C'(1)-1", "C''(1)/kappa-1"}
    assert max(map(abs, residuals.values())) < 3e-12


@pytest.mark.parametrize("name", SMOOTH)
def test_the_constants_move_smoothly_with_depth(name):
    depths = np.unique(np.geomspace(3, 1000, 40).round())
    solved = [solve_tat(named(name), 0.3 / d) for d in depths]
    constants = np.array([[math.log(t.alpha), t.beta, math.log(t.gamma), t.delta] for t in solved])
    rate = np.diff(constants, axis=0) / np.diff(np.log(depths))[:, None]
    # Neighboring depths differ by 15 %; another branch would change a rate by more than 1.
    assert np.abs(np.diff(rate, axis=0)).max() < 0.3


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "selu", "abs", "hard_tanh"])
def test_a_jump_of_the_slope_is_refused_at_once(name):
    start = time.process_time()
    with pytest.raises(UnreachableError, match=r"C''\(1\) is infinite"):
        solve_tat(named(name), 0.01)
    assert time.process_time() - start < 1.0


@pytest.mark.parametrize("name", ["exp", "square"])
def test_what_cannot_be_shaped_is_refused(name):
    x = sympy.Symbol("x")
    with pytest.raises(UnreachableError):
        solve_tat(from_expression({"exp": sympy.exp(x), "square": x**2}[name]), 0.01)


@pytest.mark.parametrize("kappa", [0.0, -0.1, math.nan, math.inf])
def test_a_senseless_curvature_is_refused(kappa):
    with pytest.raises(ShapingError, match="kappa"):
        solve_tat(named("tanh"), kappa)


def test_a_warm_solve_takes_milliseconds():
    phi = named("tanh")
    solve_tat(phi, 0.01)
    best = math.inf
    for _ in range(20):
        start = time.process_time()
        solve_tat(phi, 0.006)
        best = min(best, time.process_time() - start)
    assert best < 2e-2  # the least of 20: other work on the machine only adds to it


@pytest.mark.parametrize(
    ("nonlinearities", "slope"),
    # The constants of the vanilla ResNets 50, 101, 152 for C_f(0) = 0.9, from the closed form.
    [(49, 0.4259071946874676), (100, 0.57043953105872), (151, 0.6386479048862812)],
)
def test_the_leaky_relu_map_composes_to_the_known_value(nonlinearities, slope):
    c, c_map = 0.0, leaky_relu_c_map(slope)
    for _ in range(nonlinearities):
        c = c_map(c)
    assert c == pytest.approx(0.9, abs=1e-12)


def test_the_leaky_relu_map_keeps_its_digits_near_one():
    gap = mpmath.mpf(2) ** -40
    with mpmath.workdps(40):
        c = 1 - gap
        wedge = mpmath.sqrt(1 - c * c) - c * mpmath.acos(c)
        expected = gap - wedge / mpmath.pi
    assert 1 - leaky_relu_c_map(0.0)(float(1 - gap)) == pytest.approx(float(expected), abs=2e-16)


def test_the_leaky_relu_map_takes_arrays():
    c = np.array([-1.0, -0.3, 0.9, 1.0])
    mapped = leaky_relu_c_map(0.2)(c)
    assert mapped.shape == c.shape
    assert mapped[-1] == 1.0
    assert mapped[1] == leaky_relu_c_map(0.2)(-0.3)


@pytest.mark.parametrize("negative_slope", [0.0, 0.3, 1.0])
def test_the_leaky_relu_keeps_q(negative_slope):
    t = leaky_relu_tat_transform(negative_slope)
    assert t.gamma**2 * (1 + negative_slope**2) / 2 == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize(
    ("depth", "slope", "gamma"),
    # Closed form, ten digits published with the reference package's constants.
    [(50, 0.7963707054, 1.1107657249), (100, 0.8518862011, 1.0787269620)],
)
def test_the_leaky_relu_dks_constants(depth, slope, gamma):
    t = solve_leaky_relu_dks(1.5 ** (1 / depth))
    assert t.negative_slope == pytest.approx(slope, abs=1e-10)
    assert t.gamma == pytest.approx(gamma, abs=1e-10)


def test_the_steepest_leaky_relu_is_a_relu():
    assert solve_leaky_relu_dks(math.pi / (math.pi - 1)).negative_slope == pytest.approx(
        0, abs=1e-15
    )


@pytest.mark.parametrize("psi", [1.0, 0.9, 1.47, math.nan, math.inf])
def test_a_leaky_relu_slope_out_of_range_is_refused(psi):
    with pytest.raises(UnreachableError, match=r"1\.466942"):
        solve_leaky_relu_dks(psi)


@pytest.mark.parametrize("negative_slope", [math.nan, math.inf])
def test_a_senseless_negative_slope_is_refused(negative_slope):
    with pytest.raises(ShapingError):
        leaky_relu_c_map(negative_slope)
    with pytest.raises(ShapingError):
        leaky_relu_tat_transform(negative_slope)
