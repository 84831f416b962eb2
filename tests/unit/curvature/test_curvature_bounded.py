"""The bounds on adaptive steps: a longer step is scaled down."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
import pytest

from kernelc.curvature._bounded import shortened


MODEL = jnp.array([[4.0, 1.0], [1.0, 2.0]])
W = jnp.array([-0.3, 0.2])  # W^T MODEL W = 0.32
SLOPE = jnp.array([0.8, -0.3])  # -SLOPE^T W = 0.3


def test_a_step_within_its_bounds_is_left_alone():
    np.testing.assert_array_equal(shortened(W, MODEL, SLOPE, 0.33, 0.31), W)
    np.testing.assert_array_equal(shortened(W, MODEL, SLOPE, math.inf, math.inf), W)
    np.testing.assert_array_equal(shortened(0 * W, MODEL, SLOPE, 0.33, 0.0), 0 * W)


def test_a_step_uphill_foretells_no_decrease():
    np.testing.assert_array_equal(shortened(W, MODEL, -SLOPE, math.inf, 0.0), W)


@pytest.mark.parametrize("bound", [0.3, 1e-3, 1e-8])
def test_a_longer_one_ends_at_the_bound_in_its_own_direction(bound):
    short = shortened(W, MODEL, SLOPE, bound, math.inf)
    assert float(short @ MODEL @ short) == pytest.approx(bound, rel=1e-5)  # float32
    assert float(short[0] / W[0]) == pytest.approx(float(short[1] / W[1]), rel=1e-5)


@pytest.mark.parametrize("fall", [0.2, 1e-3, 0.0])
def test_one_that_foretells_too_much_foretells_the_bound(fall):
    short = shortened(W, MODEL, SLOPE, math.inf, fall)
    assert float(-(SLOPE @ short)) == pytest.approx(fall, rel=1e-5)  # float32
    assert float(short[0] * W[1]) == pytest.approx(float(short[1] * W[0]), rel=1e-5)


def test_the_tighter_bound_holds():
    by_square = shortened(W, MODEL, SLOPE, 1e-3, 0.29)
    np.testing.assert_array_equal(by_square, shortened(W, MODEL, SLOPE, 1e-3, math.inf))
    by_fall = shortened(W, MODEL, SLOPE, 0.31, 1e-3)
    np.testing.assert_array_equal(by_fall, shortened(W, MODEL, SLOPE, math.inf, 1e-3))
