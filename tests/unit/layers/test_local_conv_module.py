"""Locally connected layers: at each location a convolution with that location's weights."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_layers import drawn

import kernelc as kc
from kernelc.layers import ConvModule, LocalConvModule


@pytest.mark.parametrize(
    ("locations", "window", "stride", "padding", "outputs"),
    [
        ((7,), (3,), (1,), "SAME", (7,)),
        ((8,), (4,), (3,), "CIRCULAR", (3,)),
        ((5, 4), (2, 3), (2, 1), "SAME", (3, 4)),
        ((5, 4), (2, 3), (2, 1), "VALID", (2, 2)),
        ((3, 2, 4), (2, 2, 3), (1, 1, 2), "CIRCULAR", (3, 2, 2)),
    ],
)
def test_each_location_is_a_convolution_of_its_own(locations, window, stride, padding, outputs):
    rng = np.random.default_rng(0)
    x, weight, bias = (
        jnp.asarray(rng.normal(size=shape), "float32")
        for shape in ((2, *locations, 3), (*outputs, *window, 3, 5), (*outputs, 5))
    )
    found, _ = LocalConvModule(weight, bias, stride=stride, padding=padding)((x,))
    each = jax.vmap(lambda w, b: ConvModule(w, b, stride=stride, padding=padding)((x,))[0])
    everywhere = each(weight.reshape(-1, *window, 3, 5), bias.reshape(-1, 5))
    assert found.shape == everywhere.shape[1:] == (2, *outputs, 5)
    for i, place in enumerate(np.ndindex(*outputs)):
        # At most 36 products of order 1 in float32.
        wanted = np.asarray(everywhere)[i][:, *place]
        np.testing.assert_allclose(np.asarray(found)[:, *place], wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("init", ["gaussian", "orthogonal", "suo"])
def test_locations_are_drawn_apart_with_variances_as_told(init):
    layer = drawn(
        kc.LocalConv(40, (3, 1), padding="VALID", weight_std=1.5, bias_std=0.5, init=init),
        (6, 2, 30),
        key=2,
    )
    variances = layer.parameter_variances()
    assert (variances.weight, variances.bias) == (1.5**2 / 90, 0.25)
    flat = np.asarray(layer.weight).reshape(8, -1)
    # The variance of n squares is off by √(2/n); correlations of n products by 1/√n.
    assert abs(flat.var() / variances.weight - 1) < 5 * (2 / flat.size) ** 0.5
    assert abs(np.var(layer.bias) / 0.25 - 1) < 5 * (2 / layer.bias.size) ** 0.5
    apart = np.corrcoef(flat)[~np.eye(8, dtype=bool)]
    assert np.abs(apart).max() < 5 * flat.shape[1] ** -0.5


def test_biases_can_be_left_out():
    layer = drawn(kc.LocalConv(5, bias=False), (4, 3))
    assert layer.bias is None
    zero = layer((jnp.zeros((1, 4, 3)),))[0]
    assert not zero.any()
    assert layer.parameter_variances().bias is None


X = jnp.ones((2, 4, 3))


@pytest.mark.parametrize(
    "call",
    [
        lambda: LocalConvModule(jnp.ones((3, 3, 5))),
        lambda: LocalConvModule(jnp.ones((4, 3, 3, 5)), jnp.ones(5)),
        lambda: LocalConvModule(jnp.ones((4, 3, 2, 5)))((X,)),
        lambda: LocalConvModule(jnp.ones((3, 3, 3, 5)))((X,)),
        lambda: LocalConvModule(jnp.ones((4, 4, 3, 3, 3, 5)))((X,)),
        lambda: LocalConvModule(jnp.ones((1, 5, 3, 5)), padding="VALID")((X,)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(call):
    with pytest.raises(kc.ShapeError):
        call()
