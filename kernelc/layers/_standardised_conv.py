"""StandardisedConv: a convolution whose weights sum to zero over what each output reads."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Sequence
from typing import Any, TypeVar, final

import equinox as eqx
import jax

from .. import modules
from .._errors import ShapeError
from ..ir import KernelAlgebra, Layer, Shape, ShapingRule, Weights
from ._conv import DEPTHWISE, Conv, check_groups, depthwise_rule, is_depthwise
from ._fans import with_fans
from ._fields import numeric, one_of, positive_integers, trained_bias
from ._standardised_dense import standardised_stds
from ._window import PADDINGS, freeze, per_axis, window_over, window_shape


S = TypeVar("S")


@final
@dataclasses.dataclass(frozen=True)
class StandardisedConv(Layer):
    """A convolution with standardized weights: K <- weight_std^2 (mean_t K - M M') + bias_std^2.

    (Qiao et al. 2019; scaled by 1/sqrt(fan_in) as in Brock et al. 2021.) The weights of each
    output channel have mean 0 and variance weight_std^2 / fan_in over the whole window, at
    initialization and ever after. So what they read counts up to its mean M over window and
    channels, zeros of the padding included; mean_t is the mean over the taps of the window, as
    for a `Conv` with delta=False. Theta as for `StandardisedDense`.

    Arguments:
        channels: number of output channels.
        window: its size, one integer or one for each location axis.
        stride: step between windows.
        padding: "SAME" (zeros), "VALID" or "CIRCULAR".
        groups: channels are split into this many groups that do not mix.
        weight_std: sigma_w, greater than 0.
        bias_std: sigma_b; biases have variance sigma_b^2.
        bias: whether the finite layer has biases; they train even when bias_std is 0.

    Raises:
        ShapeError: sizes that do not fit, a fan-in of 1.
        GraphError: a weight_std that is not positive, a bias_std that is negative or without
            bias.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((8, 8, 4))
        >>> conv = kc.StandardisedConv(64, 3, padding="CIRCULAR")
        >>> block = kc.chain(kc.Conv(64), kc.Activation("relu"), conv)
        >>> kc.derive(kc.Network(x, block(x)), q=1).q_map
        1/2 - 1/(2*pi)
    """

    channels: int
    window: int | tuple[int, ...] = 3
    stride: int | tuple[int, ...] = 1
    padding: modules.Padding = "SAME"
    groups: int = 1
    weight_std: Any = 1.0
    bias_std: Any = 0.0
    bias: bool = True

    def __post_init__(self) -> None:
        positive_integers(self, "channels", "groups")
        one_of("StandardisedConv", "padding", self.padding, PADDINGS)
        for field in ("window", "stride"):
            object.__setattr__(self, field, freeze(getattr(self, field)))
        standardised_stds("StandardisedConv", self)
        trained_bias("StandardisedConv", self.bias, self.bias_std)

    def out_shape(self, shapes: Sequence[Shape], where: str) -> Shape:
        locations = window_shape(shapes[0], self.window, self.stride, self.padding, where)
        check_groups(shapes[0][-1], self.channels, self.groups, where)
        if self._fan_in(shapes[0], where) < 2:
            raise ShapeError(
                where=where,
                found=f"a fan-in of 1 from an input of shape {shapes[0]}",
                law="one number has no variance, so a fan-in of 1 cannot be standardised",
                remedy="use a Conv layer here, a wider window, or more channels before it",
            )
        return (*locations, self.channels)

    def placed(self, shapes: Sequence[Shape]) -> StandardisedConv:
        windows = per_axis(self.window, len(shapes[0]) - 1, "StandardisedConv", "window")
        taps = math.prod(windows)
        return with_fans(self, taps * shapes[0][-1] // self.groups, taps * self.channels)

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Sequence[Shape]) -> S:
        if is_depthwise(shapes[0], self.groups):
            return algebra.unsupported(inputs, *DEPTHWISE)
        over = window_over(shapes[0], self.window, self.stride, self.padding, algebra.where)
        fan_in = self._fan_in(shapes[0], algebra.where)
        weights = Weights(self.weight_std**2, self.bias_std**2, fan_in, self.bias)
        # In this order: the mean that is subtracted is that over the whole window.
        return algebra.fresh(algebra.centre(algebra.tap_mean(inputs[0], over)), weights)

    def kernel_key(self, shapes: Sequence[Shape]) -> Hashable:
        return self.weight_std, self.bias_std, self.padding, self.groups

    def location_key(self, shapes: Sequence[Shape]) -> Hashable:
        return self.window, self.stride

    def shaping(self, shapes: Sequence[Shape], out: Shape, last: bool) -> ShapingRule:
        windows = per_axis(self.window, len(out) - 1, "StandardisedConv", "window")
        if is_depthwise(shapes[0], self.groups):
            return depthwise_rule(self)
        odd = all(size % 2 for size in windows)
        conv = Conv(
            self.channels,
            self.window,
            self.stride,
            self.padding,
            self.groups,
            init="suo",
            bias=self.bias,
            delta=odd,
        )
        return ShapingRule(
            conv if odd else self,
            problem="standardised weights subtract the mean of what they read, which lowers q",
            remedy="use a Conv layer with delta=True and an odd window: shaped activations keep q",
            possible=odd,
        )

    def module(self, shapes: Sequence[Shape], out: Shape, key: jax.Array, dtype: Any) -> eqx.Module:
        axes = len(out) - 1
        return modules.standardised_conv(
            key,
            shapes[0][-1],
            self.channels,
            window=per_axis(self.window, axes, "StandardisedConv", "window"),
            stride=per_axis(self.stride, axes, "StandardisedConv", "stride"),
            padding=self.padding,
            groups=self.groups,
            weight_std=numeric("StandardisedConv", "weight_std", self.weight_std),
            bias_std=numeric("StandardisedConv", "bias_std", self.bias_std),
            bias=self.bias,
            dtype=dtype,
        )

    def _fan_in(self, shape: Shape, where: str) -> int:
        window = per_axis(self.window, len(shape) - 1, where, "window")
        return math.prod(window) * shape[-1] // self.groups
