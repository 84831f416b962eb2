"""Normalizer-free residual nets: standardized weights, and branches scaled by known q values."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal

import kernelc as kc

from ._recipe import ActivationLike, choice, whole
from ._resnet import BLOCKS, residual_stages
from ._stages import Stage


def nf_resnet(
    depth: int = 50,
    classes: int = 10,
    input_shape: Sequence[int] = (32, 32, 3),
    activation: ActivationLike = "relu",
    *,
    alpha: float = 0.2,
    skipinit: bool = False,
    width: int = 64,
    padding: Literal["SAME", "CIRCULAR"] = "SAME",
) -> kc.Network:
    """A normalizer-free ResNet (Brock et al. 2021a, "Characterizing signal propagation").

    Block l computes h + alpha f(h / beta) with beta^2 the q value of h, which is known in
    advance: 1 at the start of a stage (the shortcut is projected) and alpha^2 more after each
    block. f is [activation, `StandardizedConv`] repeated, with weight_std = 1 / sqrt(Var phi(Z)),
    so that it keeps q = 1 for any activation. Zeros at the border (`padding="SAME"`) lower q
    there; with "CIRCULAR" the values above are exact, and `kernelc.derive` has a formula.

    Arguments:
        depth: 18 or 34 (two 3x3 convolutions a block), 50, 101 or 152 (bottleneck blocks).
        classes: number of outputs.
        input_shape: of one example, channels last, one to three location axes.
        activation: name, SymPy expression or `kernelc.Activation`.
        alpha: growth of the standard deviation a block, above 0.
        skipinit: whether a trained scalar that starts at 0 multiplies every branch.
        width: channels of the first stage's 3x3 convolutions; every stage doubles them.
        padding: "SAME" (zeros) or "CIRCULAR".

    Returns:
        a `kernelc.Network` with output shape (classes,).

    Raises:
        ShapeError: sizes that are not positive integers, an input without locations.
        GraphError: an unknown depth or padding, an alpha that is not positive.

    Example:
        >>> import nets
        >>> nets.nf_resnet(18, width=8).name
        'nf_resnet18'
    """
    choice("nf_resnet", "depth", depth, tuple(BLOCKS))
    choice("nf_resnet", "skipinit", skipinit, (True, False))
    choice("nf_resnet", "padding", padding, ("SAME", "CIRCULAR"))
    whole("nf_resnet", "classes", classes)
    whole("nf_resnet", "width", width)
    act = activation if isinstance(activation, kc.Activation) else kc.Activation(activation)
    layers = _Layers(act, unit_gain(act), padding, _positive(alpha), skipinit)
    x = kc.Input(input_shape)
    node = kc.Conv(width, 3, padding=padding, delta=False)(x, name="stem/conv")
    q = 1.0
    for number, stage in enumerate(residual_stages(depth, width), start=1):
        for index in range(1, stage.blocks + 1):
            node, q = nf_block(layers, node, q, stage, index, f"stage{number}/block{index}")
    node = act(_divided(node, q, "head/scale"), name="head/act")
    node = kc.GlobalMeanPool()(node, name="head/pool")
    return kc.Network(x, kc.Dense(classes)(node, name="head/dense"), name=f"nf_resnet{depth}")


def unit_gain(activation: kc.Activation) -> float:
    """weight_std of a layer of standardized weights that keeps q = 1: 1 / sqrt(Var phi(Z)).

    Example:
        >>> import kernelc as kc, math
        >>> math.isclose(unit_gain(kc.Activation("relu")), math.sqrt(2 / (1 - 1 / math.pi)))
        True
    """
    x = kc.Input((2,))
    block = kc.chain(kc.Dense(2), activation, kc.StandardizedDense(1))
    variance = kc.derive(kc.Network(x, block(x)), q=1).evaluate(c=1.0).q
    return 1 / math.sqrt(float(variance))


@dataclasses.dataclass(frozen=True)
class _Layers:
    """What all blocks have in common."""

    activation: kc.Activation
    gain: float
    padding: Literal["SAME", "CIRCULAR"]
    alpha: float
    skipinit: bool

    def conv(self, node: kc.Node, channels: int, window: int, stride: int, name: str) -> kc.Node:
        conv = kc.StandardizedConv(channels, window, stride, self.padding, weight_std=self.gain)
        return conv(node, name=name)


def nf_block(
    layers: _Layers, node: kc.Node, q: float, stage: Stage, index: int, place: str
) -> tuple[kc.Node, float]:
    """One block and the q value behind it; the first of a stage projects its shortcut."""
    strides = stage.strides(index)
    branch = first = layers.activation(_divided(node, q, f"{place}/scale"), name=f"{place}/act1")
    for i, (channels, window) in enumerate(stage.convs, start=1):
        if i > 1:
            branch = layers.activation(branch, name=f"{place}/act{i}")
        branch = layers.conv(branch, channels, window, strides[i - 1], f"{place}/conv{i}")
    if layers.skipinit:
        branch = kc.Scale(0.0)(branch, name=f"{place}/skipinit")
    shortcut = node
    if index == 1:
        channels, _ = stage.convs[-1]
        shortcut = layers.conv(first, channels, 1, max(strides), f"{place}/shortcut")
        q = 1.0
    total = kc.WeightedSum((1.0, layers.alpha))(shortcut, branch, name=f"{place}/sum")
    return total, q if layers.skipinit else q + layers.alpha**2


def _divided(node: kc.Node, q: float, name: str) -> kc.Node:
    """The value over the root of its q value, which does not train."""
    return node if q == 1 else kc.Scale(1 / math.sqrt(q), trainable=False)(node, name=name)


def _positive(alpha: object) -> float:
    if isinstance(alpha, int | float) and not isinstance(alpha, bool) and 0 < alpha < math.inf:
        return float(alpha)
    raise kc.GraphError(
        where="nf_resnet",
        found=f"alpha = {alpha!r}",
        law="alpha is how far a block moves its input, a finite number above 0",
        remedy="choose an alpha such as 0.2",
    )
