"""Blocks: chain composes, repeat has separate weights each time, residual adds two branches."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import sympy

import kernelc as kc


def built(block, shape=(4,)) -> kc.Network:
    x = kc.Input(shape)
    return kc.Network(x, block(x))


def kinds(network: kc.Network) -> list[str]:
    return [type(node.layer).__name__ for node in network.nodes[1:]]


def test_chain_applies_blocks_in_order():
    assert kinds(built(kc.chain(kc.Dense(3), kc.Activation("relu")))) == ["Dense", "Activation"]


def test_an_empty_chain_is_the_identity():
    x = kc.Input((4,))
    assert kc.chain()(x) is x
    assert kc.repeat(kc.Dense(3), 0)(x) is x


def test_chains_nest_without_changing_the_network():
    a, b, c = kc.Dense(3), kc.Activation("relu"), kc.Dense(5)
    assert built(kc.chain(a, kc.chain(b, c))) == built(kc.chain(kc.chain(a, b), c))


def test_repeat_adds_a_node_of_its_own_each_time():
    network = built(kc.repeat(kc.Dense(4), 3))
    assert [node.name for node in network] == ["input", "dense_1", "dense_2", "dense_3"]


@pytest.mark.parametrize("times", [-1, 1.0, "2", None])
def test_repeat_refuses_what_is_no_count(times):
    with pytest.raises(kc.GraphError, match="times"):
        kc.repeat(kc.Dense(4), times)


def test_the_weighted_residual_is_normalized():
    layer = built(kc.residual(kc.Dense(4), 0.6)).nodes[-1].layer
    assert isinstance(layer, kc.WeightedSum)
    assert layer.normalized
    assert layer.weights == pytest.approx((0.6, 0.8), abs=1e-15)


def test_the_plain_residual_adds():
    network = built(kc.residual(kc.Dense(4)))
    assert network.nodes[-1].layer == kc.WeightedSum((1.0, 1.0))
    assert network.nodes[-1].inputs == (0, 1)


def test_a_symbolic_shortcut_weight_is_normalized_for_every_value():
    w = sympy.Symbol("w", positive=True)
    assert built(kc.residual(kc.Dense(4), w)).nodes[-1].layer == kc.WeightedSum(
        (w, sympy.sqrt(1 - w**2))
    )


def test_a_shortcut_of_weight_zero_disappears():
    assert kinds(built(kc.residual(kc.Dense(4), 0.0))) == ["Dense"]


def test_the_shortcut_may_project():
    network = built(kc.residual(kc.Dense(7), 0.6, shortcut=kc.Dense(7)))
    assert kinds(network) == ["Dense", "Dense", "WeightedSum"]


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan"), "0.5", True])
def test_weights_outside_the_unit_interval_are_refused(weight):
    with pytest.raises(kc.GraphError, match="shortcut_weight"):
        kc.residual(kc.Dense(4), weight)


def test_branches_that_do_not_match_are_refused():
    with pytest.raises(kc.ShapeError, match="weighted_sum_1"):
        built(kc.residual(kc.Dense(5)))


def test_a_list_of_layers_is_refused_with_how_to_unpack_it():
    layers = [kc.Dense(4), kc.Activation("tanh")]
    with pytest.raises(kc.GraphError, match=r"chain\(\*layers\)"):
        kc.chain(layers)  # pyright: ignore[reportArgumentType]
    assert repr(kc.chain(*layers)) == "<chain of 2 blocks>"
    x = kc.Input((4,))
    with pytest.raises(kc.GraphError, match="one by one"):
        kc.Concat()([x, x])  # pyright: ignore[reportArgumentType]


def test_sums_and_products_of_nodes_name_their_layers():
    x = kc.Input((4,))
    with pytest.raises(kc.GraphError, match="WeightedSum"):
        _ = x + kc.Dense(4)(x)
    with pytest.raises(kc.GraphError, match="Product"):
        _ = x * 2.0


def test_sizes_may_be_integers_of_numpy_and_jax():
    eight: Any = np.int64(8)
    classes: Any = jnp.array([0, 3, 1]).max() + 1
    block = kc.chain(kc.Conv(eight, (eight - 5, 3), stride=eight - 6), kc.Flatten())
    x, y = kc.Input((eight, 8, 3)), kc.Input((8, 8, 3))
    found = kc.chain(kc.repeat(block, eight - 7), kc.Dense(classes))
    plain = kc.chain(kc.Conv(8, (3, 3), stride=2), kc.Flatten(), kc.Dense(4))
    assert kc.Network(x, found(x)).to_json() == kc.Network(y, plain(y)).to_json()
    wrong: Any
    for wrong in (np.float64(3.0), np.arange(3), np.True_):
        with pytest.raises(kc.ShapeError, match="width"):
            kc.Dense(wrong)
