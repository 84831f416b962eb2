"""The local DKS problem: its conditions, its closed forms, its refusals."""

import math
import time

import numpy as np
import pytest
import sympy

from kernelc._errors import ShapingError, UnreachableError
from kernelc.activations import from_expression, named
from kernelc.shaping import _branches, certify_dks, solve_dks
from kernelc.shaping._deviations import Deviations, deviations_on


SHAPEABLE = (
    *("tanh", "softplus", "sigmoid", "erf", "swish", "gelu", "gelu_tanh", "elu", "selu", "celu"),
    *("atan", "asinh", "softsign", "bentid", "mish", "sin", "cos", "leaky_relu"),
)
X = sympy.Symbol("x", real=True)


def other_quadrature(phi, t):
    """Q(1), Q'(1), C(0), C'(1) by Gauss-Legendre panels of this file alone."""
    if t.negative_slope is not None:
        phi = named(phi.name, negative_slope=t.negative_slope)
    cuts = [(b - t.beta) / t.alpha for b in phi.breakpoints]
    width = min(0.25, 1 / t.alpha)
    edges = np.unique(np.clip([*np.arange(-10, 10, width), 10, *cuts], -10, 10))
    node, weight = np.polynomial.legendre.leggauss(20)
    half = np.diff(edges)[:, None] / 2
    z = (edges[:-1, None] + half + half * node).ravel()
    w = (half * weight).ravel() * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    x = t.alpha * z + t.beta
    f = t.gamma * (phi.numpy(0)(x) + t.delta)
    df = t.gamma * t.alpha * phi.numpy(1)(x)
    return w @ f**2, w @ (f * df * z), (w @ f) ** 2, w @ df**2


@pytest.mark.parametrize("name", SHAPEABLE)
@pytest.mark.parametrize("depth", [3, 30, 1000])
def test_all_four_conditions_hold_by_another_quadrature(name, depth):
    psi = 1.5 ** (1 / depth)
    phi = named(name)
    q, q_slope, c0, c_slope = other_quadrature(phi, solve_dks(phi, psi))
    # Below 1e-12 in the product's certificate; 1e-11 leaves room for this rule's own rounding.
    assert np.abs([q - 1, q_slope - 1, c0, c_slope - psi]).max() < 1e-11


def test_the_network_slope_is_met_a_thousand_layers_deep():
    t = solve_dks(named("tanh"), 1.5 ** (1 / 1000))
    # 1000 layers multiply the local residual of at most 1e-12.
    assert other_quadrature(named("tanh"), t)[3] ** 1000 == pytest.approx(1.5, abs=3e-9)


@pytest.mark.parametrize("name", ["sin", "cos"])
@pytest.mark.parametrize("depth", [3, 50, 1000])
def test_sine_follows_its_closed_form(name, depth):
    psi = 1.5 ** (1 / depth)
    a2 = psi - 1
    sine2 = (psi * (1 - math.exp(-2 * a2)) - a2 * (1 + math.exp(-2 * a2))) / (
        2 * (psi * (math.exp(-a2) - math.exp(-2 * a2)) - a2 * math.exp(-2 * a2))
    )
    t = solve_dks(named(name), psi)
    shift = t.beta if name == "sin" else t.beta + math.pi / 2
    assert t.alpha == pytest.approx(math.sqrt(a2), rel=1e-12)
    # The closed form subtracts numbers of order α² down to α⁴: it keeps about 1e-16/α⁴ itself.
    assert math.sin(shift) ** 2 == pytest.approx(sine2, rel=1e-15 / a2**2)


@pytest.mark.parametrize("name", SHAPEABLE)
def test_the_constants_move_smoothly_with_depth(name):
    depths = np.unique(np.geomspace(6, 1000, 40).round())
    solved = [solve_dks(named(name), 1.5 ** (1 / d)) for d in depths]
    constants = np.array([[math.log(t.gamma), t.beta, t.delta] for t in solved])
    if solved[0].negative_slope is None:
        gain = np.array([math.log(t.alpha * t.gamma) for t in solved])
        constants = np.column_stack([constants, gain])
    rate = np.diff(constants, axis=0) / np.diff(np.log(depths))[:, None]
    # Neighboring depths differ by 14 %; another branch would change a rate by more than 3.
    assert np.abs(np.diff(rate, axis=0)).max() < 1.0


def test_the_same_constants_come_back_every_time():
    assert solve_dks(named("swish"), 1.01) == solve_dks(named("swish"), 1.01)


def test_equal_roots_are_told_apart_by_the_stated_rule():
    assert solve_dks(named("tanh"), 1.04).beta > 0
    assert solve_dks(named("sigmoid"), 1.04).beta < 0  # |δ| is smaller there
    for name in ("tanh", "sigmoid", "softsign", "cos"):
        assert solve_dks(named(name), 1.04).alpha > 0


@pytest.mark.parametrize(
    "expr",
    [
        X * sympy.tanh(X),
        sympy.tanh(X) + X / 10,
        sympy.sin(X) + X,
        sympy.exp(-(X**2) / 2),
        sympy.Piecewise((sympy.exp(X) - 1, X < 0), (sympy.log(1 + X), True)),
        sympy.tanh(7 * X - 3),
    ],
    ids=str,
)
def test_a_users_own_function_is_shaped(expr):
    phi = from_expression(expr)
    t = solve_dks(phi, 1.5 ** (1 / 20))
    certify_dks(phi, t, 1.5 ** (1 / 20))


@pytest.mark.parametrize("q_slope", [0.95, 1.0, 1.05])
def test_another_q_slope_is_met(q_slope):
    t = solve_dks(named("tanh"), 1.05, q_slope)
    assert other_quadrature(named("tanh"), t)[1] == pytest.approx(q_slope, abs=1e-11)


@pytest.mark.parametrize("name", ["exp", "sinh", "cosh", "square", "sign", "relu", "abs"])
def test_what_cannot_be_shaped_is_refused_at_once(name):
    phi = {"sinh": sympy.sinh(X), "cosh": sympy.cosh(X), "exp": sympy.exp(X)}.get(name)
    phi = named(name) if phi is None else from_expression(phi)
    start = time.process_time()
    with pytest.raises(UnreachableError) as caught:
        solve_dks(phi, 1.01)
    assert time.process_time() - start < 1.0
    assert "leaky_relu" in caught.value.remedy


def test_a_growth_law_that_forbids_shaping_is_named():
    with pytest.raises(UnreachableError, match=r"φ⁽³⁾ = κφ' with κ = 4"):
        solve_dks(from_expression(sympy.exp(2 * X) + 3), 1.01)


@pytest.mark.parametrize(
    ("name", "largest"),
    # Stretched to infinity each is a ReLU (or a leaky ReLU): π/(π-1) bounds the slope.
    [("softplus", 1.467), ("elu", 1.467), ("selu", 1.467), ("bentid", 1.146)],
)
def test_a_single_layer_out_of_reach_is_refused_with_the_range(name, largest, monkeypatch):
    scans = []

    def counted(*args: object, **kwargs: bool) -> Deviations:
        scans.append(args)
        return deviations_on(*args, **kwargs)

    monkeypatch.setattr(_branches, "deviations_on", counted)
    with pytest.raises(UnreachableError, match="more nonlinear layers") as caught:
        solve_dks(named(name), 1.5)
    # Lines of moments of some 3 ms each; a clock would judge the machine.
    assert len(scans) < 400
    assert 0.98 * largest < float(caught.value.law.split()[-1]) < largest


@pytest.mark.parametrize("psi", [0.5, 1.0, -2.0, math.nan, math.inf])
def test_a_senseless_slope_is_refused(psi):
    with pytest.raises(ShapingError, match="above 1"):
        solve_dks(named("tanh"), psi)


@pytest.mark.parametrize("q_slope", [0.0, -1.0, math.nan, math.inf])
def test_a_senseless_q_slope_is_refused(q_slope):
    with pytest.raises(ShapingError, match="q_slope"):
        solve_dks(named("tanh"), 1.01, q_slope)


def test_a_certificate_rejects_wrong_constants():
    t = solve_dks(named("tanh"), 1.01)
    with pytest.raises(ShapingError, match="C'\\(1\\)-psi"):
        certify_dks(named("tanh"), t, 1.01 + 2e-12)


def test_a_warm_solve_takes_milliseconds():
    phi = named("tanh")
    solve_dks(phi, 1.02)
    best = math.inf
    for _ in range(20):
        start = time.process_time()
        solve_dks(phi, 1.5 ** (1 / 50))
        best = min(best, time.process_time() - start)
    assert best < 5e-3  # the least of 20: other work on the machine only adds to it
