"""The bound on adaptive steps: what is too long is shortened along its own direction."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from kernelc.curvature._bounded import shortened


MODEL = jnp.array([[4.0, 1.0], [1.0, 2.0]])


def test_a_step_within_the_bound_is_left_alone():
    w = jnp.array([-0.3, 0.2])  # w^T M w = 0.32
    np.testing.assert_array_equal(shortened(w, MODEL, 0.33), w)
    np.testing.assert_array_equal(shortened(0 * w, MODEL, 0.33), 0 * w)


@pytest.mark.parametrize("bound", [0.3, 1e-3, 1e-8])
def test_a_longer_one_ends_at_the_bound_in_its_own_direction(bound):
    w = jnp.array([-0.3, 0.2])
    short = shortened(w, MODEL, bound)
    assert float(short @ MODEL @ short) == pytest.approx(bound, rel=1e-5)  # float32
    assert float(short[0] / w[0]) == pytest.approx(float(short[1] / w[1]), rel=1e-5)
