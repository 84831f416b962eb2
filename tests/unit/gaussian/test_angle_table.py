"""Series in the angle against the dual at single points."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kernelc.activations import named
from kernelc.gaussian import angle_table, cross_dual


ANGLES = np.array([0.0, 1e-3, 0.05, 0.7, 1.5, 2.2, 3.1, math.pi])


@pytest.mark.parametrize(
    ("first", "second", "q1", "q2"),
    [
        ("tanh", "tanh", 1.1, 1.1),
        ("elu", "elu", 0.3, 0.3),
        ("hard_tanh", "hard_tanh", 2.0, 2.0),
        ("tanh", "softplus", 0.5, 2.0),
        ("relu", "elu", 1.0, 0.4),
        ("sign", "sign", 1.0, 1.0),
    ],
)
def test_it_has_the_values_of_the_dual(first: str, second: str, q1: float, q2: float) -> None:
    phi, psi = named(first), named(second)
    table = angle_table(phi, psi, q1, q2)
    assert table is not None
    k = math.sqrt(q1 * q2) * np.cos(ANGLES)
    right = [cross_dual(phi, psi, q1, q2, each) for each in k]
    np.testing.assert_allclose(table(k), right, rtol=0, atol=2e-13 * np.abs(right).max())


def test_a_dual_that_is_infinite_has_none() -> None:
    assert angle_table(named("sign"), named("sign"), 1.0, 1.0, 1) is None
