"""Vision transformers: encoders that read patches of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import kernelc as kc

from ._recipe import ActivationLike, Number, choice, whole
from ._transformer import BlockKind, NormKind, Positions, transformer


def vit(
    input_shape: Sequence[int] = (224, 224, 3),
    patch: int = 16,
    width: int = 768,
    depth: int = 12,
    heads: int = 12,
    classes: int | None = 1000,
    activation: ActivationLike = "gelu",
    *,
    block: BlockKind = "preln",
    pool: Literal["class token", "mean"] = "class token",
    positions: Positions = "learned",
    position_share: float = 0.5,
    norm: NormKind = "layer",
    mlp_ratio: float = 4,
    gated: bool = False,
    bias: bool = True,
    weight_std: Number = 1.0,
) -> kc.Network:
    """Patches of an image in a row, a class token, `depth` blocks of attention and an MLP, logits.

    The defaults are the sizes of ViT-B/16 (Dosovitskiy et al. 2021). Queries start at zero, so
    that kernels are known.

    Arguments:
        input_shape: (height, width, channels) of an image.
        patch: height and width of a patch, which divide those of the image.
        width: channels of every token.
        depth: how many blocks.
        heads: of each attention; they divide the width.
        classes: number of outputs; None for the value that the last layer would read.
        activation, block: as for `encoder`.
        pool: what the last layer reads: the "class token" in front of the patches, or the "mean"
            over patches, without such a token. SAS blocks do not mix locations at
            initialization, so that there a class token starts without having seen the image.
        positions, position_share, norm, mlp_ratio, gated, bias, weight_std: as for `encoder`.
            "alibi" counts distances along the row.

    Returns:
        a `kernelc.Network` with output shape (classes,) or (width,).

    Raises:
        ShapeError: sizes that are not positive integers, patches that do not fill the image, a
            width that the heads do not divide.
        GraphError: an unknown block, pool, norm or kind of positions.

    Example:
        >>> import nets
        >>> nets.vit((32, 32, 3), patch=8, width=64, depth=2, heads=4)["block1/attention"].shape
        (17, 64)
    """
    choice("vit", "pool", pool, ("class token", "mean"))
    _check_patches(input_shape, patch)
    model = transformer(
        "vit",
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
    x = kc.Input(input_shape)
    std = model.token_std
    patches = kc.Conv(
        width, patch, stride=patch, padding="VALID", weight_std=std, delta=False, bias=bias
    )
    node = kc.ToSequence()(patches(x, name="stem/patches"), name="stem/sequence")
    if pool == "class token":
        node = kc.ClassToken(std)(node, name="stem/class_token")
    node = model.blocks(model.placed(node))
    last = kc.FirstToken() if pool == "class token" else kc.GlobalMeanPool()
    node = last(node, name="head/pool")
    if classes is not None:
        whole("vit", "classes", classes)
        node = kc.Dense(classes)(node, name="head/dense")
    return kc.Network(x, node, name=f"vit{depth}-{block}")


def _check_patches(input_shape: Sequence[int], patch: int) -> None:
    """Raise `ShapeError` unless patches fill an image."""
    whole("vit", "patch", patch)
    sizes = tuple(input_shape) if isinstance(input_shape, Sequence) else ()
    if len(sizes) != 3 or any(type(n) is not int or n < 1 for n in sizes):
        raise kc.ShapeError(
            where="vit",
            found=f"input_shape = {input_shape!r}",
            law="images have the shape (height, width, channels)",
            remedy="give vit such a shape",
        )
    if sizes[0] % patch or sizes[1] % patch:
        raise kc.ShapeError(
            where="vit",
            found=f"patches of {patch} by {patch} in images of {sizes[0]} by {sizes[1]}",
            law="patches fill the image",
            remedy="choose a patch that divides its height and width",
        )
