"""StandardizedConv: filters that stay standardized, and the kernel behind them."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_layers import drawn

import kernelc as kc


X = jnp.asarray(np.random.default_rng(0).normal(size=(3, 5, 4, 2)), jnp.float32)


def network(width: int, padding: Any, groups: int = 1, stride: int = 1) -> kc.Network:
    x = kc.Input((5, 4, 2))
    layer = kc.StandardizedConv(width, 3, stride, padding, groups, weight_std=1.3, bias_std=0.2)
    first = kc.chain(kc.Conv(width), kc.Activation("softplus"))
    return kc.Network(x, kc.chain(first, layer, kc.Activation("relu"), kc.GlobalMeanPool())(x))


def test_filters_keep_mean_and_variance_through_a_step() -> None:
    layer = drawn(kc.StandardizedConv(4, (3, 2), weight_std=1.5), (5, 4, 2))
    slope = eqx.filter_grad(lambda layer: jnp.sum(jnp.sin(layer((X,))[0])))(layer)
    moved = eqx.apply_updates(layer, jax.tree.map(lambda g: -0.3 * g, slope))
    assert abs(moved.standardized - layer.standardized).max() > 0.01
    for each in (layer, moved):
        np.testing.assert_allclose(each.standardized.mean((0, 1, 2)), 0, atol=1e-6)
        power = jnp.square(each.standardized).sum((0, 1, 2))
        np.testing.assert_allclose(power, 1.5**2, rtol=1e-5)


@pytest.mark.parametrize(
    ("padding", "groups", "stride"), [("SAME", 1, 1), ("SAME", 4, 2), ("VALID", 1, 1)]
)
def test_kernels_are_those_of_wide_nets(padding: str, groups: int, stride: int) -> None:
    width, draws = 512, 12
    net = network(width, padding, groups, stride)
    models = [kc.lower(net, key=jax.random.key(i)) for i in range(draws)]
    wanted = np.asarray(kc.kernel_fn(net)(X).nngp)
    outputs = np.stack([np.asarray(model.batched(X), np.float64) for model in models])
    grams = np.einsum("dip,djp->dij", outputs, outputs) / width
    error = grams.std(0, ddof=1) / np.sqrt(draws)
    # Four standard errors, and the bias of a finite fan-in.
    assert (abs(grams.mean(0) - wanted) <= 4 * error + 2 / width * abs(wanted)).all()


def test_derived_kernel_is_that_of_the_data() -> None:
    net = network(8, "CIRCULAR")
    kernel = kc.derive(net)
    x = jnp.ones((5, 4, 1)) * jnp.asarray([[1.0, 1.0], [1.4, 0.2]])[:, None, None]
    found: Any = kc.kernel_fn(net)(x)
    c = float((1.4 + 0.2) / 2)
    q = float((1.4**2 + 0.2**2) / 2)
    assert q == pytest.approx(1.0)
    value: Any = kernel.evaluate(c=c, q=1, s=1.0)
    np.testing.assert_allclose(found.nngp[0, 1], value.nngp, rtol=1e-5)
    np.testing.assert_allclose(found.ntk[0, 1], value.ntk, rtol=1e-5)


def test_depthwise_and_lone_numbers_are_refused() -> None:
    x = kc.Input((5, 4, 4))
    depthwise = kc.StandardizedConv(4, 3, groups=4)
    net = kc.Network(x, kc.chain(kc.Conv(4), kc.Activation("relu"), depthwise)(x))
    with pytest.raises(kc.UnsupportedError, match="depthwise"):
        kc.derive(net)
    with pytest.raises(kc.ShapeError, match="fan-in of 1"):
        kc.Network(x, kc.StandardizedConv(4, 1, groups=4)(x))
    with pytest.raises(kc.GraphError, match="weight_std = 0"):
        kc.StandardizedConv(4, weight_std=0)


def test_a_rewrite_uses_delta_convolutions() -> None:
    shaped = kc.shape(network(8, "SAME"), kc.DKS(), rewrite=True)
    assert any("StandardizedConv" in line and "-> Conv" in line for line in shaped.changes)
