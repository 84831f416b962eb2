"""Conv: fresh weights on a window of locations, in one to three dimensions."""

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
from ._dense import drawn, weight_rule
from ._draws import drawn_as, keeps_norms
from ._fans import with_fans
from ._fields import boolean, finite_number, numeric, one_of, positive_integers, trained_bias
from ._window import PADDINGS, freeze, per_axis, window_over, window_shape


S = TypeVar("S")


@final
@dataclasses.dataclass(frozen=True)
class Conv(Layer):
    """A convolution: at Delta initialisation K <- weight_std^2 K + bias_std^2 per location.

    Delta initialisation (Xiao et al. 2018) puts all weight on the centre tap, so that at
    initialisation the layer is a dense layer at every location. With `delta=False` weights
    are spread over the window and K is the mean over its taps of the covariance of shifted
    locations; under a c value that is the same at all locations the formula does not change.

    Arguments:
        channels: number of output channels.
        window: its size, one integer or one for each location axis; odd when `delta`.
        stride: step between windows.
        padding: "SAME" (zeros), "VALID" or "CIRCULAR".
        groups: channels are split into this many groups that do not mix.
        weight_std: sigma_w; weights have variance sigma_w^2 / fan_in.
        bias_std: sigma_b.
        delta: whether to initialise only the centre tap.
        init: how weights are drawn: as those of `Dense`.
        bias: whether the finite layer has biases; they train even when bias_std is 0.
        bias_init: how biases are drawn: "gaussian", "uniform" or "truncated_normal".

    Raises:
        ShapeError: sizes that do not fit, even windows with `delta`.
        GraphError: a standard deviation that is negative or not finite, a bias_std without bias.

    Example:
        >>> import kernelc as kc
        >>> kc.Conv(16, window=3, stride=2).out_shape([(32, 32, 3)], "conv")
        (16, 16, 16)
    """

    channels: int
    window: int | tuple[int, ...] = 3
    stride: int | tuple[int, ...] = 1
    padding: modules.Padding = "SAME"
    groups: int = 1
    weight_std: Any = 1.0
    bias_std: Any = 0.0
    delta: bool = True
    init: modules.Kind = "gaussian"
    bias: bool = True
    bias_init: modules.BiasKind = "gaussian"

    def __post_init__(self) -> None:
        positive_integers(self, "channels", "groups")
        one_of("Conv", "padding", self.padding, PADDINGS)
        drawn_as("Conv", self.init, self.bias_init)
        for field in ("window", "stride"):
            object.__setattr__(self, field, freeze(getattr(self, field)))
        for field in ("weight_std", "bias_std"):
            checked = finite_number("Conv", field, getattr(self, field), minimum=0)
            object.__setattr__(self, field, checked)
        boolean("Conv", "delta", self.delta)
        trained_bias("Conv", self.bias, self.bias_std)

    def out_shape(self, shapes: Sequence[Shape], where: str) -> Shape:
        shape = shapes[0]
        locations = window_shape(shape, self.window, self.stride, self.padding, where)
        check_groups(shape[-1], self.channels, self.groups, where)
        windows = per_axis(self.window, len(shape) - 1, where, "window")
        if self.delta and any(n % 2 == 0 for n in windows):
            raise ShapeError(
                where=where,
                found=f"an even window {windows} with Delta initialisation",
                law="Delta initialisation needs a centre tap, so odd windows",
                remedy="use an odd window, or delta=False",
            )
        return (*locations, self.channels)

    def placed(self, shapes: Sequence[Shape]) -> Conv:
        windows = per_axis(self.window, len(shapes[0]) - 1, "Conv", "window")
        taps = 1 if self.delta else math.prod(windows)
        return with_fans(self, taps * shapes[0][-1] // self.groups, taps * self.channels)

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Sequence[Shape]) -> S:
        if is_depthwise(shapes[0], self.groups):
            return algebra.unsupported(inputs, *DEPTHWISE)
        over = window_over(shapes[0], self.window, self.stride, self.padding, algebra.where)
        taps = algebra.pick if self.delta else algebra.tap_mean
        # Beside the centre tap of a Delta convolution weights start at zero, and train.
        read = algebra.tap_mean(inputs[0], over) if self.delta and algebra.standard else None
        fan_in = over.taps * shapes[0][-1] // self.groups
        weights = Weights(
            self.weight_std**2, self.bias_std**2, fan_in, self.bias, keeps_norms(self.init)
        )
        return algebra.fresh(taps(inputs[0], over), weights, read)

    def kernel_key(self, shapes: Sequence[Shape]) -> Hashable:
        return self.weight_std, self.bias_std, self.delta, self.padding, self.groups

    def location_key(self, shapes: Sequence[Shape]) -> Hashable:
        return self.window, self.stride

    def weighted(self, weight_std: Any = None, bias_std: Any = None, init: Any = None) -> Conv:
        return drawn(self, weight_std, bias_std, init)

    def shaping(self, shapes: Sequence[Shape], out: Shape, last: bool) -> ShapingRule:
        changed = dataclasses.replace(self, weight_std=1.0, bias_std=0.0, init="suo", delta=True)
        windows = per_axis(self.window, len(out) - 1, "Conv", "window")
        if is_depthwise(shapes[0], self.groups):
            return depthwise_rule(self)
        if self.delta or math.prod(windows) == 1:
            return weight_rule(self, changed)
        return ShapingRule(
            changed if all(n % 2 for n in windows) else self,
            problem="weights spread over the window mix locations, so q is not uniform",
            remedy="use delta=True with an odd window",
            possible=all(n % 2 for n in windows),
        )

    def module(self, shapes: Sequence[Shape], out: Shape, key: jax.Array, dtype: Any) -> eqx.Module:
        axes = len(out) - 1
        return modules.conv(
            key,
            shapes[0][-1],
            self.channels,
            window=per_axis(self.window, axes, "Conv", "window"),
            stride=per_axis(self.stride, axes, "Conv", "stride"),
            padding=self.padding,
            groups=self.groups,
            weight_std=numeric("Conv", "weight_std", self.weight_std),
            bias_std=numeric("Conv", "bias_std", self.bias_std),
            delta=self.delta,
            init=self.init,
            bias=self.bias,
            bias_init=self.bias_init,
            dtype=dtype,
        )


DEPTHWISE = (
    "a depthwise convolution has fan-in 1: its output is no sum of many terms, "
    "so it is not Gaussian however many channels there are",
    "use fewer groups, or WeightedMeanPool",
)
"""Why such a convolution has no kernel rule, and what to use instead."""


def is_depthwise(shape: Shape, groups: int) -> bool:
    """Whether every group holds one input channel."""
    return shape[-1] == groups and groups > 1


def depthwise_rule(layer: Layer) -> ShapingRule:
    """What shaping says of a depthwise convolution."""
    return ShapingRule(
        layer,
        problem="a depthwise convolution does not make its input Gaussian",
        remedy=DEPTHWISE[1],
        possible=False,
    )


def check_groups(before: int, after: int, groups: int, where: str) -> None:
    """Raise `ShapeError` unless `groups` divides the channels before and after a convolution."""
    for role, count in (("input", before), ("output", after)):
        if count % groups:
            raise ShapeError(
                where=where,
                found=f"{count} {role} channels in {groups} groups",
                law="groups divide the channels on both sides",
                remedy="choose groups that divide both",
            )
