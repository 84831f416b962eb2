"""Wide residual nets: fewer, wider pre-activation blocks."""

from __future__ import annotations

from collections.abc import Sequence

import kernelc as kc

from ._recipe import ActivationLike, Number, recipe, whole
from ._stages import Stage, classifier, trunk


STEM_CHANNELS = 16


def wide_resnet(
    depth: int = 28,
    widen: int = 10,
    classes: int = 10,
    input_shape: Sequence[int] = (32, 32, 3),
    activation: ActivationLike = "relu",
    *,
    form: str = "standard",
    shortcut_weight: Number | None = None,
    dropout: float = 0.0,
    weight_std: Number | None = None,
    delta: bool | None = None,
) -> kc.Network:
    """WRN-depth-widen: three stages of (depth - 4) / 6 v2 blocks (Zagoruyko & Komodakis 2016).

    The publication drops channels inside blocks; here dropout stands before the last layer
    only, where it leaves the kernel of every block alone.

    Arguments:
        depth: 6 n + 4 for n blocks a stage.
        widen: stages have 16, 32, 64 times this many channels.
        classes: number of outputs.
        input_shape: of one example, channels last, one to three location axes.
        activation: name, SymPy expression or `kernelc.Activation`.
        form, shortcut_weight, dropout, weight_std, delta: as for `resnet`.

    Returns:
        a `kernelc.Network` with output shape (classes,).

    Raises:
        ShapeError: sizes that are not positive integers, a depth that is not 6 n + 4.
        GraphError: an unknown form, a weight outside [0, 1] or beside another form.

    Example:
        >>> import nets
        >>> nets.wide_resnet(16, 4)["stage3/block2/conv2"].shape
        (8, 8, 256)
    """
    whole("wide_resnet", "depth", depth, minimum=10)
    for field, value in (("widen", widen), ("classes", classes)):
        whole("wide_resnet", field, value)
    if depth % 6 != 4:
        raise kc.ShapeError(
            where="wide_resnet",
            found=f"depth = {depth}",
            law="three stages of n blocks of two convolutions make a depth of 6 n + 4",
            remedy=f"choose {depth - (depth - 4) % 6} or {depth + 6 - (depth - 4) % 6}",
        )
    parts = recipe("wide_resnet", activation, form, shortcut_weight, dropout, weight_std, delta)
    stages = []
    for i in range(3):
        size = STEM_CHANNELS * widen * 2**i
        stages.append(Stage((depth - 4) // 6, ((size, 3), (size, 3)), stride=1 if i == 0 else 2))
    x = kc.Input(input_shape)
    node = parts.conv(x, STEM_CHANNELS, 3, 1, "stem/conv")
    node = trunk(parts, node, STEM_CHANNELS, stages, version=2)
    name = f"wide_resnet{depth}x{widen}-{form}"
    return classifier(parts, x, node, classes, version=2, name=name)
