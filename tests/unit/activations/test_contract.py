"""The contract of all registered activations."""

from __future__ import annotations

import json
from itertools import pairwise

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import scipy.integrate
import sympy

from kernelc.activations import ACTIVATIONS, ScalarFunction, X, named


_SAMPLES = {
    "polynomial": {"coefficients": [0.5, 1, 0, -0.25]},
    "leaky_relu": {"negative_slope": 0.2},
}
_POINTS = np.array([-40.0, -7.3, -3.2, -1.7, -0.6, -1e-3, 2e-4, 0.31, 1.9, 3.4, 6.5, 30.0])


def sample(name: str) -> ScalarFunction:
    return named(name, **_SAMPLES.get(name, {}))


@pytest.fixture(params=sorted(ACTIVATIONS))
def function(request: pytest.FixtureRequest) -> ScalarFunction:
    return sample(request.param)


def true_values(function: ScalarFunction, order: int, points: np.ndarray) -> np.ndarray:
    with mpmath.workdps(40):
        run = function.mpmath(order)
        return np.array([float(run(mpmath.mpf(float(p)))) for p in points])


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_numpy_derivatives_match_forty_digits(function: ScalarFunction, order: int) -> None:
    true = true_values(function, order, _POINTS)
    # 16 ulp: sums of a dozen rounded terms that cancel by at most the size of their inputs
    scale = 16 * np.finfo(float).eps * np.maximum(1, np.abs(true))
    assert np.all(np.abs(function.numpy(order)(_POINTS) - true) <= scale)


def test_mpmath_derivative_is_the_limit_of_differences(function: ScalarFunction) -> None:
    for order in (1, 2):
        for point in (-2.7, 0.4, 1.6):
            numeric = mpmath.diff(function.mpmath(order - 1), point)
            # mpmath.diff raises its precision; its answer is good to about 1e-12
            assert float(function.mpmath(order)(point)) == pytest.approx(float(numeric), abs=1e-11)


def test_numpy_is_silent_and_finite_far_out(function: ScalarFunction) -> None:
    if function.name == "exp":
        pytest.skip("exp itself overflows")
    far = np.array([-1e4, -800.0, 0.0, 800.0, 1e4])
    for order in range(4):
        assert np.isfinite(function.numpy(order)(far)).all()


def test_not_a_number_stays_one(function: ScalarFunction) -> None:
    assert np.isnan(function.numpy()(np.array([np.nan]))).all()
    assert bool(jnp.isnan(function.jax(jnp.asarray([jnp.nan]))).all())


def test_jax_values_in_single_precision(function: ScalarFunction) -> None:
    points = _POINTS.astype(np.float32)
    true = true_values(function, 0, points)
    out = function.jax(jnp.asarray(points))
    assert out.dtype == jnp.float32
    # 30 ulp relative, with an absolute floor of 4 ulp for sums that cancel near zero
    eps = np.finfo(np.float32).eps
    assert np.all(np.abs(np.asarray(out, float) - true) <= eps * (30 * np.abs(true) + 4))


def test_jax_keeps_half_precision_types(function: ScalarFunction) -> None:
    x = jnp.asarray([-2.0, 0.5, 3.0], jnp.bfloat16)
    assert function.jax(x).dtype == jnp.bfloat16
    assert function.transformed(0.5, 0.25, 2.0, -1.0).jax(x).dtype == jnp.bfloat16


def test_jax_gradients_are_right_and_finite(function: ScalarFunction) -> None:
    gradient = jax.jit(jax.vmap(jax.grad(function.jax)))
    inside = _POINTS.astype(np.float32)
    true = true_values(function, 1, inside)
    # float32 slopes near saturation carry the rounding of 1 - tanh² and the like
    assert np.asarray(gradient(jnp.asarray(inside))) == pytest.approx(true, rel=3e-5, abs=3e-6)
    if function.name != "exp":
        far = jnp.asarray([-1e4, -100.0, 0.0, 100.0, 1e4, *function.breakpoints], jnp.float32)
        assert bool(jnp.isfinite(gradient(far)).all())
        assert bool(jnp.isfinite(jax.jit(jax.jacfwd(function.jax))(far)).all())


def test_jax_second_derivatives_are_finite(function: ScalarFunction) -> None:
    if function.name == "exp":
        pytest.skip("exp itself overflows")
    curvature = jax.jit(jax.vmap(jax.grad(jax.grad(function.jax))))
    far = jnp.asarray([-1e4, -100.0, 0.0, 1.0, 100.0, 1e4], jnp.float32)
    assert bool(jnp.isfinite(curvature(far)).all())


def test_description_round_trips_through_json(function: ScalarFunction) -> None:
    for f in (function, function.transformed(-0.3, 0.1, 2, sympy.Rational(1, 3))):
        back = ScalarFunction.from_dict(json.loads(json.dumps(f.to_dict())))
        assert back == f
        assert hash(back) == hash(f)
        assert back.params == f.params
        assert back.affine == f.affine


def test_pieces_cover_the_line_and_equal_the_expression(function: ScalarFunction) -> None:
    pieces = function.pieces
    assert pieces[0].lower is sympy.S.NegativeInfinity
    assert pieces[-1].upper is sympy.oo
    for left, right in pairwise(pieces):
        assert left.upper == right.lower
        assert left.expr != right.expr
    for piece in pieces:
        point = piece.interior + sympy.Rational(1, 7)
        here = piece.expr.subs(X, point).evalf(25)
        assert abs(here - function.expr.subs(X, point).evalf(25)) < 1e-20


def test_jumps_agree_with_smoothness(function: ScalarFunction) -> None:
    if function.smoothness == np.inf:
        assert function.analytic
        return
    first = int(function.smoothness) + 1
    assert function.jumps(first)
    assert not any(function.jumps(order) for order in range(first))
    for place, size in function.jumps(first):
        with mpmath.workdps(40):
            run = function.mpmath(first)
            step = run(mpmath.mpf(place) + 1e-12) - run(mpmath.mpf(place) - 1e-12)
        assert float(step) == pytest.approx(size, abs=1e-9)


def test_parity_and_homogeneity_hold(function: ScalarFunction) -> None:
    value = function.numpy()
    x = np.array([0.3, 1.1, 2.6])
    if function.parity is not None:
        sign = 1 if function.parity == "even" else -1
        assert value(-x) == pytest.approx(sign * value(x), rel=1e-14)
    if function.homogeneity is not None:
        for side in (x, -x):
            scaled = 3.0**function.homogeneity * value(side)
            assert value(3 * side) == pytest.approx(scaled, rel=1e-14)


@pytest.mark.parametrize(("alpha", "beta"), [(1.7, -0.4), (-0.6, 0.3)])
def test_transformed_composes(function: ScalarFunction, alpha: float, beta: float) -> None:
    moved = function.transformed(alpha, beta, 2.5, -0.75)
    assert moved.name == function.name
    x = np.linspace(-3.0, 3.0, 14)
    want = 2.5 * (function.numpy()(alpha * x + beta) - 0.75)
    assert moved.numpy()(x) == pytest.approx(want, rel=1e-14, abs=1e-14)
    assert true_values(moved, 0, x) == pytest.approx(want, rel=1e-13, abs=1e-14)
    slope = 2.5 * alpha * function.numpy(1)(alpha * x + beta)
    assert true_values(moved, 1, x) == pytest.approx(slope, rel=1e-13, abs=1e-14)
    places = sorted((b - beta) / alpha for b in function.breakpoints)
    assert moved.breakpoints == pytest.approx(places, rel=1e-14)
    # float32 rounding of αx + β moves the argument by an ulp; gradients here are below 40
    single = np.asarray(moved.jax(jnp.asarray(x, jnp.float32)))
    assert single == pytest.approx(want, rel=1e-4, abs=1e-5)


def brute_dual(function: ScalarFunction, q1: float, q2: float, k: float, order: int) -> float:
    """E φ(u)φ(v) by adaptive quadrature over v given u, u by panels cut at the kinks."""
    f = function.numpy(order)
    kinks = list(function.breakpoints)
    nodes, weights = np.polynomial.legendre.leggauss(60)

    def panels(cuts: list[float]) -> tuple[np.ndarray, np.ndarray]:
        edges = np.unique(np.clip([-9.0, -4.0, 0.0, 4.0, 9.0, *cuts], -9, 9))
        mid, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
        z = (mid[:, None] + half[:, None] * nodes).ravel()
        w = (half[:, None] * weights).ravel() * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
        return z, w

    spread = np.sqrt(q2 - k * k / q1)
    z, w = panels([b / np.sqrt(q1) for b in kinks])
    total = 0.0
    for z1, w1 in zip(z, w, strict=True):
        u = np.sqrt(q1) * z1
        z2, w2 = panels([(b - k / q1 * u) / spread for b in kinks])
        total += w1 * float(f(np.array([u]))[0]) * float(w2 @ f(k / q1 * u + spread * z2))
    return total


CLOSED = sorted(name for name, rule in ACTIVATIONS.items() if rule.dual is not None)


@pytest.mark.parametrize("name", CLOSED)
def test_closed_dual_matches_quadrature(name: str) -> None:
    q1, q2, k = 0.8, 1.3, -0.45
    for function in (sample(name), sample(name).transformed(0.7, 0, 1.5, 0.2)):
        closed = function.closed_dual(q1, q2, k)
        assert closed is not None
        # 60-point panels cut at kinks integrate these to about 1e-12
        assert float(closed) == pytest.approx(brute_dual(function, q1, q2, k, 0), abs=1e-10)
        if function.smoothness >= 0:
            slope = float(function.closed_dual_derivative(q1, q2, k))
            assert slope == pytest.approx(brute_dual(function, q1, q2, k, 1), abs=1e-10)


@pytest.mark.parametrize("name", CLOSED)
def test_closed_dual_derivative_is_price_theorem(name: str) -> None:
    k = sympy.Symbol("k", real=True)
    function = sample(name).transformed(0.7, 0, 1.5, 0.2)
    slope = function.closed_dual(0.8, 1.3, k).diff(k)
    closed = function.closed_dual_derivative(0.8, 1.3, k)
    for at in (-0.6, 0.1, 0.9):
        assert float(slope.subs(k, at)) == pytest.approx(float(closed.subs(k, at)), rel=1e-12)


@pytest.mark.parametrize("name", ["sin", "cos", "exp", "gaussian", "polynomial", "square"])
def test_shifted_dual_matches_quadrature(name: str) -> None:
    function = sample(name).transformed(0.7, 0.4, 1.5, 0.2)
    closed = float(function.closed_dual(0.8, 1.3, 0.5))
    assert closed == pytest.approx(brute_dual(function, 0.8, 1.3, 0.5, 0), abs=1e-10)


@pytest.mark.parametrize("name", ["relu", "erf", "gelu", "sign"])
def test_shifted_dual_is_declined_where_it_is_not_elementary(name: str) -> None:
    assert sample(name).transformed(1, 0.4).closed_dual(1, 1, 0.5) is None


@pytest.mark.parametrize("name", ["relu", "gelu", "sign"])
def test_slope_of_a_shifted_dual_is_declined_where_it_is_not_elementary(name: str) -> None:
    assert sample(name).transformed(1, 0.4).closed_dual_derivative(1, 1, 0.5) is None


def test_slope_of_the_dual_of_a_shifted_erf_is_that_of_a_gaussian() -> None:
    shifted = sample("erf").transformed(1, 0.4)
    slope = float(shifted.closed_dual_derivative(1, 1, 0.5))
    assert slope == pytest.approx(brute_dual(shifted, 1, 1, 0.5, 1), abs=1e-10)


def test_hyperbolic_gelu_is_close_to_gelu() -> None:
    # the approximation's published error is below 5e-4; a wrong constant shows at once
    x = np.linspace(-5, 5, 41)
    assert named("gelu_tanh").numpy()(x) == pytest.approx(named("gelu").numpy()(x), abs=5e-4)


def test_selu_keeps_mean_zero_and_variance_one() -> None:
    value = named("selu").numpy()

    def weight(z: float) -> float:
        return float(np.exp(-z * z / 2) / np.sqrt(2 * np.pi))

    def integral(power: int) -> float:
        parts = [
            scipy.integrate.quad(lambda z: weight(z) * float(value(z)) ** power, a, b)[0]
            for a, b in ((-12, 0), (0, 12))
        ]
        return sum(parts)

    assert integral(1) == pytest.approx(0, abs=1e-12)
    assert integral(2) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("name", ["exp", "square", "sign", "step", "identity"])
def test_infeasible_functions_say_why(name: str) -> None:
    assert sample(name).transformed(0.3, 0.2, 4, -1).infeasible


@pytest.mark.parametrize("name", ["tanh", "relu", "leaky_relu", "sin", "gelu", "selu", "gaussian"])
def test_feasible_functions_are_not_accused(name: str) -> None:
    assert sample(name).infeasible is None
