"""StandardizedDense: fresh weights that sum to zero over what they read."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import final

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from .._errors import GraphError, ShapeError
from ..ir import KernelAlgebra, Real, S, Shape, Shapes, ShapingRule
from ..modules import BiasInitializer, Initializer, accumulator, as_dtype, require_channels
from ._dense import Dense
from ._weight_layer import DenseLayer, WeightLayer
from ._weight_module import WeightModule


# A sum of some hundred numbers is off by this many units in the last place at most.
_ROUNDING = 64


class StandardizedLayer(WeightLayer, shared=True):
    """Weights whose mean and variance are fixed for each output, in training too."""

    def draws(self) -> tuple[Initializer, BiasInitializer]:
        return "gaussian", "gaussian"

    def check_weights(self) -> None:
        """As of all layers of weights; a weight_std of 0 is refused."""
        super().check_weights()
        if self.weight_std == 0:
            raise GraphError(
                where=type(self).__name__,
                found="weight_std = 0",
                law="standardized weights have the same positive variance throughout training",
                remedy="use a layer without standardized weights and weight_std=0 to start at zero",
            )


@final
@dataclasses.dataclass(frozen=True)
class StandardizedDense(StandardizedLayer, DenseLayer, former_kinds=("StandardisedDense",)):
    """A dense layer of standardized weights: K <- weight_std^2 (K - m m') + bias_std^2.

    (Qiao et al. 2019; scaled by 1/sqrt(fan_in) as in Brock et al. 2021.) The weights of each
    output have mean 0 and variance weight_std^2 / fan_in at initialization and ever after, so
    what they read counts only up to its mean m over channels:
    sum_j (v_j - mean v) x_j = sum_j v_j (x_j - m). The standard deviation of the drawn weights
    tends to its expectation, and a gradient loses two of its fan_in directions (the constant
    one, which is the subtraction of m, and that of v itself, which is of order 1 / fan_in), so
    Theta <- K_out + weight_std^2 Theta. To K-FAC the weights are known by a diagonal block only.

    Arguments:
        width: number of output channels.
        weight_std: sigma_w, greater than 0.
        bias_std: sigma_b; biases have variance sigma_b^2.
        bias: whether the finite layer has biases; they train even when bias_std is 0.

    Raises:
        ShapeError: a width that is not a positive integer, a single input channel.
        GraphError: a weight_std that is not positive, a bias_std that is negative or without
            bias.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((8,))
        >>> block = kc.chain(kc.Dense(64), kc.Activation("relu"), kc.StandardizedDense(64))
        >>> kc.derive(kc.Network(x, block(x)), q=1).q_map
        1/2 - 1/(2*pi)
    """

    width: int
    weight_std: Real = 1.0
    bias_std: Real = 0.0
    bias: bool = True

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        if shapes[0][-1] < 2:
            raise ShapeError(
                where=where,
                found=f"an input of shape {shapes[0]}",
                law="one number has no variance, so a fan-in of 1 cannot be standardized",
                remedy="use a Dense layer here, or more channels before it",
            )
        return super().out_shape(shapes, where)

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        return algebra.fresh(algebra.center(inputs[0]), self.weights(shapes[0][-1]))

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        return ShapingRule(
            Dense(self.width, init="suo", bias=self.bias),
            problem="standardized weights subtract the mean of what they read, which lowers q",
            remedy="use a Dense layer: shaped activations keep q without them",
        )

    def module(
        self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike
    ) -> StandardizedDenseModule:
        # The scale of V is lost in Ŵ; it sets how far a step of the optimizer turns V, and is that
        # of Dense so that gradients along V/√(variance of V) are those of the NTK parameterization.
        return StandardizedDenseModule(*self.drawn(key, (), shapes[0][-1], self.width, dtype))


class StandardizedDenseModule(WeightModule):
    """x @ Ŵ + bias with Ŵ = σ_w/√fan-in · (V − mean V)/√(var V), column by column.

    (Qiao et al. 2019, eq. 5; the scale 1/√fan-in is that of Brock et al. 2021.) V, of shape
    (in, out), is the weight that is trained. Statistics are taken in float32 or better.

    Raises: ShapeError for weights of another rank, or a bias of another length.

    Example:
        >>> layer = StandardizedDenseModule(jnp.array([[1.0], [1.0], [3.0], [3.0]]))
        >>> layer((jnp.array([[0.0, 0.0, 1.0, 1.0]]),))[0].round(3).tolist()
        [[1.0]]
    """

    def __check_init__(self) -> None:
        self.check_weight(2)

    @property
    def standardized(self) -> Float[Array, "in out"]:
        """Ŵ, the weights as they are applied."""
        return standardized(self.weight, self.weight_std)

    def apply(self, x: Array) -> Array:
        require_channels(self.kind, x, self.weight.shape[0])
        return self.with_bias(x @ self.standardized)


def standardized(weight: Array, weight_std: float) -> Array:
    """Ŵ = σ_w/√N · (V − mean V)/√(var V) of each output, over all N numbers it reads.

    Arguments:
        weight: V, outputs on the last axis.
        weight_std: σ_w.
    """
    axes = tuple(range(weight.ndim - 1))
    drawn = as_dtype(weight, accumulator(weight.dtype))
    wide = drawn - jnp.mean(drawn, axes, keepdims=True)
    power = jnp.sum(jnp.square(wide), axes, keepdims=True)
    # What is left of a constant column is rounding, which is not to be blown up.
    limits = jnp.finfo(wide.dtype)
    noise = (_ROUNDING * limits.eps) ** 2 * jnp.sum(jnp.square(drawn), axes, keepdims=True)
    scale = weight_std * jax.lax.rsqrt(jnp.maximum(power, noise + limits.tiny))
    return as_dtype(wide * scale, weight.dtype)
