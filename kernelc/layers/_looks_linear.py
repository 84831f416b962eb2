"""LooksLinear: mirrored weights on rectifiers, which start as a linear map."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import final

import jax
import jax.numpy as jnp
import sympy
from jax.typing import DTypeLike
from jaxtyping import Array

from .._errors import ShapeError
from ..activations import named
from ..ir import KernelAlgebra, Real, S, Shape, Shapes
from ..modules import BiasInitializer, Initializer, require_channels
from ._weight_layer import DenseLayer
from ._weight_module import WeightModule


@final
@dataclasses.dataclass(frozen=True)
class LooksLinear(DenseLayer):
    """Dense weights (V, -V) on (relu(h), relu(-h)): K <- weight_std^2 K + bias_std^2.

    (Balduzzi et al. 2017.) Since relu(h) - relu(-h) = h, the layer starts as the linear map V h
    and is bent by training alone. Both halves train, each weight by itself, so with K_relu the
    dual of the rectifier
    Theta <- 2 weight_std^2 K_relu + bias_std^2 + weight_std^2 Theta.

    Arguments:
        width: number of output channels.
        weight_std: sigma_w; V has variance sigma_w^2 / (channels of h).
        bias_std: sigma_b; biases have variance sigma_b^2.
        init: how V is drawn: as the weights of `Dense`.
        bias: whether the finite layer has biases; they train even when bias_std is 0.
        bias_init: how biases are drawn: "gaussian", "uniform" or "truncated_normal".

    Raises:
        ShapeError: a width that is not a positive integer.
        GraphError: a standard deviation that is negative or not finite, a bias_std without bias.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((8,))
        >>> net = kc.Network(x, kc.chain(kc.Dense(64), kc.repeat(kc.LooksLinear(64), 50))(x))
        >>> kc.derive(net).c_map
        c
    """

    width: int
    weight_std: Real = 1.0
    bias_std: Real = 0.0
    init: Initializer = "gaussian"
    bias: bool = True
    bias_init: BiasInitializer = "gaussian"

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        (h,) = inputs
        # relu(h) and relu(-h) have one kernel: together that of sqrt(2) relu(h).
        half = algebra.nonlinearity(h, named("relu"))
        return algebra.fresh(
            h, self.weights(shapes[0][-1]), algebra.weighted_sum([half], (sympy.sqrt(2),))
        )

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> LooksLinearModule:
        half, bias, *stds = self.drawn(key, (), shapes[0][-1], self.width, dtype)
        return LooksLinearModule(jnp.concatenate([half, -half]), bias, *stds)


class LooksLinearModule(WeightModule):
    """(relu(x), relu(−x)) @ weight + bias on the last axis.

    (Balduzzi et al. 2017.) With weights (V, −V), as they are drawn, this is x @ V + bias. The
    weight has the shape (2 in, out); the first half of its rows reads relu(x).

    Raises: ShapeError for weights of another rank, an odd number of rows, or a bias of another
        length.

    Example:
        >>> layer = LooksLinearModule(jnp.array([[2.0], [-2.0]]))
        >>> layer((jnp.array([[-3.0]]),))[0].tolist()
        [[-6.0]]
    """

    def __check_init__(self) -> None:
        self.check_weight(2)
        if self.weight.shape[0] % 2:
            raise ShapeError(
                where=self.kind,
                found=f"weights of shape {self.weight.shape}",
                law="half of the rows read relu(x), the other half relu(-x)",
                remedy="give the weights two rows for each input channel",
            )

    def apply(self, x: Array) -> Array:
        require_channels(self.kind, x, self.weight.shape[0] // 2)
        halves = jnp.concatenate([jax.nn.relu(x), jax.nn.relu(-x)], axis=-1)
        return self.with_bias(halves @ self.weight)

    def weight_variance(self) -> float:
        return self.weight_std**2 / (self.weight.shape[0] // 2)
