"""StandardisedDense: fresh weights that sum to zero over what they read."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any, TypeVar, final

import equinox as eqx
import jax

from .. import modules
from .._errors import GraphError, ShapeError
from ..ir import KernelAlgebra, Layer, Shape, ShapingRule, Weights
from ._dense import Dense
from ._fans import with_fans
from ._fields import finite_number, numeric, positive_integers, trained_bias


S = TypeVar("S")


@final
@dataclasses.dataclass(frozen=True)
class StandardisedDense(Layer):
    """A dense layer of standardised weights: K <- weight_std^2 (K - m m') + bias_std^2.

    (Qiao et al. 2019; scaled by 1/sqrt(fan_in) as in Brock et al. 2021.) The weights of each
    output have mean 0 and variance weight_std^2 / fan_in at initialisation and ever after, so
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
        >>> block = kc.chain(kc.Dense(64), kc.Activation("relu"), kc.StandardisedDense(64))
        >>> kc.derive(kc.Network(x, block(x)), q=1).q_map
        1/2 - 1/(2*pi)
    """

    width: int
    weight_std: Any = 1.0
    bias_std: Any = 0.0
    bias: bool = True

    def __post_init__(self) -> None:
        positive_integers(self, "width")
        standardised_stds("StandardisedDense", self)
        trained_bias("StandardisedDense", self.bias, self.bias_std)

    def out_shape(self, shapes: Sequence[Shape], where: str) -> Shape:
        if shapes[0][-1] < 2:
            raise ShapeError(
                where=where,
                found=f"an input of shape {shapes[0]}",
                law="one number has no variance, so a fan-in of 1 cannot be standardised",
                remedy="use a Dense layer here, or more channels before it",
            )
        return (*shapes[0][:-1], self.width)

    def placed(self, shapes: Sequence[Shape]) -> StandardisedDense:
        return with_fans(self, shapes[0][-1], self.width)

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Sequence[Shape]) -> S:
        weights = Weights(self.weight_std**2, self.bias_std**2, shapes[0][-1], self.bias)
        return algebra.fresh(algebra.centre(inputs[0]), weights)

    def kernel_key(self, shapes: Sequence[Shape]) -> Hashable:
        return self.weight_std, self.bias_std

    def shaping(self, shapes: Sequence[Shape], out: Shape, last: bool) -> ShapingRule:
        return ShapingRule(
            Dense(self.width, init="suo", bias=self.bias),
            problem="standardised weights subtract the mean of what they read, which lowers q",
            remedy="use a Dense layer: shaped activations keep q without them",
        )

    def module(self, shapes: Sequence[Shape], out: Shape, key: jax.Array, dtype: Any) -> eqx.Module:
        return modules.standardised_dense(
            key,
            shapes[0][-1],
            self.width,
            weight_std=numeric("StandardisedDense", "weight_std", self.weight_std),
            bias_std=numeric("StandardisedDense", "bias_std", self.bias_std),
            bias=self.bias,
            dtype=dtype,
        )


def standardised_stds(kind: str, layer: Any) -> None:
    """Make weight_std and bias_std of a standardised layer numbers; refuse a weight_std of 0."""
    for field in ("weight_std", "bias_std"):
        checked = finite_number(kind, field, getattr(layer, field), minimum=0)
        object.__setattr__(layer, field, checked)
    if layer.weight_std == 0:
        raise GraphError(
            where=kind,
            found="weight_std = 0",
            law="standardised weights have the same positive variance throughout training",
            remedy="use a layer without standardised weights and weight_std=0 to start at zero",
        )
