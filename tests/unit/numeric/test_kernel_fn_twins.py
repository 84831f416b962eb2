"""Inputs that are equal, opposite or almost equal."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kernel_networks import NETWORKS, RELU, TANH, D, data, function, network

import kernelc as kc


TYPES = (np.float32, np.float64)
# Products of inputs, and differences, which gaps take.
WAYS = ((np.float64, ("nngp", "ntk")), (np.float32, ("nngp", "ntk")), (np.float32, ("gap", "ntk")))


# Less those whose layers others have, too.
@pytest.mark.parametrize("name", sorted(set(NETWORKS) - {"rectified", "spread"}))
def test_a_twin_has_the_kernel_of_the_input_itself(name: str) -> None:
    """To the last bit, wherever the twin lies: angles would show the root of any rounding."""
    k = function(name)
    for dtype, get in WAYS:
        x = data(name, 5, dtype)
        x[3] = x[1]
        whole, apart = k(x, get=get), k(x, x.copy(), get=get)
        for kind in get:
            matrix, other = (np.asarray(getattr(m, kind)) for m in (whole, apart))
            np.testing.assert_array_equal(matrix[1, 3], matrix[1, 1])
            np.testing.assert_array_equal(matrix[3, 1], matrix[3, 3])
            np.testing.assert_array_equal(other[1, 3], other[1, 1])
            # Two programs: sums of the same numbers in another order.
            roundings = 16 * np.finfo(dtype).eps * np.abs(matrix).max()
            np.testing.assert_allclose(other, matrix, rtol=0, atol=roundings)


@pytest.mark.parametrize("dtype", TYPES)
def test_opposite_inputs(dtype: type) -> None:
    """At c = -1 a relu keeps nothing but rounding, and abs everything."""
    x = data("rectified", 3, dtype)
    x = np.concatenate([x, -x])
    relu = kc.kernel_fn(network(kc.chain(D(8), RELU, D(3))))(x)
    own = np.arange(3)
    for matrix in relu[:2]:
        largest = np.abs(matrix).max()
        assert np.all(np.abs(np.asarray(matrix)[own, own + 3]) <= 8 * np.finfo(dtype).eps * largest)
    even = kc.kernel_fn(network(kc.chain(D(8), kc.Activation("abs"), D(3))))(x).nngp
    np.testing.assert_array_equal(np.asarray(even)[own, own + 3], np.asarray(even)[own, own])
    odd = kc.kernel_fn(network(kc.chain(kc.PLN("off"), D(8), TANH, D(3))))(x).nngp
    # A short series need not be odd to the last digit.
    allowed = 1e3 * np.finfo(dtype).eps
    np.testing.assert_allclose(np.asarray(odd)[own, own + 3], -np.diag(odd)[:3], rtol=allowed)


@pytest.mark.parametrize("dtype", TYPES)
def test_zero_inputs_stay_finite(dtype: type) -> None:
    x = data("rectified, biases", 4, dtype)
    x[2] = 0
    for name in ("rectified", "rectified, biases", "series"):
        for matrix in function(name)(x, get=("nngp", "ntk", "gap")):
            assert np.isfinite(matrix).all()


def test_the_diagonal_of_symmetric_matrices_counts_one_evaluation() -> None:
    """Two evaluations have masks of their own: only the diagonal loses 1 / keep."""
    x = data("rectified", 4)
    x[3] = x[1]
    plain = kc.kernel_fn(network(kc.chain(D(8), RELU, D(3))))(x)
    dropped = kc.kernel_fn(network(kc.chain(D(8), RELU, kc.Dropout(0.2), D(3))))(x)
    for kept, wanted in zip(dropped[:2], plain[:2], strict=True):
        expected = np.array(wanted)
        expected[np.arange(4), np.arange(4)] /= 0.8
        np.testing.assert_allclose(kept, expected, rtol=1e-14)
    own = kc.kernel_fn(network(kc.chain(D(8), RELU, kc.Dropout(0.2), D(3)))).diagonal(x).nngp
    np.testing.assert_allclose(own, np.diag(dropped.nngp), rtol=1e-14)


def test_gradients_on_the_diagonal_are_finite() -> None:
    x = jnp.asarray(data("rectified", 3, np.float32))
    for name in ("rectified", "rectified, biases"):
        k = function(name)
        for kind in ("nngp", "ntk"):
            slope = jax.grad(lambda x, k=k, kind=kind: getattr(k(x, get=kind), kind).sum())(x)
            assert np.isfinite(slope).all()
