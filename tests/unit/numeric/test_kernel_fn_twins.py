"""Inputs that are equal, opposite or almost equal."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kernel_networks import NETWORKS, RELU, TANH, D, data, function, network

import kernelc as kc


TYPES = (np.float32, np.float64)
EVERYTHING = ("nngp", "ntk", "gap")
# How two sets meet: inputs by themselves, each location, all pairs of locations. Products of two
# sets in float32 are asked of the first only: `test_kernel_fn` has those in float64.
APART = {
    "rectified, biases": (("nngp", "ntk"), EVERYTHING),
    "delta": (EVERYTHING,),
    "pools": (EVERYTHING,),
}


# Products of inputs are in `test_kernel_fn`; gaps take differences. Less the networks whose layers
# others have, too.
@pytest.mark.parametrize("name", sorted(set(NETWORKS) - {"rectified", "spread"}))
def test_a_twin_has_the_kernel_of_the_input_itself(name: str) -> None:
    """To the last bit, wherever the twin lies: angles would show the root of any rounding."""
    x, k = data(name, 5, np.float32), function(name)
    x[3] = x[1]
    whole = k(x, get=EVERYTHING)
    for matrix in map(np.asarray, whole):
        np.testing.assert_array_equal(matrix[1, 3], matrix[1, 1])
        np.testing.assert_array_equal(matrix[3, 1], matrix[3, 3])
    for get in APART.get(name, ()):
        apart = k(x[:2], x, get=get)
        for kind in get:
            some, matrix = (np.asarray(getattr(m, kind)) for m in (apart, whole))
            np.testing.assert_array_equal(some[1, 3], some[1, 1])
            # Two programs, and two ways to the gap: some five layers of roundings of 6e-8.
            largest = np.abs(matrix).max()
            np.testing.assert_allclose(some, matrix[:2], rtol=0, atol=3e-6 * largest)
    x[2] = 0
    for matrix in k(x, get=EVERYTHING):
        assert np.isfinite(matrix).all()


def test_opposite_inputs() -> None:
    """At c = -1 a relu keeps nothing but rounding, and abs everything."""
    kernels = [
        kc.kernel_fn(network(kc.chain(*first, D(8), phi, D(3))))
        for first, phi in (((), RELU), ((), kc.Activation("abs")), ((kc.PLN("off"),), TANH))
    ]
    own = np.arange(3)
    for dtype in TYPES:
        x = data("rectified", 3, dtype)
        x = np.concatenate([x, -x])
        relu = kernels[0](x)
        eps = np.finfo(dtype).eps
        for matrix in relu[:2]:
            largest = np.abs(matrix).max()
            assert np.all(np.abs(np.asarray(matrix)[own, own + 3]) <= 8 * eps * largest)
        even, odd = (np.asarray(k(x, get="nngp").nngp) for k in kernels[1:])
        np.testing.assert_array_equal(even[own, own + 3], even[own, own])
        # A short series need not be odd to the last digit.
        np.testing.assert_allclose(odd[own, own + 3], -np.diag(odd)[:3], rtol=1e3 * eps)


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
        # A slope that is not finite stays so in the sum.
        slope = jax.jit(jax.grad(lambda x, k=k: sum(m.sum() for m in k(x)[:2])))(x)
        assert np.isfinite(slope).all()
