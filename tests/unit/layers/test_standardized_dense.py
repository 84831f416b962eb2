"""StandardizedDense: weights that stay standardized, and the kernel of centered values."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from drawn_layers import drawn

import kernelc as kc
from kernelc.layers import StandardizedDenseModule


X = jnp.asarray(np.random.default_rng(0).normal(size=(3, 6)), jnp.float32)


def network(width: int, blocks: int = 2, activation: str = "softplus") -> kc.Network:
    block = kc.chain(
        kc.Activation(activation), kc.StandardizedDense(width, weight_std=1.3, bias_std=0.2)
    )
    x = kc.Input((6,))
    return kc.Network(x, kc.chain(kc.Dense(width), kc.repeat(block, blocks))(x))


def test_weights_keep_mean_and_variance_through_a_step() -> None:
    layer = drawn(kc.StandardizedDense(4, weight_std=1.5), (6,))

    def loss(layer: Any) -> Any:
        return jnp.sum((layer((X,))[0] - 1) ** 2)

    slope = eqx.filter_grad(loss)(layer)
    moved = eqx.apply_updates(layer, jax.tree.map(lambda g: -0.3 * g, slope))
    assert abs(moved.standardized - layer.standardized).max() > 0.01
    for each in (layer, moved):
        np.testing.assert_allclose(each.standardized.mean(0), 0, atol=1e-6)
        np.testing.assert_allclose(jnp.square(each.standardized).sum(0), 1.5**2, rtol=1e-5)


def test_gradients_leave_out_the_mean_and_the_length_of_the_weights() -> None:
    layer = drawn(kc.StandardizedDense(4), (6,))
    slope = eqx.filter_grad(lambda layer: jnp.sum(jnp.sin(layer((X,))[0])))(layer).weight
    np.testing.assert_allclose(slope.sum(0), 0, atol=1e-5)
    np.testing.assert_allclose((slope * layer.weight).sum(0), 0, atol=1e-5)


def test_constant_columns_stay_small() -> None:
    layer = StandardizedDenseModule(jnp.ones((6, 4)))
    slope = eqx.filter_grad(lambda layer: jnp.sum(layer((X,))[0]))(layer).weight
    assert abs(layer.standardized).max() < 0.05
    assert jnp.isfinite(slope).all()


def test_kernel_of_data_is_the_derived_one() -> None:
    # Eight blocks: more than are traced one by one, so the mean becomes a variable of a loop.
    net = network(8, blocks=8)
    x = X / jnp.sqrt(jnp.mean(X**2, 1, keepdims=True))
    found: Any = kc.kernel_fn(net)(x)
    kernel = kc.derive(net)
    for i, j in ((0, 0), (0, 1), (1, 2)):
        value: Any = kernel.evaluate(c=float(np.clip(x[i] @ x[j] / 6, -1, 1)), q=1)
        np.testing.assert_allclose(found.nngp[i, j], value.nngp, rtol=1e-4)
        np.testing.assert_allclose(found.ntk[i, j], value.ntk, rtol=1e-4)


def test_standard_tangent_kernels_of_inputs_of_any_length_are_those_of_wide_nets() -> None:
    width, draws = 256, 8
    net = network(width, activation="relu")
    models = [kc.lower(net, key=jax.random.key(i)) for i in range(draws)]
    wanted: Any = kc.kernel_fn(net, parameterization="standard")(X)
    measured: Any = kc.empirical_kernel(
        models, X, get="ntk", outputs=range(2), parameterization="standard", standard_error=True
    )
    found, error = measured
    size = np.sqrt(np.outer(np.diag(wanted.ntk), np.diag(wanted.ntk)))
    # Four standard errors, and what finite width adds: a term of order depth / width.
    assert (abs(found.ntk - wanted.ntk) <= 4 * error.ntk + 3 / width * size).all()


def test_the_mean_of_raw_inputs_is_refused() -> None:
    x = kc.Input((6,))
    net = kc.Network(x, kc.StandardizedDense(4)(x))
    for ask in (kc.derive, lambda net: kc.kernel_fn(net)(X)):
        with pytest.raises(kc.UnsupportedError, match="raw input channels"):
            ask(net)


def test_shaping_takes_a_plain_layer_instead() -> None:
    net = network(8, activation="tanh")
    with pytest.raises(kc.ShapingError, match="subtract the mean"):
        kc.shape(net, kc.DKS())
    shaped = kc.shape(net, kc.DKS(), rewrite=True)
    assert not any(isinstance(node.layer, kc.StandardizedDense) for node in shaped.network)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: kc.StandardizedDense(0), kc.ShapeError),
        (lambda: kc.StandardizedDense(4, weight_std=0), kc.GraphError),
        (lambda: kc.StandardizedDense(4, weight_std=-1), kc.GraphError),
        (lambda: kc.StandardizedDense(4, bias_std=1, bias=False), kc.GraphError),
        (lambda: kc.Network(x := kc.Input((1,)), kc.StandardizedDense(4)(x)), kc.ShapeError),
        (lambda: StandardizedDenseModule(jnp.ones((3, 4)), jnp.ones(3)), kc.ShapeError),
    ],
)
def test_what_cannot_be_standardized_is_refused(make: Any, error: Any) -> None:
    with pytest.raises(error):
        make()


def test_scales_may_be_symbols() -> None:
    w = sympy.Symbol("w", positive=True)
    x = kc.Input((6,))
    layers = kc.chain(kc.Dense(4), kc.Activation("relu"), kc.StandardizedDense(4, weight_std=w))
    found = kc.derive(kc.Network(x, layers(x)), q=1).q_map
    assert sympy.simplify(found - w**2 * (1 - 1 / sympy.pi) / 2) == 0
