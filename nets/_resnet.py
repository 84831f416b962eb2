"""Residual nets, v1 and v2, with their skips as published, weighted, or taken out."""

from __future__ import annotations

from collections.abc import Sequence

import kernelc as kc

from ._recipe import ActivationLike, Number, Recipe, choice, recipe, whole
from ._stages import Stage, classifier, trunk


BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
BOTTLENECK_FROM = 50
EXPANSION = 4


def resnet(
    depth: int,
    classes: int = 10,
    input_shape: Sequence[int] = (32, 32, 3),
    activation: ActivationLike = "relu",
    *,
    version: int = 2,
    form: str = "standard",
    shortcut_weight: Number | None = None,
    width: int = 64,
    stem: str = "cifar",
    dropout: float = 0.0,
    weight_std: Number | None = None,
    delta: bool | None = None,
) -> kc.Network:
    """A residual net (v1: He et al. 2016a; v2: 2016b) in one of three forms.

    On its path the vanilla net of depth 50, 101, 152 has 49, 100, 151 nonlinear layers.

    An unprojected v1 shortcut adds the image of a nonlinearity to its sum, so the next
    nonlinearity reads a value that is not Gaussian: v1 has an exact kernel only as "vanilla".
    Its slopes treat that value as Gaussian, as the authors of DKS do.

    Arguments:
        depth: 18 or 34 (two 3x3 convolutions a block), 50, 101 or 152 (bottleneck blocks).
        classes: number of outputs.
        input_shape: of one example, channels last, one to three location axes.
        activation: name, SymPy expression or `kernelc.Activation`.
        version: 2 (nonlinearities before convolutions) or 1 (after them, and after the sum).
        form: "standard" (plain sums, batch norm, max pool, weights spread over the window),
            "weighted" (normalized sums, no norm, Delta convolutions, weighted mean pool), or
            "vanilla" (no skips and no projections, otherwise as weighted).
        shortcut_weight: w of the weighted form, 0.9 when None; w = 0 is the vanilla net.
        width: channels of the first stage's 3x3 convolutions; every stage doubles them.
        stem: "cifar" (3x3 convolution) or "imagenet" (7x7 of stride 2, then a 3x3 pool of
            stride 2).
        dropout: rate before the last layer.
        weight_std: sigma_w of the convolutions; when None 1, or sqrt(2) for rectifiers in the
            standard form.
        delta: Delta initialization; when None in all forms but the standard one.

    Returns:
        a `kernelc.Network` with output shape (classes,).

    Raises:
        ShapeError: sizes that are not positive integers, an input without locations.
        GraphError: an unknown depth, version, form or stem, a weight outside [0, 1] or beside
            another form.

    Example:
        >>> import nets
        >>> nets.resnet(50, form="weighted", shortcut_weight=0.6).name
        'resnet50-v2-weighted'
    """
    choice("resnet", "depth", depth, tuple(BLOCKS))
    choice("resnet", "version", version, (1, 2))
    choice("resnet", "stem", stem, ("cifar", "imagenet"))
    whole("resnet", "classes", classes)
    whole("resnet", "width", width)
    parts = recipe("resnet", activation, form, shortcut_weight, dropout, weight_std, delta)
    x = kc.Input(input_shape)
    node = _stem(parts, x, width, stem, version)
    node = trunk(parts, node, width, residual_stages(depth, width), version)
    return classifier(parts, x, node, classes, version, name=f"resnet{depth}-v{version}-{form}")


def _stem(parts: Recipe, x: kc.Node, width: int, stem: str, version: int) -> kc.Node:
    window, stride = (7, 2) if stem == "imagenet" else (3, 1)
    node = parts.conv(x, width, window, stride, "stem/conv")
    if version == 1:
        node = parts.norm_act(node, "stem")
    return parts.pool(node, "stem/pool") if stem == "imagenet" else node


def residual_stages(depth: int, width: int) -> list[Stage]:
    """The four stages of a residual net of this depth."""
    stages = []
    for i, blocks in enumerate(BLOCKS[depth]):
        size = width * 2**i
        basic = ((size, 3), (size, 3))
        bottleneck = ((size, 1), (size, 3), (size * EXPANSION, 1))
        convs = bottleneck if depth >= BOTTLENECK_FROM else basic
        stages.append(Stage(blocks, convs, stride=1 if i == 0 else 2))
    return stages
