"""Decoders: causal transformers that read tokens, as GPT does."""

from __future__ import annotations

from typing import Literal

import kernelc as kc

from ._recipe import ActivationLike, Number, whole
from ._transformer import BlockKind, NormKind, Positions, token_head, transformer


def decoder(
    length: int = 1024,
    vocabulary: int = 50_257,
    width: int = 768,
    depth: int = 12,
    heads: int = 12,
    activation: ActivationLike = "gelu",
    *,
    block: BlockKind = "preln",
    head: int | Literal["tokens"] | None = "tokens",
    positions: Positions = "learned",
    position_share: float = 0.5,
    norm: NormKind = "layer",
    mlp_ratio: float = 4,
    gated: bool = False,
    bias: bool = True,
    weight_std: Number = 1.0,
) -> kc.Network:
    """Tokens, `depth` blocks of causal attention and an MLP, and a head.

    The defaults are the sizes of GPT-2 small (Radford et al. 2019), which shares the weights of
    the head with those of the tokens; here they are weights of their own. Queries start at zero,
    so that kernels are known.

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
        head: "tokens" (logits for the next token at each location), a number of classes (logits
            at the last location) or None (the value that a head would read).
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
        >>> net = nets.decoder(16, 100, width=32, depth=2, heads=4)
        >>> net["block2/attention"].shape, net.output_shape
        ((16, 32), (16, 100))
    """
    whole("decoder", "length", length)
    whole("decoder", "vocabulary", vocabulary)
    model = transformer(
        "decoder",
        (width, depth, heads),
        activation,
        block,
        "causal",
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
    node = token_head("decoder", node, head, vocabulary, kc.LastToken())
    return kc.Network(x, node, name=f"decoder{depth}-{block}")
