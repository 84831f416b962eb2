"""The place of PLN after a rewrite, and the assumptions without it."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import kernelc as kc
import nets


IMAGE = (4, 4, 2)
BLOCK = kc.chain(kc.Dense(8), kc.Activation("tanh"))


def network(*layers, shape=IMAGE):
    x = kc.Input(shape)
    return kc.Network(x, kc.chain(*layers, BLOCK, kc.Dense(3))(x), name="net")


def placed(net, **options):
    """The changes about PLN, and the names of the nodes in order."""
    shaped = kc.shape(net, rewrite=True, **options)
    told = [change for change in shaped.changes if "PLN" in change]
    return told, [node.name for node in shaped.network]


def test_a_flattened_image_is_normalized_as_the_vector_that_it_is():
    told, names = placed(network(kc.Flatten()))
    assert told == ["pln: PLN() inserted after flatten_1"]
    assert names[:4] == ["input", "flatten_1", "pln", "dense_1"]


def test_images_that_weights_read_are_normalized_by_location():
    conv = kc.chain(kc.Conv(4, 3, delta=True), kc.Activation("tanh"), kc.Flatten())
    told, names = placed(network(conv))
    assert told == ["pln: PLN() inserted after the input"]
    assert names[:3] == ["input", "pln", "conv_1"]


def test_an_input_read_twice_is_normalized_in_front():
    x = kc.Input((1, 6))
    flat = kc.chain(kc.Flatten(), kc.Dense(8))(x)
    other = kc.chain(kc.Dense(8), kc.Flatten())(x)
    net = kc.Network(
        x, kc.chain(kc.Activation("tanh"), kc.Dense(3))(kc.WeightedSum((0.6, 0.8))(flat, other))
    )
    assert placed(net)[0] == ["pln: PLN() inserted after the input"]


@pytest.mark.parametrize("layers", [(kc.PLN(), kc.Flatten()), (kc.Flatten(), kc.PLN())])
def test_a_normalization_that_is_there_is_left_as_it_is(layers):
    net = network(*layers)
    shaped = kc.shape(net, rewrite=True)
    assert not any("PLN" in change for change in shaped.changes)
    assert [node.name for node in shaped.network] == [node.name for node in net]


def test_the_mean_over_locations_is_taken_while_there_are_some():
    assert placed(network(kc.Flatten()), pln="avg_q")[0] == [
        "pln: PLN(mode='avg_q') inserted after the input"
    ]


def test_names_that_are_taken_are_left_to_their_nodes():
    x = kc.Input((6,))
    net = kc.Network(x, kc.chain(BLOCK, kc.Dense(3))(kc.Dense(8)(x, name="pln")))
    assert placed(net)[0] == ["pln_1: PLN() inserted after the input"]


def test_the_edge_of_chaos_is_told_in_the_same_words():
    shaped = kc.shape(nets.mlp(3, 8, 3, IMAGE, "tanh"), kc.EdgeOfChaos(), rewrite=True)
    assert shaped.changes[-1] == "pln: PLN() inserted after stem/flatten"


def test_what_is_assumed_says_how_to_normalize():
    assert kc.shape(network(kc.Flatten())).assumptions == (
        "flattened inputs have mean square 1 (kernelc.data.pln)",
    )
    conv = network(kc.Conv(4, 3, delta=True), kc.Activation("tanh"), kc.Flatten())
    assert kc.shape(conv).assumptions == (
        "inputs have mean square 1 at every location (kernelc.data.pln)",
    )


def test_the_lowered_net_sees_vectors_of_mean_square_one():
    shaped = kc.shape(network(kc.Flatten()), rewrite=True)
    model = kc.lower(shaped, key=jax.random.key(0))
    x = np.random.default_rng(0).normal(3.0, 2.0, IMAGE).astype(np.float32)
    seen = np.asarray(model.activations(x)["pln"])
    expected = kc.data.pln(x.reshape(1, -1))[0]
    # a handful of float32 operations
    np.testing.assert_allclose(seen, expected, rtol=1e-6)
    assert seen.shape == (33,)


def joins(x):
    h = kc.chain(kc.Dense(5), kc.Activation("tanh"), kc.Dense(4))(x)
    return {"sum": kc.WeightedSum((0.6, 0.8))(x, h), "product": kc.Product()(x, h)}


@pytest.mark.parametrize("kind", ["sum", "product", "groups"])
def test_a_channel_that_pln_adds_fits_no_layer_that_joins_or_splits_channels(kind):
    x = kc.Input((6, 4))
    end = kc.chain(kc.Dense(8), kc.Activation("tanh"), kc.Dense(3))
    start = kc.Conv(4, 3, groups=2)(x) if kind == "groups" else joins(x)[kind]
    net = kc.Network(x, end(start))
    with pytest.raises(kc.ShapingError, match="PLN adds a channel") as error:
        kc.shape(net, kc.DKS(), rewrite=True)
    assert 'pln="off"' in error.value.remedy
    if kind != "product":  # which is no sum of terms that shaping can norm
        shaped = kc.shape(net, kc.DKS(), rewrite=True, pln="off")
        assert shaped.network.nodes[1].layer == kc.PLN("off")
