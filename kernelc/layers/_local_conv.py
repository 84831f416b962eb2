"""LocalConv: a convolution with weights of its own at every location."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Sequence
from typing import Any, TypeVar, final

import equinox as eqx
import jax

from .. import modules
from ..ir import KernelAlgebra, Layer, Shape, ShapingRule, Weights
from ._dense import drawn, weight_rule
from ._draws import drawn_as, keeps_norms
from ._fans import with_fans
from ._fields import finite_number, numeric, one_of, positive_integers, trained_bias
from ._window import PADDINGS, freeze, per_axis, window_over, window_shape


S = TypeVar("S")


@final
@dataclasses.dataclass(frozen=True)
class LocalConv(Layer):
    """A locally connected layer: at one location that of `Conv`, between two of them K <- 0.

    Each output location has weights and biases of its own, spread over its window:
    K(p, p) <- weight_std^2 mean_t K(p + t, p + t) + bias_std^2, and K(p, p') <- 0,
    Theta(p, p') <- 0 for p' other than p, also between two inputs (Novak et al. 2019).

    Arguments:
        channels: number of output channels.
        window: its size, one integer or one for each location axis.
        stride: step between windows.
        padding: "SAME" (zeros), "VALID" or "CIRCULAR".
        weight_std: sigma_w; weights have variance sigma_w^2 / fan_in.
        bias_std: sigma_b.
        init: how weights are drawn, at each location: as those of `Dense`.
        bias: whether the finite layer has biases; they train even when bias_std is 0.
        bias_init: how biases are drawn: "gaussian", "uniform" or "truncated_normal".

    Raises:
        ShapeError: sizes that do not fit.
        GraphError: a standard deviation that is negative or not finite, a bias_std without bias.

    Example:
        >>> import kernelc as kc
        >>> kc.LocalConv(16, window=3, padding="VALID").out_shape([(32, 32, 3)], "local")
        (30, 30, 16)
    """

    channels: int
    window: int | tuple[int, ...] = 3
    stride: int | tuple[int, ...] = 1
    padding: modules.Padding = "SAME"
    weight_std: Any = 1.0
    bias_std: Any = 0.0
    init: modules.Kind = "gaussian"
    bias: bool = True
    bias_init: modules.BiasKind = "gaussian"

    def __post_init__(self) -> None:
        positive_integers(self, "channels")
        one_of("LocalConv", "padding", self.padding, PADDINGS)
        drawn_as("LocalConv", self.init, self.bias_init)
        for field in ("window", "stride"):
            object.__setattr__(self, field, freeze(getattr(self, field)))
        for field in ("weight_std", "bias_std"):
            checked = finite_number("LocalConv", field, getattr(self, field), minimum=0)
            object.__setattr__(self, field, checked)
        trained_bias("LocalConv", self.bias, self.bias_std)

    def out_shape(self, shapes: Sequence[Shape], where: str) -> Shape:
        locations = window_shape(shapes[0], self.window, self.stride, self.padding, where)
        return (*locations, self.channels)

    def placed(self, shapes: Sequence[Shape]) -> LocalConv:
        taps = math.prod(per_axis(self.window, len(shapes[0]) - 1, "LocalConv", "window"))
        return with_fans(self, taps * shapes[0][-1], taps * self.channels)

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Sequence[Shape]) -> S:
        over = window_over(shapes[0], self.window, self.stride, self.padding, algebra.where)
        fan_in = over.taps * shapes[0][-1]
        weights = Weights(
            self.weight_std**2, self.bias_std**2, fan_in, self.bias, keeps_norms(self.init)
        )
        return algebra.unshare(algebra.fresh(algebra.tap_mean(inputs[0], over), weights))

    def kernel_key(self, shapes: Sequence[Shape]) -> Hashable:
        return self.weight_std, self.bias_std, self.padding

    def location_key(self, shapes: Sequence[Shape]) -> Hashable:
        return self.window, self.stride

    def reads(self) -> tuple[str, ...]:
        return ("unlike",)

    def weighted(self, weight_std: Any = None, bias_std: Any = None, init: Any = None) -> LocalConv:
        return drawn(self, weight_std, bias_std, init)

    def shaping(self, shapes: Sequence[Shape], out: Shape, last: bool) -> ShapingRule:
        windows = per_axis(self.window, len(out) - 1, "LocalConv", "window")
        if math.prod(windows) == 1:
            changed = dataclasses.replace(self, weight_std=1.0, bias_std=0.0, init="suo")
            return weight_rule(self, changed)
        return ShapingRule(
            self,
            problem="weights spread over the window mix locations, so q is not uniform",
            remedy="use window=1, or a Conv with delta=True",
            possible=False,
        )

    def module(self, shapes: Sequence[Shape], out: Shape, key: jax.Array, dtype: Any) -> eqx.Module:
        axes = len(out) - 1
        return modules.local_conv(
            key,
            shapes[0][-1],
            self.channels,
            outputs=out[:-1],
            window=per_axis(self.window, axes, "LocalConv", "window"),
            stride=per_axis(self.stride, axes, "LocalConv", "stride"),
            padding=self.padding,
            weight_std=numeric("LocalConv", "weight_std", self.weight_std),
            bias_std=numeric("LocalConv", "bias_std", self.bias_std),
            init=self.init,
            bias=self.bias,
            bias_init=self.bias_init,
            dtype=dtype,
        )
