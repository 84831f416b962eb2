"""LocalConv: a convolution with weights of its own at every location."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import final

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array

from .._errors import ShapeError
from ..ir import KernelAlgebra, OwnWeights, Real, S, Shape, Shapes, ShapingRule, SharedTaps, Window
from ..modules import BiasInitializer, Initializer, initialize, require_channels
from ._conv import ConvLayer
from ._weight_layer import weight_rule
from ._weight_module import SlidingModule
from ._window import LETTERS, Padding, extended


@final
@dataclasses.dataclass(frozen=True)
class LocalConv(ConvLayer):
    """A locally connected layer: at one location that of `Conv`, between two of them K <- 0.

    Each output location has weights and biases of its own, spread over its window:
    K(p, p) <- weight_std^2 mean_t K(p + t, p + t) + bias_std^2, and K(p, p') <- 0,
    Theta(p, p') <- 0 for p' other than p, also between two inputs (Novak et al. 2019).

    Arguments:
        channels: number of output channels.
        window: its size, one integer or one for each location axis.
        stride: step between windows.
        padding: "SAME" (zeros), "VALID" or "CIRCULAR", or as many zeros as a pair (low, high)
            says for each location axis.
        weight_std: sigma_w; weights have variance sigma_w^2 / fan_in.
        bias_std: sigma_b.
        init: how weights are drawn, at each location: as those of `Dense`.
        bias: whether the finite layer has biases; they train even when bias_std is 0.
        bias_init: how biases are drawn: "gaussian", "uniform" or "truncated_normal".
        dilation: step between the taps of a window.

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
    stride: int | tuple[int, ...] | None = 1
    padding: Padding = "SAME"
    weight_std: Real = 1.0
    bias_std: Real = 0.0
    init: Initializer = "gaussian"
    bias: bool = True
    bias_init: BiasInitializer = "gaussian"
    dilation: int | tuple[int, ...] = 1

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        over = self.over(shapes[0], algebra.site.name)
        weights = self.weights(over.taps * shapes[0][-1])
        out = algebra.fresh(algebra.mix(inputs[0], SharedTaps(over)), weights)
        return algebra.mix(out, OwnWeights(over.outputs))

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        if math.prod(self.windows(len(out) - 1)) == 1:
            return weight_rule(self)
        return ShapingRule(
            self,
            problem="weights spread over the window mix locations, so q is not uniform",
            remedy="use window=1, or a Conv with delta=True",
            possible=False,
        )

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> LocalConvModule:
        axes, before = len(out) - 1, shapes[0][-1]
        window, outputs = self.windows(axes), out[:-1]
        weight_key, bias_key = jax.random.split(key)
        weight_std, bias_std = self.stds()
        weight = jax.vmap(
            lambda each: initialize(self.init, each, window, before, self.channels, dtype=dtype)
        )(jax.random.split(weight_key, math.prod(outputs)))
        return LocalConvModule(
            weight.reshape(*outputs, *weight.shape[1:]) * weight_std,
            self.drawn_biases(bias_key, out, dtype),
            weight_std,
            bias_std,
            self.steps(axes),
            self.padding,
            self.apart(axes),
        )


class LocalConvModule(SlidingModule):
    """Every output location has a matrix and a bias of its own for the window it reads.

    The weight is (*outputs, *window, in, out), with as many output locations as window axes, one
    to three; the bias is (*outputs, out).

    Raises: ShapeError for parameters or inputs that do not fit together.

    Example:
        >>> layer = LocalConvModule(jnp.arange(4.0).reshape(4, 1, 1, 1))
        >>> layer((jnp.ones((1, 4, 1)),))[0].ravel().tolist()
        [0.0, 1.0, 2.0, 3.0]
    """

    def __check_init__(self) -> None:
        shape = self.weight.shape
        if len(shape) not in (4, 6, 8):
            raise ShapeError(
                where=self.kind,
                found=f"weights of shape {shape}",
                law="weights are (*outputs, *window, in, out), one to three axes of each",
                remedy="reshape the weights, or use another layer",
            )
        wanted = (*self.outputs, shape[-1])
        if self.bias is not None and self.bias.shape != wanted:
            raise ShapeError(
                where=self.kind,
                found=f"a bias of shape {self.bias.shape} for weights of shape {shape}",
                law="there is one bias for each output channel of each location",
                remedy=f"give the bias the shape {wanted}",
            )

    @property
    def outputs(self) -> tuple[int, ...]:
        """Sizes of the output's location axes."""
        return self.weight.shape[: (self.weight.ndim - 2) // 2]

    @property
    def window(self) -> tuple[int, ...]:
        """Sizes of a window."""
        return self.weight.shape[(self.weight.ndim - 2) // 2 : -2]

    def apply(self, x: Array) -> Array:
        window, (channels, out) = self.window, self.weight.shape[-2:]
        rank, steps = len(window), self.steps(len(window))
        apart = self.apart(rank)
        require_channels(self.kind, x, channels)
        read, padding = extended(self.kind, x, window, steps, self.padding, apart)
        self._check_outputs(x)
        # XLA lists what an output reads channel by channel, each with all its taps.
        weight = jnp.moveaxis(self.weight, -2, rank)
        letters = LETTERS[rank]
        y = lax.conv_general_dilated_local(
            read,
            weight.reshape(*self.outputs, channels * math.prod(window), out),
            steps,
            padding,
            window,
            rhs_dilation=apart,
            dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
        )
        return self.with_bias(y)

    def weight_variance(self) -> float:
        return self.weight_std**2 / (math.prod(self.window) * self.weight.shape[-2])

    def _check_outputs(self, x: Array) -> None:
        rank = len(self.window)
        sizes = self.window, self.steps(rank)
        found = Window(x.shape[1:-1], *sizes, self.padding, self.apart(rank)).outputs
        if found != self.outputs:
            raise ShapeError(
                where=self.kind,
                found=f"an input of shape {x.shape}, which has {found} windows",
                law=f"this layer has weights for {self.outputs} windows",
                remedy="build the layer for the locations it will see",
            )
