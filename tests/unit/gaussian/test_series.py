"""Series and quadratures as programs: right, and of a size that does not grow with the work."""

from __future__ import annotations

import jax
import numpy as np
import pytest
import sympy

import kernelc as kc
from kernelc.gaussian._cross import cross_rule
from kernelc.gaussian._panels import one_expectation, over_pairs
from kernelc.gaussian._series import chebyshev_series


HARD = kc.Activation("hard_tanh").function


def _lines(count: int) -> int:
    table = np.ones(count)
    return jax.jit(lambda x: chebyshev_series(table, x)).lower(np.ones(3)).as_text().count("\n")


@pytest.mark.parametrize("count", [1, 2, 48, 49, 256])
def test_a_chebyshev_series_is_that_of_numpy(count: int) -> None:
    rng = np.random.default_rng(count)
    table, x = rng.normal(size=count), np.concatenate([[-1.0, 1.0], rng.uniform(-1, 1, 200)])
    with jax.enable_x64(True):
        found = np.asarray(jax.jit(lambda x: chebyshev_series(table, x))(x))
    # Clenshaw's recurrence loses a digit or two of the sum of sizes at the ends.
    true = np.polynomial.chebyshev.chebval(x, table)
    assert np.abs(found - true).max() <= 1e-13 * np.abs(table).sum()


def test_a_longer_series_is_no_larger_program() -> None:
    """Written out, a few long series behind one another took XLA more than 12 GB to compile."""
    assert _lines(1024) <= _lines(64) + 5


def test_pairs_of_many_shapes_are_integrated_in_one_loop() -> None:
    f, kinks = HARD.numpy(0), np.array(HARD.breakpoints, dtype=np.float64)
    rng = np.random.default_rng(0)
    points = [
        (1.3, rng.uniform(0.5, 2, (3, 1)), rng.uniform(0, 2, (3, 4))),
        (0.7, 0.0, np.array([0.0, 2.0])),
        (rng.uniform(0.5, 2, 2), 1.0, np.array(1e-9)),
    ]
    with jax.enable_x64(True):
        phi = HARD.jax
        rule = jax.jit(lambda p: over_pairs(lambda u, v: phi(u) * phi(v), kinks, 1.0, p))
        found = [np.asarray(values) for values in rule(points)]
        assert rule.lower(points).as_text().count("stablehlo.while") == 1
    for point, values in zip(points, found, strict=True):
        wide = np.broadcast_arrays(*point)
        assert values.shape == wide[0].shape
        for place in np.ndindex(wide[0].shape):
            one = (float(x[place]) for x in wide)
            true = one_expectation(lambda u, v: f(u) * f(v), kinks, 1.0, *one)
            assert abs(values[place] - true) <= 1e-14


def test_no_pairs_give_no_values() -> None:
    (found,) = over_pairs(lambda u, v: u * v, np.zeros(1), 1.0, [(1.0, 1.0, np.zeros((0, 2)))])
    assert found.shape == (0, 2)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("names", [("relu", "leaky_relu"), ("erf", "tanh"), ("hard_tanh", "elu")])
def test_many_points_are_as_one_by_one(names: tuple[str, str], order: int) -> None:
    phi, psi = (kc.Activation(name).function for name in names)
    with jax.enable_x64(True):
        points = [(1.0, 2.0, np.array([0.3, -1.0])), (0.5, 1.0, np.array([[0.7]]))]
        together = map(np.asarray, cross_rule(phi, psi, 2.0).expectations(points, order))
        alone = [
            np.asarray(cross_rule(phi, psi, 2.0).expectations([point], order)[0])
            for point in points
        ]
    for one, other in zip(together, alone, strict=True):
        assert one.shape == other.shape
        assert np.abs(one - other).max() <= 1e-15


def test_panels_suit_the_steeper_of_two_activations() -> None:
    gaps = np.array([1e-3, 0.05, 1.0, 1.97])
    x = sympy.Symbol("x")
    steep = kc.Activation(sympy.Abs(x - 1) * sympy.exp(-200 * (x + 0.4) ** 2)).function
    f, g, kinks = HARD.numpy(0), steep.numpy(0), np.array([-1.0, 1.0])
    true = [one_expectation(lambda u, v: f(u) * g(v), kinks, 0.1, 1.0, 1.0, gap) for gap in gaps]
    with jax.enable_x64(True):
        for pair in ((HARD, steep), (steep, HARD)):
            (found,) = cross_rule(*pair, 1.0).expectations([(1.0, 1.0, 1 - gaps)], 0)
            np.testing.assert_allclose(found, true, rtol=0, atol=1e-13)


@pytest.mark.parametrize("edge", [1 - 1e-9, 1 + 1e-9])
def test_kinks_need_no_panels_of_their_own_where_they_are_blurred(edge: float) -> None:
    """On both sides of where panels at blurred kinks are left out."""
    f, kinks = HARD.numpy(0), np.array(HARD.breakpoints, dtype=np.float64)
    gap = 1 - 1 / np.sqrt(1 + (0.3 * edge) ** 2)
    for a, b in ((1.0, 1.0), (3.0, 0.3), (0.3, 3.0)):
        true = one_expectation(lambda u, v: f(u) * f(v), kinks, 0.2, a, b, gap)
        found = one_expectation(lambda u, v: f(u) * f(v), kinks, 2.0, a, b, gap)
        assert abs(found - true) <= 1e-14
