"""LooksLinear: linear at the start, a rectifier net to its gradients."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_layers import drawn

import kernelc as kc
from kernelc.layers import LooksLinearModule


X = jnp.asarray(np.random.default_rng(0).normal(size=(3, 6)), jnp.float32)


def test_it_starts_as_the_linear_map_of_its_first_half() -> None:
    layer = drawn(kc.LooksLinear(4, weight_std=1.5, bias_std=0.1), (6,))
    assert layer.bias is not None
    np.testing.assert_allclose(layer((X,))[0], X @ layer.weight[:6] + layer.bias, rtol=1e-5)


def test_a_step_bends_it() -> None:
    layer = drawn(kc.LooksLinear(4, bias=False), (6,))
    slope = eqx.filter_grad(lambda layer: jnp.sum(layer((X,))[0] ** 3))(layer)
    moved = eqx.apply_updates(layer, jax.tree.map(lambda g: -0.1 * g, slope))
    assert abs(moved((X,))[0] + moved((-X,))[0]).max() > 0.01


def test_standard_tangent_kernels_are_those_of_wide_nets() -> None:
    width, draws = 256, 8
    x = kc.Input((6,))
    layer = kc.LooksLinear(width, weight_std=1.2, bias_std=0.3)
    net = kc.Network(x, kc.chain(kc.Dense(width), kc.repeat(layer, 2))(x))
    wanted: Any = kc.kernel_fn(net, parameterization="standard")(X)
    models = [kc.lower(net, key=jax.random.key(i)) for i in range(draws)]
    measured: Any = kc.empirical_kernel(
        models, X, get="ntk", outputs=range(2), parameterization="standard", standard_error=True
    )
    found, error = measured
    size = np.sqrt(np.outer(np.diag(wanted.ntk), np.diag(wanted.ntk)))
    # Four standard errors, and what finite width adds: a term of order depth / width.
    assert (abs(found.ntk - wanted.ntk) <= 4 * error.ntk + 3 / width * size).all()


def test_shaping_keeps_it() -> None:
    x = kc.Input((6,))
    block = kc.chain(kc.LooksLinear(8), kc.Activation("tanh"), kc.Dense(8))
    net = kc.Network(x, kc.chain(kc.Dense(8), kc.repeat(block, 3))(x))
    shaped = kc.shape(net, kc.DKS(), rewrite=True).network
    assert sum(isinstance(node.layer, kc.LooksLinear) for node in shaped) == 3
    assert abs(kc.derive(shaped).evaluate(c=1.0).q - 1) < 1e-9


def test_a_value_that_is_not_gaussian_is_refused() -> None:
    x = kc.Input((6,))
    with pytest.raises(kc.UnsupportedError, match="not Gaussian"):
        kc.derive(kc.Network(x, kc.LooksLinear(4)(x)))


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: kc.LooksLinear(0), kc.ShapeError),
        (lambda: kc.LooksLinear(4, weight_std=-1), kc.GraphError),
        (lambda: kc.LooksLinear(4, init="he"), kc.GraphError),  # pyright: ignore
        (lambda: kc.LooksLinear(4, bias_std=1, bias=False), kc.GraphError),
        (lambda: LooksLinearModule(jnp.ones((3, 4))), kc.ShapeError),
        (lambda: LooksLinearModule(jnp.ones((4, 4)))((jnp.ones((1, 3)),)), kc.ShapeError),
    ],
)
def test_bad_settings_are_refused(make: Any, error: Any) -> None:
    with pytest.raises(error):
        make()
