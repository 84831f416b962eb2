"""Blocks of attention and MLP: what decoders, encoders and vision transformers are built of."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Callable
from typing import Literal

import sympy

import kernelc as kc

from ._recipe import ActivationLike, Number, choice, whole


BlockKind = Literal["preln", "postln", "sas", "skipless"]
NormKind = Literal["layer", "rms"]
Positions = Literal["learned", "sinusoidal", "alibi", "rotary"] | None
BLOCKS = ("preln", "postln", "sas", "skipless")
NORMS = {"layer": kc.LayerNorm(), "rms": kc.RMSNorm()}
VECTORS = {"learned": kc.PositionalEmbedding, "sinusoidal": kc.PositionalEncoding}
POSITIONS = (*VECTORS, "alibi", "rotary", None)
ROTARY_BASE = 10_000.0
SUM = kc.WeightedSum((1.0, 1.0))
SAS_GAIN, SAS_DEPTH = 0.1, 18
"""Gain of the MLPs of He & Hofmann (2024) at 18 blocks; it falls like 1 / sqrt(depth)."""


@dataclasses.dataclass(frozen=True)
class Transformer:
    """The layers of one net.

    Arguments:
        kind: of its blocks.
        depth: how many blocks.
        attention: the heads, with mask and bias.
        dense: a layer of weights that keeps the width.
        hidden: one of the width inside of the MLP.
        activation: that of the MLP.
        gated: whether the MLP is a gated unit.
        norm: the norm of blocks that have one.
        positions: the layer that adds them; None where there is none.
        share: of what they add, in q.
    """

    kind: BlockKind
    depth: int
    attention: kc.Attention
    dense: kc.Dense
    hidden: kc.Dense
    activation: kc.Activation
    gated: bool
    norm: kc.LayerNorm | kc.RMSNorm
    positions: kc.PositionalEmbedding | kc.PositionalEncoding | None
    share: sympy.Rational

    @property
    def token_std(self) -> Number:
        """The standard deviation of what stands at locations before positions are added."""
        return sympy.sqrt(1 - self.share)

    def placed(self, node: kc.Node) -> kc.Node:
        """Positions added, and the norm in front of post-LN blocks."""
        if self.positions is not None:
            node = self.positions(node, name="stem/positions")
        return self.norm(node, name="stem/norm") if self.kind == "postln" else node

    def blocks(self, node: kc.Node) -> kc.Node:
        """All blocks, one after the other, and the norm that ends those with skips of their own."""
        apply: dict[BlockKind, Callable[[kc.Node, int], kc.Node]] = {
            "preln": self.preln,
            "postln": self.postln,
            "sas": self.sas,
            "skipless": self.skipless,
        }
        for index in range(1, self.depth + 1):
            node = apply[self.kind](node, index)
        return self.norm(node, name="head/norm") if self.kind in ("preln", "sas") else node

    def preln(self, node: kc.Node, index: int) -> kc.Node:
        """x + MHA(norm x), then x + MLP(norm x)."""
        place = f"block{index}"
        mixed = self.self_attention(self.norm(node, name=f"{place}/norm1"), place)
        node = SUM(node, mixed, name=f"{place}/sum1")
        branch = self.mlp(self.norm(node, name=f"{place}/norm2"), place)
        return SUM(node, branch, name=f"{place}/sum2")

    def postln(self, node: kc.Node, index: int) -> kc.Node:
        """norm(x + MHA(x)), then norm(x + MLP(x))."""
        place = f"block{index}"
        node = SUM(node, self.self_attention(node, place), name=f"{place}/sum1")
        node = self.norm(node, name=f"{place}/norm1")
        node = SUM(node, self.mlp(node, place), name=f"{place}/sum2")
        return self.norm(node, name=f"{place}/norm2")

    def sas(self, node: kc.Node, index: int) -> kc.Node:
        """x <- shaped attention of norm(x), then x + g MLP(norm x) with a trained g.

        Values and outputs have weights in the first block alone.
        """
        place = f"block{index}"
        node = self.norm(node, name=f"{place}/norm1")
        query, key = self.query_and_key(node, place)
        value = self.dense(node, name=f"{place}/value") if index == 1 else node
        node = self.attention(query, key, value, name=f"{place}/attention")
        if index == 1:
            node = self.dense(node, name=f"{place}/output")
        branch = self.mlp(self.norm(node, name=f"{place}/norm2"), place)
        gain = SAS_GAIN * math.sqrt(SAS_DEPTH / self.depth)
        return SUM(node, kc.Scale(gain)(branch, name=f"{place}/gain"), name=f"{place}/sum")

    def skipless(self, node: kc.Node, index: int) -> kc.Node:
        """MHA(x), then MLP(x)."""
        place = f"block{index}"
        return self.mlp(self.self_attention(node, place), place)

    def self_attention(self, node: kc.Node, place: str) -> kc.Node:
        """Queries, keys and values of their own weights, attention, and the output layer."""
        query, key = self.query_and_key(node, place)
        value = self.dense(node, name=f"{place}/value")
        mixed = self.attention(query, key, value, name=f"{place}/attention")
        return self.dense(mixed, name=f"{place}/output")

    def query_and_key(self, node: kc.Node, place: str) -> tuple[kc.Node, kc.Node]:
        """Queries, which start at zero, and keys."""
        query = dataclasses.replace(self.dense, init="zero")
        return query(node, name=f"{place}/query"), self.dense(node, name=f"{place}/key")

    def mlp(self, node: kc.Node, place: str) -> kc.Node:
        """W2 phi(W1 x), or W2 (phi(W1 x) * W3 x) where it is gated."""
        up = self.hidden(node, name=f"{place}/up")
        if self.gated:
            gate = self.hidden(node, name=f"{place}/gate")
            acted = self.activation(gate, name=f"{place}/act")
            acted = kc.Product()(up, acted, name=f"{place}/product")
        else:
            acted = self.activation(up, name=f"{place}/act")
        return self.dense(acted, name=f"{place}/down")


def transformer(
    net: str,
    sizes: tuple[int, int, int],
    activation: ActivationLike,
    block: BlockKind,
    mask: Literal["causal"] | None,
    positions: Positions,
    position_share: float,
    norm: NormKind,
    mlp_ratio: float,
    gated: bool,
    bias: bool,
    weight_std: Number,
) -> Transformer:
    """Check the arguments that all nets share, and turn them into layers.

    Arguments:
        net: the net, for messages.
        sizes: width, depth and heads.
        mask: that of the attention.
        activation, block, positions, position_share, norm, mlp_ratio, gated, bias, weight_std: as
            the nets take them.
    """
    width, depth, heads = sizes
    for field, value in (("width", width), ("depth", depth), ("heads", heads)):
        whole(net, field, value)
    choice(net, "block", block, BLOCKS)
    choice(net, "norm", norm, tuple(NORMS))
    choice(net, "positions", positions, POSITIONS)
    choice(net, "gated", gated, (True, False))
    if width % heads:
        raise kc.ShapeError(
            where=net,
            found=f"a width of {width} for {heads} heads",
            law="heads share the channels evenly",
            remedy="choose a width that the heads divide",
        )
    act = activation if isinstance(activation, kc.Activation) else kc.Activation(activation)
    attention = kc.Attention(
        heads,
        mask,
        "alibi" if positions == "alibi" else None,
        rotary=ROTARY_BASE if positions == "rotary" else None,
    )
    if block == "sas":
        attention = dataclasses.replace(attention, skip=1.0, gain=1.0, centering=1.0)
    dense = kc.Dense(width, weight_std, bias=bias)
    hidden = dataclasses.replace(dense, width=_hidden(net, width, mlp_ratio))
    share, vectors = sympy.Integer(0), None
    if positions in ("learned", "sinusoidal"):
        share = _share(net, position_share)
        vectors = VECTORS[positions](sympy.sqrt(share))
    norm_layer = NORMS[norm]
    return Transformer(
        block, depth, attention, dense, hidden, act, gated, norm_layer, vectors, share
    )


def token_head(
    net: str, node: kc.Node, head: int | str | None, vocabulary: int, pool: kc.Layer
) -> kc.Node:
    """Logits for tokens at each location, for classes behind a pool, or no head."""
    if head is None:
        return node
    if head == "tokens":
        return kc.Dense(vocabulary, bias=False)(node, name="head/dense")
    if type(head) is not int or head < 1:
        raise kc.GraphError(
            where=net,
            found=f"head = {head!r}",
            law="a head is 'tokens', a number of classes, or None",
            remedy=f"choose one of them for {net}",
        )
    return kc.Dense(head)(pool(node, name="head/pool"), name="head/dense")


def _hidden(net: str, width: int, mlp_ratio: float) -> int:
    """Channels inside of the MLP."""
    number = isinstance(mlp_ratio, numbers.Real) and not isinstance(mlp_ratio, bool)
    if not number or not math.isfinite(mlp_ratio) or round(mlp_ratio * width) < 1:
        raise kc.ShapeError(
            where=net,
            found=f"mlp_ratio = {mlp_ratio!r}",
            law="the MLP has mlp_ratio times the width, rounded, at least 1",
            remedy=f"give {net} such an mlp_ratio",
        )
    return round(mlp_ratio * width)


def _share(net: str, position_share: float) -> sympy.Rational:
    number = isinstance(position_share, numbers.Real) and not isinstance(position_share, bool)
    if not number or not 0 <= position_share < 1:
        raise kc.GraphError(
            where=net,
            found=f"position_share = {position_share!r}",
            law="positions make up a share of q, from 0 to below 1",
            remedy=f"give {net} such a position_share",
        )
    return sympy.Rational(str(float(position_share)))
