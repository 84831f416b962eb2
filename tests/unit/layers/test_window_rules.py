"""What derive and shape say of explicit padding and dilation."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import kernelc as kc


IMAGE = (8, 8, 3)


def network(*layers: kc.Layer) -> kc.Network:
    x = kc.Input(IMAGE)
    return kc.Network(x, kc.chain(*layers)(x))


@pytest.mark.parametrize(
    "conv",
    [
        kc.Conv(8, 3, 2, ((1, 1), (1, 1))),
        kc.Conv(8, 3, padding=((2, 2), (2, 2)), dilation=2),
        kc.Conv(8, 2, 2, ((0, 0), (0, 0)), delta=False),
        kc.Conv(8, 2, padding="CIRCULAR", dilation=3, delta=False),
        kc.LocalConv(8, 2, padding="VALID", dilation=2),
    ],
)
def test_windows_that_see_no_zeros_keep_the_formula(conv: kc.Layer) -> None:
    net, plain = (
        network(layer, kc.Activation("relu"), kc.Dense(8)) for layer in (conv, kc.Dense(8))
    )
    assert kc.derive(net).q_map == kc.derive(plain).q_map
    found, wanted = (kc.derive(each).evaluate(c=0.3, q=1.7) for each in (net, plain))
    assert found == wanted


@pytest.mark.parametrize(
    "layer",
    [
        kc.Conv(8, padding=((1, 0), (0, 0)), delta=False),
        kc.Conv(8, 2, dilation=2, delta=False),
        kc.LocalConv(8, padding=((1, 1), (1, 1))),
        kc.MeanPool(3, 2, ((1, 1), (1, 1))),
        kc.MeanPool(3, 2, ((1, 1), (1, 1)), count_padding=True),
    ],
)
def test_windows_that_see_zeros_are_refused_by_formulas(layer: kc.Layer) -> None:
    net = network(kc.Dense(8), layer)
    with pytest.raises(kc.UnsupportedError, match="q is not uniform") as caught:
        kc.derive(net)
    assert "kernel_fn" in caught.value.remedy
    q = np.asarray(kc.kernel_fn(net)(np.ones((1, *IMAGE)), get="nngp").nngp)[0, 0]
    # Inputs alike at all locations: zeros, where they count, lower q in a corner.
    corner = q[0, 0] / q[2, 2]
    assert corner < 0.8 if getattr(layer, "count_padding", True) else corner == pytest.approx(1)


def test_two_layers_of_equal_fields_may_differ_in_what_their_windows_see() -> None:
    """Windows of 2 with a step of 2 see zeros on 7 locations, and none on 8."""
    conv = kc.Conv(8, 2, 2, "SAME", delta=False)
    assert kc.derive(network(conv)).evaluate(c=0.5, q=1.0).q == 1
    with pytest.raises(kc.UnsupportedError, match="q is not uniform"):
        kc.derive(network(conv, conv, kc.Conv(8, 2, padding="VALID", delta=False), conv))


@pytest.mark.parametrize("pool", [kc.MaxPool, kc.MeanPool])
@pytest.mark.parametrize(("window", "padding"), [(3, ((1, 1), (1, 1))), (2, ((1, 0), (1, 0)))])
def test_pools_become_weighted_ones_with_their_padding(pool, window, padding) -> None:
    tanh = kc.Activation("tanh")
    net = network(kc.Conv(8), tanh, pool(window, 2, padding), kc.Conv(8), tanh, kc.Conv(8))
    shaped = kc.shape(net, rewrite=True).network
    (found,) = [n.layer for n in shaped.nodes if isinstance(n.layer, kc.WeightedMeanPool)]
    wider = tuple((low, high + 1 - window % 2) for low, high in padding)
    assert found == kc.WeightedMeanPool((3, 3), (2, 2), wider)


def test_shape_keeps_padding_and_dilation_of_convolutions() -> None:
    spread = kc.Conv(8, 3, 2, ((1, 1), (1, 1)), delta=False)
    apart = kc.StandardizedConv(8, padding=((2, 2), (2, 2)), dilation=2)
    moved = kc.Conv(8, padding=((2, 0), (1, 1)), delta=False)
    net = network(spread, kc.Activation("tanh"), apart, kc.Activation("tanh"), kc.Conv(8))
    shaped = kc.shape(net, rewrite=True).network
    first, second, _ = (n.layer for n in shaped.nodes if isinstance(n.layer, kc.Conv))
    assert (first.delta, first.padding, first.stride) == (True, ((1, 1), (1, 1)), 2)
    assert (second.delta, second.padding, second.dilation) == (True, ((2, 2), (2, 2)), 2)
    with pytest.raises(kc.ShapingError, match="conv_1: weights spread over the window"):
        kc.shape(network(moved, kc.Activation("tanh"), kc.Conv(8)), rewrite=True)


def test_a_saved_network_lowers_to_the_same_function() -> None:
    net = network(
        kc.Conv(4, 3, 2, ((1, 1), (1, 1)), delta=False),
        kc.MeanPool(3, 2, ((1, 1), (0, 1)), count_padding=True),
    )
    x = np.random.default_rng(0).normal(size=(2, *IMAGE)).astype(np.float32)
    key = jax.random.key(0)
    again = kc.Network.from_json(net.to_json())
    np.testing.assert_array_equal(*(kc.lower(each, key=key).batched(x)[0] for each in (net, again)))
