"""The last token: what it reads, what it refuses, and that its kernel is that of one location."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from drawn_layers import drawn

import kernelc as kc


RNG = np.random.default_rng(3)
LAYERS = kc.chain(kc.Dense(9, bias_std=0.3), kc.Activation("erf"), kc.Dense(9))


def network(*layers: kc.Layer, shape: tuple[int, ...] = (5, 4)) -> kc.Network:
    x = kc.Input(shape)
    return kc.Network(x, kc.chain(LAYERS, *layers)(x))


def test_it_is_the_value_at_the_last_location() -> None:
    x = jnp.array(RNG.normal(size=(3, 5, 4)))
    np.testing.assert_array_equal(drawn(kc.LastToken(), (5, 4))((x,))[0], x[:, 4])


def test_its_kernel_is_that_of_the_last_location_alone() -> None:
    """Dense layers act on each location by itself, so all that comes before is not read."""
    x = RNG.normal(size=(3, 5, 4))
    found = kc.kernel_fn(network(kc.LastToken(), kc.Activation("relu"), kc.Dense(2)))(x)
    alone = network(kc.Activation("relu"), kc.Dense(2), shape=(4,))
    wanted = kc.kernel_fn(alone)(x[:, -1])
    for a, b in zip(found[:2], wanted[:2], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)


def test_a_mean_of_all_locations_behind_it_changes_nothing() -> None:
    """It leaves one location; before it, the mean makes all locations one."""
    x = RNG.normal(size=(3, 5, 4))
    pooled = network(kc.MeanPool(5), kc.LastToken(), kc.Dense(2))
    wanted = network(kc.GlobalMeanPool(), kc.Dense(2))
    found, known = kc.kernel_fn(pooled)(x), kc.kernel_fn(wanted)(x)
    for a, b in zip(found[:2], known[:2], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)


def test_formulas_do_not_change() -> None:
    with_it, without = kc.derive(network(kc.LastToken())), kc.derive(network())
    assert (with_it.nngp, with_it.ntk, with_it.q_map) == (without.nngp, without.ntk, without.q_map)


def test_shaping_keeps_it_before_a_nonlinearity() -> None:
    layers = (kc.LastToken(), kc.Activation("tanh"), kc.Dense(2))
    x = kc.Input((5, 4))
    block = kc.chain(kc.Dense(9), kc.Activation("tanh"), kc.Dense(9), *layers)
    shaped = kc.shape(kc.Network(x, block(x)))
    assert "last_token_1" in [node.name for node in shaped.network]
    assert shaped.largest_residual < 1e-12


@pytest.mark.parametrize(
    ("shape", "remedy"), [((4,), "leave it out"), ((6, 6, 4), r"GlobalMeanPool\(\) or Flatten")]
)
def test_what_is_no_sequence_is_refused(shape: tuple[int, ...], remedy: str) -> None:
    with pytest.raises(kc.ShapeError, match=remedy):
        network(kc.LastToken(), shape=shape)
    with pytest.raises(kc.ShapeError):
        drawn(kc.LastToken(), (5, 4))((jnp.ones((2, *shape)),))
