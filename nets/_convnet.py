"""Plain convolutional nets: one nonlinearity a block, stages of halved resolution."""

from __future__ import annotations

from collections.abc import Sequence

import kernelc as kc

from ._recipe import ActivationLike, Number, recipe, whole
from ._stages import Stage, classifier, trunk


STAGES = 3


def convnet(
    depth: int,
    channels: int | Sequence[int] = 64,
    classes: int = 10,
    input_shape: Sequence[int] = (32, 32, 3),
    activation: ActivationLike = "tanh",
    *,
    form: str = "vanilla",
    shortcut_weight: Number | None = None,
    dropout: float = 0.0,
    weight_std: Number | None = None,
    delta: bool | None = None,
) -> kc.Network:
    """A convolution, `depth - 1` blocks of [act, conv], a last nonlinearity, mean and logits.

    Arguments:
        depth: number of nonlinear layers on the path.
        channels: of each stage; one integer stands for three stages that double it. Every
            stage after the first starts with stride 2.
        classes: number of outputs.
        input_shape: of one example, channels last, one to three location axes.
        activation: name, SymPy expression or `kernelc.Activation`.
        form: "vanilla" (a chain), "weighted" (normalized sums, projected where the shape
            changes) or "standard" (plain sums, batch norm, weights spread over the window).
        shortcut_weight: w of the weighted form, 0.9 when None; w = 0 is the vanilla net.
        dropout: rate before the last layer.
        weight_std: sigma_w of the convolutions; when None 1, or sqrt(2) for rectifiers in the
            standard form.
        delta: Delta initialization; when None in all forms but the standard one.

    Returns:
        a `kernelc.Network` with output shape (classes,).

    Raises:
        ShapeError: sizes that are not positive integers, a depth with fewer blocks than stages.
        GraphError: an unknown form, a weight outside [0, 1] or beside another form.

    Example:
        >>> import nets
        >>> nets.convnet(10, 16)["stage3/block1/conv1"].shape
        (8, 8, 64)
    """
    sizes = _stage_channels(channels)
    whole("convnet", "classes", classes)
    # The last nonlinearity follows the blocks, hence one more than there are stages.
    whole("convnet", "depth", depth, minimum=len(sizes) + 1)
    parts = recipe("convnet", activation, form, shortcut_weight, dropout, weight_std, delta)
    each, more = divmod(depth - 1, len(sizes))
    stages = [
        Stage(each + (i < more), ((size, 3),), stride=1 if i == 0 else 2)
        for i, size in enumerate(sizes)
    ]
    x = kc.Input(input_shape)
    node = parts.conv(x, sizes[0], 3, 1, "stem/conv")
    node = trunk(parts, node, sizes[0], stages, version=2)
    return classifier(parts, x, node, classes, version=2, name=f"convnet{depth}-{form}")


def _stage_channels(channels: int | Sequence[int]) -> tuple[int, ...]:
    if isinstance(channels, int):
        whole("convnet", "channels", channels)
        return tuple(channels * 2**i for i in range(STAGES))
    sizes = tuple(channels) if isinstance(channels, Sequence) else ()
    if not sizes:
        whole("convnet", "channels", channels)
    for size in sizes:
        whole("convnet", "channels", size)
    return sizes
