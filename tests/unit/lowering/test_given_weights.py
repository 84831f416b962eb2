"""lower with weights that are given in the place of those that are drawn."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

import kernelc as kc


RNG = np.random.default_rng(7)


def network() -> kc.Network:
    x = kc.Input((3,))
    return kc.Network(x, kc.chain(kc.Dense(4), kc.Activation("tanh"), kc.Dense(2, bias=False))(x))


def test_given_weights_are_used_and_others_are_drawn():
    net = network()
    weight, bias = RNG.normal(size=(3, 4)), RNG.normal(size=4)
    model = kc.lower(net, key=0, weights={"dense_1": {"weight": weight, "bias": bias}})
    drawn = kc.lower(net, key=0)
    x = jnp.asarray([0.3, -1.0, 2.0])
    wanted = np.tanh(x @ weight + bias) @ np.asarray(drawn["dense_2"].weight)
    np.testing.assert_allclose(model(x), wanted, rtol=1e-4)
    partly = kc.lower(net, key=0, weights={"dense_1": {"bias": bias}})
    np.testing.assert_array_equal(partly["dense_1"].weight, drawn["dense_1"].weight)
    np.testing.assert_allclose(partly["dense_1"].bias, bias, rtol=1e-6)


def test_weights_are_those_of_both_forms():
    block = kc.chain(kc.Dense(4), kc.Activation("tanh"))
    x = kc.Input((4,))
    net = kc.Network(x, kc.repeat(block, 5)(x))
    weights = {f"dense_{i}": {"weight": RNG.normal(size=(4, 4))} for i in range(1, 6)}
    outputs = [
        kc.lower(net, key=0, layers=form, weights=weights)(jnp.ones(4))
        for form in ("scan", "unrolled")
    ]
    np.testing.assert_allclose(*outputs, rtol=1e-6)


@pytest.mark.parametrize(
    ("weights", "error", "found"),
    [
        ({"dense": {}}, kc.GraphError, "dense"),
        ([1], kc.GraphError, "list"),
        ({"dense_1": {"weight": np.ones((4, 3))}}, kc.DataError, r"\(4, 3\)"),
        ({"dense_1": {"gain": np.ones(4)}}, kc.DataError, "gain"),
        ({"dense_2": {"bias": np.ones(2)}}, kc.DataError, "bias"),
        ({"dense_1": {"bias": np.full(4, np.nan)}}, kc.DataError, "NaN"),
    ],
)
def test_weights_that_do_not_fit_are_refused(weights, error, found):
    with pytest.raises(error, match=found):
        kc.lower(network(), key=0, weights=weights)
