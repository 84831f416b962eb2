"""Dense: fresh weights on the channels of every location."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import final

from jax.typing import DTypeLike
from jaxtyping import Array

from ..ir import KernelAlgebra, Real, S, Shape, Shapes
from ..modules import BiasInitializer, Initializer, require_channels
from ._weight_layer import DenseLayer
from ._weight_module import WeightModule


@final
@dataclasses.dataclass(frozen=True)
class Dense(DenseLayer):
    """A dense layer: K <- weight_std^2 K + bias_std^2, Theta <- K + weight_std^2 Theta.

    (Jacot et al. 2018, eq. 3-4, with the NTK parameterization.)

    Arguments:
        width: number of output channels.
        weight_std: sigma_w; weights have variance sigma_w^2 / fan_in. A number, a SymPy symbol,
            or a formula in `kernelc.fan_in` and `kernelc.fan_out`, which have values once the
            layer is in a network; so for bias_std.
        bias_std: sigma_b; biases have variance sigma_b^2.
        init: how weights are drawn: "gaussian", "uniform", "truncated_normal" (at two
            deviations), "orthogonal" or "suo" (scaled uniform orthogonal). The infinite-width
            kernel is the same for all. `kernelc.initialization` has the names people know.
            Weights of "zero" start at zero and train: K <- bias_std^2 and Theta <-
            weight_std^2 K + bias_std^2, where weight_std scales gradients in the NTK
            parameterization alone.
        bias: whether the finite layer has biases; they train even when bias_std is 0.
        bias_init: how biases are drawn: "gaussian", "uniform" or "truncated_normal".

    Raises:
        ShapeError: a width that is not a positive integer.
        GraphError: a standard deviation that is negative or not finite, a bias_std without bias.

    Example:
        >>> import kernelc as kc
        >>> kc.Dense(128, bias_std=0.1).text()
        'Dense(128, bias_std=0.1)'
    """

    width: int
    weight_std: Real = 1.0
    bias_std: Real = 0.0
    init: Initializer = "gaussian"
    bias: bool = True
    bias_init: BiasInitializer = "gaussian"

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        return algebra.fresh(inputs[0], self.weights(shapes[0][-1]))

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> DenseModule:
        return DenseModule(*self.drawn(key, (), shapes[0][-1], self.width, dtype))


class DenseModule(WeightModule):
    """x @ weight + bias on the last axis, with a weight of shape (in, out).

    Raises: ShapeError for weights of another rank, or a bias of another length.

    Example:
        >>> import jax
        >>> layer = DenseModule(jax.numpy.ones((2, 3)), jax.numpy.zeros(3))
        >>> layer((jax.numpy.ones((1, 2)),))[0].tolist()
        [[2.0, 2.0, 2.0]]
    """

    def __check_init__(self) -> None:
        self.check_weight(2)

    def apply(self, x: Array) -> Array:
        require_channels(self.kind, x, self.weight.shape[0])
        return self.with_bias(x @ self.weight)
