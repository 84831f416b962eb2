"""Conv: fresh weights on a window of locations, in one to three dimensions."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Hashable, Sequence
from typing import final

import equinox as eqx
import numpy as np
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array

from .._errors import ShapeError
from ..ir import CenterTaps, KernelAlgebra, Layer, Real, S, Shape, Shapes, ShapingRule, SharedTaps
from ..modules import BiasInitializer, Initializer, require_channels
from ._fields import boolean, positive_integers
from ._weight_layer import WeightLayer, weight_rule
from ._weight_module import SlidingModule
from ._window import LETTERS, Padding, Sizes, WindowLayer, extended, require_centers


class ConvLayer(WindowLayer, WeightLayer, shared=True):
    """Weights on windows of locations; channels may be split into groups that do not mix."""

    channels: int
    groups: int = 1
    delta: bool = False
    dilation: Sizes = 1

    def __post_init__(self) -> None:
        positive_integers(self, "channels", "groups")
        self.check_windows()
        self.check_weights()
        boolean(type(self).__name__, "delta", self.delta)

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        shape = shapes[0]
        locations = self.locations(shape, where)
        for role, count in (("input", shape[-1]), ("output", self.channels)):
            if count % self.groups:
                raise ShapeError(
                    where=where,
                    found=f"{count} {role} channels in {self.groups} groups",
                    law="groups divide the channels on both sides",
                    remedy="choose groups that divide both",
                )
        return (*locations, self.channels)

    def fans(self, shape: Shape) -> tuple[int, int]:
        taps = 1 if self.delta else math.prod(self.windows(len(shape) - 1))
        return taps * shape[-1] // self.groups, taps * self.channels

    def fan_in(self, shape: Shape, where: str | None = None) -> int:
        """How many weights each output sums over."""
        taps = math.prod(self.windows(len(shape) - 1, where))
        return taps * shape[-1] // self.groups

    def is_depthwise(self, shape: Shape) -> bool:
        """Whether every group holds one input channel."""
        return shape[-1] == self.groups and self.groups > 1

    def kernel_key(self, shapes: Shapes) -> Hashable:
        uneven = self.over(shapes[0], type(self).__name__).uneven
        per_channel = self.is_depthwise(shapes[0])
        fields = self.padding, self.groups, self.delta
        return super().kernel_key(shapes), fields, uneven, per_channel

    def location_key(self, shapes: Shapes) -> Hashable:
        return self.window, self.stride, self.dilation

    def drawn_on(
        self, shape: Shape, key: Array, dtype: DTypeLike
    ) -> tuple[Array, Array | None, float, float, tuple[int, ...], Padding, tuple[int, ...]]:
        """What `drawn` has for an input of this shape, and how windows lie on it."""
        axes, groups, delta = len(shape) - 1, self.groups, self.delta
        window = self.windows(axes)
        found = self.drawn(key, window, shape[-1], self.channels, dtype, groups, delta)
        return *found, self.steps(axes), self.padding, self.apart(axes)


@final
@dataclasses.dataclass(frozen=True)
class Conv(ConvLayer):
    """A convolution: at Delta initialization K <- weight_std^2 K + bias_std^2 per location.

    Delta initialization (Xiao et al. 2018) puts all weight on the center tap, so that at
    initialization the layer is a dense layer at every location. With `delta=False` weights
    are spread over the window and K is the mean over its taps of the covariance of shifted
    locations; under a c value that is the same at all locations the formula does not change.

    With as many groups as input channels (depthwise) each output reads one channel, times taps of
    its own: K is as above, the mean over channels and their draws, but the output is not Gaussian.
    So a nonlinearity may not read it; layers of weights, norms and sums may.

    Arguments:
        channels: number of output channels.
        window: its size, one integer or one for each location axis; odd when `delta`.
        stride: step between windows.
        padding: "SAME" (zeros), "VALID" or "CIRCULAR", or as many zeros as a pair (low, high)
            says for each location axis.
        groups: channels are split into this many groups that do not mix.
        weight_std: sigma_w; weights have variance sigma_w^2 / fan_in.
        bias_std: sigma_b.
        delta: whether to initialize only the center tap.
        init: how weights are drawn: as those of `Dense`.
        bias: whether the finite layer has biases; they train even when bias_std is 0.
        bias_init: how biases are drawn: "gaussian", "uniform" or "truncated_normal".
        dilation: step between the taps of a window.

    Raises:
        ShapeError: sizes that do not fit, windows that see no location; with `delta`, even
            windows and center taps beyond the border.
        GraphError: a standard deviation that is negative or not finite, a bias_std without bias.

    Example:
        >>> import kernelc as kc
        >>> kc.Conv(16, window=3, stride=2).out_shape([(32, 32, 3)], "conv")
        (16, 16, 16)
        >>> kc.Conv(16, 3, padding=((1, 1), (1, 1)), dilation=2).out_shape([(32, 32, 3)], "conv")
        (30, 30, 16)
    """

    channels: int
    window: int | tuple[int, ...] = 3
    stride: int | tuple[int, ...] | None = 1
    padding: Padding = "SAME"
    groups: int = 1
    weight_std: Real = 1.0
    bias_std: Real = 0.0
    delta: bool = True
    init: Initializer = "gaussian"
    bias: bool = True
    bias_init: BiasInitializer = "gaussian"
    dilation: int | tuple[int, ...] = 1

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        out = super().out_shape(shapes, where)
        if self.delta:
            require_centers(self.over(shapes[0], where), where, "Delta initialization")
        return out

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        over = self.over(shapes[0], algebra.site.name)
        weights = dataclasses.replace(
            self.weights(self.fan_in(shapes[0])), per_channel=self.is_depthwise(shapes[0])
        )
        if not self.delta:
            return algebra.fresh(algebra.mix(inputs[0], SharedTaps(over)), weights)
        # Beside the center tap weights start at zero, and train.
        drawn = algebra.mix(inputs[0], CenterTaps(over))
        trained = functools.partial(algebra.mix, inputs[0], SharedTaps(over))
        return algebra.fresh(drawn, weights, trained=trained)

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        changed = dataclasses.replace(self.with_weights(1.0, 0.0, "suo"), delta=True)
        over = self.over(shapes[0], type(self).__name__)
        if self.is_depthwise(shapes[0]):
            return depthwise_rule(self)
        if self.delta or over.taps == 1:
            return weight_rule(self, changed)
        if over.strides == over.extents == over.sizes and not over.uneven:
            # Windows that tile read each location once, as Flatten does for a whole image.
            return weight_rule(self)
        return ShapingRule(
            changed if over.centered_and_odd else self,
            problem="weights spread over the window mix locations, so q is not uniform",
            remedy="use delta=True with an odd window",
            possible=over.centered_and_odd,
        )

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> ConvModule:
        return ConvModule(*self.drawn_on(shapes[0], key, dtype), self.groups, self.delta)


class ConvModule(SlidingModule):
    """A convolution of (batch, *locations, in) with (*window, in/groups, out), plus a bias.

    The weight is not flipped, as is usual in machine learning; there are one to three window axes.

    Arguments:
        groups: channels are split into this many contiguous blocks that do not mix.
        delta: whether only the center tap was drawn, and the others started at zero.

    Raises: ShapeError for parameters or inputs that do not fit together.

    Example:
        >>> import jax
        >>> layer = ConvModule(jax.numpy.ones((3, 1, 2)), stride=(2,))
        >>> layer((jax.numpy.ones((1, 4, 1)),))[0].shape
        (1, 2, 2)
    """

    groups: int = eqx.field(static=True, default=1)
    delta: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        self.check_weight(3, 4, 5)

    def apply(self, x: Array) -> Array:
        return self.with_bias(convolved(self, x, self.weight, self.groups))

    def weight_variance(self) -> np.ndarray:
        window, fan_in = self.weight.shape[:-2], self.weight.shape[-2]
        taps = np.full((*window, 1, 1), self.weight_std**2 / (fan_in * math.prod(window)))
        if self.delta:
            taps = np.zeros_like(taps)
            taps[tuple(size // 2 for size in window)] = self.weight_std**2 / fan_in
        return taps


def convolved(layer: SlidingModule, x: Array, weight: Array, groups: int) -> Array:
    """The convolution of (batch, *locations, in) with (*window, in/groups, out).

    Raises: ShapeError for an input of another rank or number of channels.
    """
    window = weight.shape[:-2]
    steps, apart = layer.steps(len(window)), layer.apart(len(window))
    require_channels(layer.kind, x, weight.shape[-2] * groups)
    x, padded = extended(layer.kind, x, window, steps, layer.padding, apart)
    letters = LETTERS[len(window)]
    return lax.conv_general_dilated(
        x,
        weight,
        steps,
        padded,
        rhs_dilation=apart,
        dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
        feature_group_count=groups,
    )


def depthwise_rule(layer: Layer) -> ShapingRule:
    """What shaping says of a depthwise convolution."""
    return ShapingRule(
        layer,
        problem="a depthwise convolution does not make its input Gaussian",
        remedy="use fewer groups, or WeightedMeanPool",
        possible=False,
    )
