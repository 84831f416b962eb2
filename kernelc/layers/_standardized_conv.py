"""StandardizedConv: a convolution whose weights sum to zero over what each output reads."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import final

import equinox as eqx
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from .._errors import ShapeError
from ..ir import KernelAlgebra, Real, S, Shape, Shapes, ShapingRule, SharedTaps
from ._conv import Conv, ConvLayer, convolved, depthwise_rule
from ._standardized_dense import StandardizedLayer, standardized
from ._weight_module import SlidingModule
from ._window import Padding


@final
@dataclasses.dataclass(frozen=True)
class StandardizedConv(ConvLayer, StandardizedLayer, former_kinds=("StandardisedConv",)):
    """A convolution with standardized weights: K <- weight_std^2 (mean_t K - M M') + bias_std^2.

    (Qiao et al. 2019; scaled by 1/sqrt(fan_in) as in Brock et al. 2021.) The weights of each
    output channel have mean 0 and variance weight_std^2 / fan_in over the whole window, at
    initialization and ever after. So what they read counts up to its mean M over window and
    channels, zeros of the padding included; mean_t is the mean over the taps of the window, as
    for a `Conv` with delta=False. Theta as for `StandardizedDense`.

    Arguments:
        channels: number of output channels.
        window: its size, one integer or one for each location axis.
        stride: step between windows.
        padding: "SAME" (zeros), "VALID" or "CIRCULAR", or as many zeros as a pair (low, high)
            says for each location axis.
        groups: channels are split into this many groups that do not mix.
        weight_std: sigma_w, greater than 0.
        bias_std: sigma_b; biases have variance sigma_b^2.
        bias: whether the finite layer has biases; they train even when bias_std is 0.
        dilation: step between the taps of a window.

    Raises:
        ShapeError: sizes that do not fit, a fan-in of 1.
        GraphError: a weight_std that is not positive, a bias_std that is negative or without
            bias.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((8, 8, 4))
        >>> conv = kc.StandardizedConv(64, 3, padding="CIRCULAR")
        >>> block = kc.chain(kc.Conv(64), kc.Activation("relu"), conv)
        >>> kc.derive(kc.Network(x, block(x)), q=1).q_map
        1/2 - 1/(2*pi)
    """

    channels: int
    window: int | tuple[int, ...] = 3
    stride: int | tuple[int, ...] | None = 1
    padding: Padding = "SAME"
    groups: int = 1
    weight_std: Real = 1.0
    bias_std: Real = 0.0
    bias: bool = True
    dilation: int | tuple[int, ...] = 1

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        out = super().out_shape(shapes, where)
        if self.fan_in(shapes[0], where) < 2:
            raise ShapeError(
                where=where,
                found=f"a fan-in of 1 from an input of shape {shapes[0]}",
                law="one number has no variance, so a fan-in of 1 cannot be standardized",
                remedy="use a Conv layer here, a wider window, or more channels before it",
            )
        return out

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        if self.is_depthwise(shapes[0]):
            return algebra.unsupported(
                inputs,
                "the standardized taps of one channel sum to zero, so K reads all pairs of taps, "
                "which has no rule for a depthwise convolution",
                "use a Conv, or fewer groups",
            )
        read = algebra.mix(inputs[0], SharedTaps(self.over(shapes[0], algebra.site.name)))
        # In this order: the mean that is subtracted is that over the whole window.
        return algebra.fresh(algebra.center(read), self.weights(self.fan_in(shapes[0])))

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        if self.is_depthwise(shapes[0]):
            return depthwise_rule(self)
        odd = self.over(shapes[0], type(self).__name__).centered_and_odd
        conv = Conv(
            self.channels,
            self.window,
            self.stride,
            self.padding,
            self.groups,
            init="suo",
            bias=self.bias,
            delta=odd,
            dilation=self.dilation,
        )
        return ShapingRule(
            conv if odd else self,
            problem="standardized weights subtract the mean of what they read, which lowers q",
            remedy="use a Conv layer with delta=True and an odd window: shaped activations keep q",
            possible=odd,
        )

    def module(
        self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike
    ) -> StandardizedConvModule:
        return StandardizedConvModule(*self.drawn_on(shapes[0], key, dtype), self.groups)


class StandardizedConvModule(SlidingModule):
    """A convolution with Ŵ = σ_w/√fan-in · (V − mean V)/√(var V), filter by filter.

    (Qiao et al. 2019, eq. 5; the scale 1/√fan-in is that of Brock et al. 2021.) V, of shape
    (*window, in/groups, out), is the weight that is trained. Statistics are taken over window and
    input channels, in float32 or better.

    Arguments:
        groups: channels are split into this many contiguous blocks that do not mix.

    Raises: ShapeError for parameters or inputs that do not fit together.

    Example:
        >>> import jax
        >>> weight = jax.random.normal(jax.random.key(0), (3, 2, 5))
        >>> layer = StandardizedConvModule(weight, stride=(2,))
        >>> layer((jax.numpy.ones((1, 4, 2)),))[0].shape
        (1, 2, 5)
    """

    groups: int = eqx.field(static=True, default=1)

    def __check_init__(self) -> None:
        self.check_weight(3, 4, 5)

    @property
    def standardized(self) -> Float[Array, "*window in_per_group out"]:
        """Ŵ, the weights as they are applied."""
        return standardized(self.weight, self.weight_std)

    def apply(self, x: Array) -> Array:
        return self.with_bias(convolved(self, x, self.standardized, self.groups))

    def weight_variance(self) -> float:
        return self.weight_std**2 / math.prod(self.weight.shape[:-1])
