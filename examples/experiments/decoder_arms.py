"""The arms of byte-level decoders: blocks with and without skips, and their initialization."""

from __future__ import annotations

import functools
import math

import numpy as np
from bodies import Arm, Body

import kernelc as kc
from kernelc.layers import Attention


POSITION_SHARE = 0.8
END_COSINE = 0.1
E_SPA_RATE = 0.005
"""The gamma_L of E-SPA (He et al. 2023, as public code has it)."""
SKIP = 0.98
_WINDOWS = 4000


def decoder(body: Body, block: str, positions: str | None = "learned") -> kc.Network:
    """A decoder of this kind of blocks; most of q comes from positions, as bytes repeat."""
    return body.build(block, positions=positions, position_share=POSITION_SHARE)


def _preln(body: Body) -> kc.Network:
    return decoder(body, "preln")


def _sas(body: Body) -> kc.Network:
    return decoder(body, "sas")


def _untreated(body: Body) -> kc.Network:
    """Without skips and norms; He weights behind ReLUs keep q there."""
    net, gain = decoder(body, "skipless"), math.sqrt(2) if body.activation == "relu" else 1.0
    return net.rebuild(
        lambda node: node.layer.with_weights(gain) if node.name.endswith("/down") else node.layer
    )


def _spa_dks(body: Body) -> kc.ShapedNetwork:
    return kc.shape(decoder(body, "skipless"), kc.DKS(), tokens=_spa(body))


def _weighted_spa_dks(body: Body) -> kc.ShapedNetwork:
    """The sums of pre-LN blocks normalized, most of the weight on the skip; norms removed."""
    net = decoder(body, "preln")
    return kc.shape(net, kc.DKS(), tokens=_spa(body), rewrite=True, shortcut_weight=SKIP)


def _spa(body: Body) -> kc.SPA:
    covariance = _covariance(body.input_shape[0])
    return kc.SPA(end_cosine=END_COSINE, covariance=covariance, negative="clip")


@functools.lru_cache(maxsize=2)
def _covariance(length: int) -> np.ndarray:
    texts = kc.data.text(kc.data.python_text(), length).train_x[:_WINDOWS]
    x = kc.Tokens(length, 256)
    return kc.token_covariance(kc.Network(x, kc.Embedding(1)(x)), texts)


def _e_spa_tat(body: Body) -> kc.Network:
    """The published recipe: E-SPA for attentions that follow each other, TAT at eta = 0.9.

    Few layers reach a smaller eta alone; then the largest one is taken. Biases and row scales
    take tokens for different ones and MLPs for none, so q is not 1.
    """
    length = body.input_shape[0]
    net = _by_tat(decoder(body, "skipless"))
    x = kc.Tokens(length, body.classes)
    mix = kc.MultiHeadAttention(body.width, 1, mask="causal")
    bare = kc.chain(kc.Embedding(body.width), kc.repeat(mix, body.depth), kc.Activation("tanh"))
    spa = kc.SPA(end_cosine=math.exp(-E_SPA_RATE * (length - 1)))
    solved = kc.shape(kc.Network(x, kc.chain(bare, kc.Dense(1))(x)), kc.DKS(), tokens=spa)
    found = iter(node.layer for node in solved.network if isinstance(node.layer, Attention))

    def change(layer: kc.Layer) -> kc.Layer:
        if not isinstance(layer, Attention):
            return layer
        own = next(found)
        return kc.Attention(layer.heads, layer.mask, own.bias, own.row_scale)

    return net.rebuild(lambda node: change(node.layer))


def _by_tat(net: kc.Network) -> kc.Network:
    try:
        return kc.shape(net, kc.TAT(eta=0.9), tokens=kc.RowScale()).network
    except kc.UnreachableError:
        return kc.shape(net, kc.TAT(eta="largest"), tokens=kc.RowScale()).network


def _leaky(activation: str) -> bool:
    return activation == "leaky_relu"


def _smooth(activation: str) -> bool:
    """Rectifiers do not reach the slope of a branch beside a heavy skip."""
    return activation not in ("relu", "leaky_relu")


DECODER_ARMS = {
    "preln": Arm("pre-LN, skips", _preln),
    "sas": Arm("SAS, no attention skips", _sas),
    "skipless": Arm("no skips, untreated", _untreated),
    "espa-tat": Arm("no skips, E-SPA and TAT", _e_spa_tat, _leaky),
    "spa-dks": Arm("no skips, SPA and DKS", _spa_dks, lambda activation: activation != "relu"),
    "weighted-spa-dks": Arm("weighted skips (0.98), SPA and DKS", _weighted_spa_dks, _smooth),
}
