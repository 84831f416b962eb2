"""ConvTranspose: a convolution over locations with zeros between them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Sequence
from typing import Literal, final, get_args

import equinox as eqx
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array

from .._errors import ShapeError
from ..ir import KernelAlgebra, Real, S, Shape, Shapes, ShapingRule, TransposedTaps, Window
from ..modules import BiasInitializer, Initializer, require_channels
from ._conv import ConvLayer
from ._fields import one_of
from ._weight_module import SlidingModule
from ._window import LETTERS, Padding


Named = Literal["SAME", "VALID"]


@final
@dataclasses.dataclass(frozen=True)
class ConvTranspose(ConvLayer):
    """Weights on windows of locations with zeros between: K <- weight_std^2 mean_t K + bias_std^2.

    Locations stand `stride` apart; between them and around them are zeros, over which a window of
    weights slides one location at a time (`lax.conv_transpose`). The mean is over all taps of the
    window. Of those, about taps / stride see a location along each axis, so that a weight_std of
    sqrt(stride) for each axis keeps q. `derive` takes windows that are multiples of the stride
    where no border makes a difference, such as a window equal to the stride with "SAME".

    Arguments:
        channels: number of output channels.
        window: its size, one integer or one for each location axis.
        stride: distance of the locations, one integer or one for each axis.
        padding: zeros around, a pair (low, high) for each location axis; "SAME" for n stride
            locations of n, "VALID" for all that see one. PyTorch's padding p is the pair
            (e - p, e - p + output_padding) with e = dilation (window - 1).
        groups: channels are split into this many groups that do not mix.
        weight_std: sigma_w; weights have variance sigma_w^2 / (taps · channels read).
        bias_std: sigma_b.
        init: how weights are drawn: as those of `Dense`.
        bias: whether the finite layer has biases; they train even when bias_std is 0.
        bias_init: how biases are drawn: "gaussian", "uniform" or "truncated_normal".
        dilation: step between the taps of a window.

    Raises:
        ShapeError: sizes that do not fit, outputs that see no location.
        GraphError: a standard deviation that is negative or not finite, a bias_std without bias.

    Example:
        >>> import kernelc as kc
        >>> kc.ConvTranspose(16, window=4, stride=2).out_shape([(8, 8, 3)], "up")
        (16, 16, 16)
    """

    channels: int
    window: int | tuple[int, ...] = 2
    stride: int | tuple[int, ...] | None = 2
    padding: Padding = "SAME"
    groups: int = 1
    weight_std: Real = 1.0
    bias_std: Real = 0.0
    init: Initializer = "gaussian"
    bias: bool = True
    bias_init: BiasInitializer = "gaussian"
    dilation: int | tuple[int, ...] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.padding, str):
            one_of("ConvTranspose", "padding", self.padding, get_args(Named))

    def over(self, shape: Shape, where: str) -> Window:
        axes = len(shape) - 1
        steps, apart = self.steps(axes, where), self.apart(axes, where)
        windows = self.windows(axes, where)
        stretched = tuple((n - 1) * step + 1 for n, step in zip(shape, steps, strict=False))
        ones, padding = (1,) * axes, self.padding
        if isinstance(padding, str):
            extents = Window(stretched, windows, ones, "VALID", apart).extents
            sides = zip(extents, steps, strict=True)
            padding = tuple(_zeros_around(padding, extent, step) for extent, step in sides)
        return Window(stretched, windows, ones, padding, apart)

    def map(self, shape: Shape, where: str) -> TransposedTaps:
        """What the weights read."""
        return TransposedTaps(
            shape[:-1], self.steps(len(shape) - 1, where), self.over(shape, where)
        )

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        out = super().out_shape(shapes, where)
        taps = self.map(shapes[0], where)
        if any(taps.seen(axis).min() == 0 for axis in range(len(out) - 1)):
            raise ShapeError(
                where=where,
                found=f"windows of {taps.window.sizes} with zeros {taps.window.padding} around "
                f"locations {taps.steps} apart",
                law="every output sees a location",
                remedy="use a window of at least the stride, or less padding",
            )
        return out

    def kernel_key(self, shapes: Shapes) -> Hashable:
        taps = self.map(shapes[0], type(self).__name__)
        return super().kernel_key(shapes), taps.own_share

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        read = algebra.mix(inputs[0], self.map(shapes[0], algebra.site.name))
        weights = dataclasses.replace(
            self.weights(self.fan_in(shapes[0])), per_channel=self.is_depthwise(shapes[0])
        )
        return algebra.fresh(read, weights)

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        return ShapingRule(
            self,
            problem="a transposed convolution reads parts of its window, which lowers q",
            remedy='use Resize(method="nearest") and a Conv with delta=True',
            possible=False,
        )

    def module(
        self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike
    ) -> ConvTransposeModule:
        weight, bias, weight_std, bias_std, steps, _, apart = self.drawn_on(shapes[0], key, dtype)
        over = self.over(shapes[0], type(self).__name__)
        padding = tuple(over.pads(axis) for axis in range(over.rank))
        return ConvTransposeModule(
            weight, bias, weight_std, bias_std, steps, padding, apart, self.groups
        )


def _zeros_around(padding: str, extent: int, step: int) -> tuple[int, int]:
    """The zeros that `lax.conv_transpose` adds before and after."""
    total = extent + step - 2 + (max(extent - step, 0) if padding == "VALID" else 0)
    low = extent - 1 if padding == "VALID" or step > extent - 1 else -(-total // 2)
    return low, total - low


class ConvTransposeModule(SlidingModule):
    """A convolution of (batch, *locations, in), `stride` apart, with (*window, in/groups, out).

    The weight is not flipped: PyTorch's weight is, along each axis of the window.

    Arguments:
        padding: zeros around, a pair for each location axis.
        groups: channels are split into this many contiguous blocks that do not mix.

    Raises: ShapeError for parameters or inputs that do not fit together.

    Example:
        >>> import jax
        >>> weight = jax.numpy.arange(2.0).reshape(2, 1, 1)
        >>> layer = ConvTransposeModule(weight, stride=(2,), padding=((1, 1),))
        >>> layer((jax.numpy.ones((1, 2, 1)),))[0].ravel().tolist()
        [1.0, 0.0, 1.0, 0.0]
    """

    groups: int = eqx.field(static=True, default=1)

    def __check_init__(self) -> None:
        self.check_weight(3, 4, 5)
        if isinstance(self.padding, str) or len(self.padding) != self.weight.ndim - 2:
            raise ShapeError(
                where=self.kind,
                found=f"padding = {self.padding} for weights of shape {self.weight.shape}",
                law="zeros are added (low, high), one pair for each axis of the window",
                remedy="lower a ConvTranspose, which makes pairs of names",
            )

    def apply(self, x: Array) -> Array:
        axes = self.weight.ndim - 2
        if x.ndim != axes + 2:
            raise ShapeError(
                where=self.kind,
                found=f"an input of shape {x.shape} under weights of shape {self.weight.shape}",
                law="inputs are (batch, *locations, channels), with one location axis for each "
                "axis of the window",
                remedy="match the window to the locations",
            )
        require_channels(self.kind, x, self.weight.shape[-2] * self.groups)
        letters = LETTERS[axes]
        y = lax.conv_general_dilated(
            x,
            self.weight,
            (1,) * axes,
            self.padding,
            lhs_dilation=self.steps(axes),
            rhs_dilation=self.apart(axes),
            dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
            feature_group_count=self.groups,
        )
        return self.with_bias(y)

    def weight_variance(self) -> float:
        return self.weight_std**2 / math.prod(self.weight.shape[:-1])
