"""Attention solved between values whose channels differ, and with gains of both signs."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest

import kernelc as kc


T, WIDTH = 4, 8


def mixed(node: kc.Node, gain: float = 1.0) -> kc.Node:
    query, key, value = kc.Dense(WIDTH, init="zero"), kc.Dense(WIDTH), kc.Dense(WIDTH)
    return kc.Attention(2, mask="causal", gain=gain)(query(node), key(node), value(node))


def ended(x: kc.Node, node: kc.Node) -> kc.Network:
    return kc.Network(x, kc.chain(kc.Activation("tanh"), kc.Dense(3))(node))


def attentions(shaped: kc.ShapedNetwork) -> list[kc.Attention]:
    return [node.layer for node in shaped.network if isinstance(node.layer, kc.Attention)]


def matrix(layer: kc.Attention) -> np.ndarray:
    powers = np.exp(np.array(layer.bias)[0]) * np.tri(T)
    return layer.gain * np.array(layer.row_scale)[:, None] * powers / powers.sum(1, keepdims=True)


def test_an_activation_behind_a_concatenation_maps_each_part_by_itself():
    x = kc.Tokens(T, vocabulary=9)
    start = kc.Embedding(WIDTH)(x)
    both = kc.Concat()(mixed(start), kc.Dense(WIDTH)(start))
    network = ended(x, mixed(kc.Activation("tanh")(both)))
    shaped = kc.shape(network, kc.DKS(1.5), tokens=kc.SPA(end_cosine=0.5))
    first, last = map(matrix, attentions(shaped))

    t = shaped.transforms["tanh"]
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()

    def phi(u: np.ndarray) -> np.ndarray:
        return t.gamma * (np.tanh(t.alpha * u + t.beta) + t.delta)

    def c_map(cosines: np.ndarray) -> np.ndarray:
        c = cosines.clip(-1, 1)[..., None, None]
        other = c * nodes[:, None] + np.sqrt(1 - c**2) * nodes
        return np.einsum("i,j,...ij->...", weights, weights, phi(nodes[:, None]) * phi(other))

    k = (c_map(first @ first.T) + c_map(np.eye(T))) / 2
    places = np.arange(T)
    wanted = 0.5 ** (np.abs(places[:, None] - places) / (T - 1))
    np.testing.assert_allclose(last @ k @ last.T, wanted, atol=1e-7)


def test_a_negative_gain_has_the_pattern_of_a_positive_one():
    x = kc.Tokens(T, vocabulary=9)

    def solved(gain: float) -> kc.Attention:
        network = ended(x, mixed(kc.Embedding(WIDTH)(x), gain))
        return attentions(kc.shape(network, tokens=kc.SPA(end_cosine=0.5)))[0]

    negative, positive = solved(-2.0), solved(2.0)
    np.testing.assert_allclose(matrix(negative), -matrix(positive), atol=1e-12)


def test_norms_in_front_of_attention_are_followed():
    x = kc.Tokens(T, vocabulary=9)
    start = kc.chain(kc.Embedding(WIDTH, std=0.6), kc.PositionalEmbedding(0.5), kc.RMSNorm())(x)
    shaped = kc.shape(ended(x, mixed(start)), tokens=kc.SPA(end_cosine=0.5))
    solved = matrix(attentions(shaped)[0])
    places = np.arange(T)
    wanted = 0.5 ** (np.abs(places[:, None] - places) / (T - 1))
    np.testing.assert_allclose(solved @ solved.T, wanted, atol=1e-12)


def test_slices_of_a_layer_are_followed_and_those_of_a_concatenation_are_refused():
    x = kc.Tokens(T, vocabulary=9)
    start = kc.Embedding(WIDTH)(x)

    def solved(value: kc.Node) -> np.ndarray:
        return matrix(attentions(kc.shape(ended(x, mixed(value)), tokens=kc.SPA()))[0])

    wide, take = kc.Dense(2 * WIDTH)(start), kc.TakeChannels(1, WIDTH + 1)
    np.testing.assert_array_equal(solved(take(wide)), solved(kc.Dense(WIDTH)(start)))
    side = kc.Concat()(kc.Dense(WIDTH)(start), kc.Dense(WIDTH)(start))
    with pytest.raises(kc.ShapingError, match="take_channels_1"):
        kc.shape(ended(x, mixed(take(side))), tokens=kc.SPA())


def test_norms_that_subtract_an_unknown_mean_are_refused():
    x = kc.Tokens(T, vocabulary=9)
    start = kc.chain(kc.Embedding(WIDTH), kc.Dense(WIDTH), kc.Activation("tanh"), kc.LayerNorm())
    network = ended(x, mixed(start(x)))
    assert kc.shape(network, kc.DKS(), tokens=kc.RowScale()).largest_residual < 1e-12
    with pytest.raises(kc.ShapingError, match=r"layer_norm_1[\s\S]*a mean over channels"):
        kc.shape(network, kc.TAT(tau=0.3), tokens=kc.RowScale())


@pytest.mark.parametrize(
    ("covariance", "told"),
    [(np.ones((T, T)), "mean cosine 1"), (np.eye(T) * (1 + 0j), "covariance: ")],
)
def test_covariances_that_cannot_be_are_refused(covariance, told):
    x = kc.Tokens(T, vocabulary=9)
    network = ended(x, mixed(kc.Embedding(WIDTH)(x)))
    with pytest.raises(kc.ShapingError, match=told):
        kc.shape(network, tokens=kc.SPA(covariance=covariance))


def test_an_end_cosine_of_numpy_is_stored_as_a_number():
    target = kc.SPA(end_cosine=cast(float, np.float32(0.5)))
    assert kc.TokenTarget.from_json(target.to_json()) == kc.SPA(end_cosine=0.5)


def test_values_that_are_zero_are_refused():
    x = kc.Tokens(T, vocabulary=9)
    start = kc.Embedding(WIDTH)(x)
    zero = kc.Dense(WIDTH, init="zero")(start)
    network = ended(x, kc.Attention(2)(zero, kc.Dense(WIDTH)(start), zero))
    for target in (kc.SPA(), kc.RowScale()):
        with pytest.raises(kc.UnreachableError, match="values of q = 0 at location 1"):
            kc.shape(network, tokens=target)
