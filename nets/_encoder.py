"""Encoders: transformers that read all tokens of a sequence, as BERT does."""

from __future__ import annotations

from typing import Literal

import kernelc as kc

from ._recipe import ActivationLike, Number, whole
from ._transformer import BlockKind, NormKind, Positions, token_head, transformer


def encoder(
    length: int = 512,
    vocabulary: int = 30_522,
    width: int = 768,
    depth: int = 12,
    heads: int = 12,
    activation: ActivationLike = "gelu",
    *,
    block: BlockKind = "postln",
    head: int | Literal["tokens"] | None = None,
    positions: Positions = "learned",
    position_share: float = 0.5,
    norm: NormKind = "layer",
    mlp_ratio: float = 4,
    gated: bool = False,
    bias: bool = True,
    weight_std: Number = 1.0,
) -> kc.Network:
    """Tokens, `depth` blocks of attention to all of them and an MLP, and a head.

    The defaults are the sizes of BERT-base (Devlin et al. 2019) without its vectors for the two
    parts of a pair of texts and its pooler. Queries start at zero, so that kernels are known.

    Arguments:
        length: tokens in a sequence.
        vocabulary: how many tokens there are.
        width: channels of every token.
        depth: how many blocks.
        heads: of each attention; they divide the width.
        activation: of the MLP: name, SymPy expression or `kernelc.Activation`.
        block: "preln" x + f(norm x), "postln" norm(x + f(x)), "sas" (shaped attention without
            skip, values or output weights but in the first block, MLPs behind a trained gain of
            0.1 sqrt(18 / depth); He & Hofmann 2024) or "skipless" f(x), without norms and skips.
        head: "tokens" (logits for the token at each location), a number of classes (logits of
            the mean over locations) or None (the value that a head would read).
        positions: "learned" vectors, "sinusoidal" ones, "alibi" (a bias of the attention),
            "rotary" (queries and keys turn) or None.
        position_share: the share of such vectors in q, which is 1 behind the embedding.
        norm: "layer" or "rms".
        mlp_ratio: channels inside of the MLP over the width.
        gated: whether the MLP is a gated unit, as in SwiGLU.
        bias: whether layers of weights have biases.
        weight_std: sigma_w of every layer of weights.

    Returns:
        a `kernelc.Network` with output shape (length, vocabulary), (classes,) or (length, width).

    Raises:
        ShapeError: sizes that are not positive integers, a width that the heads do not divide.
        GraphError: an unknown block, head, norm or kind of positions.

    Example:
        >>> import nets
        >>> net = nets.encoder(16, 100, width=32, depth=2, heads=4)
        >>> net["block2/attention"].shape, net.output_shape
        ((16, 32), (16, 32))
    """
    whole("encoder", "length", length)
    whole("encoder", "vocabulary", vocabulary)
    model = transformer(
        "encoder",
        (width, depth, heads),
        activation,
        block,
        None,
        positions,
        position_share,
        norm,
        mlp_ratio,
        gated,
        bias,
        weight_std,
    )
    x = kc.Tokens(length, vocabulary)
    node = kc.Embedding(width, model.token_std)(x, name="stem/tokens")
    node = model.blocks(model.placed(node))
    node = token_head("encoder", node, head, vocabulary, kc.GlobalMeanPool())
    return kc.Network(x, node, name=f"encoder{depth}-{block}")
