"""LooksLinear: rectifiers that the initial weights undo."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any, TypeVar, final

import equinox as eqx
import jax
import sympy

from .. import modules
from ..activations import named
from ..ir import KernelAlgebra, Layer, Shape, ShapingRule, Weights
from ._dense import weight_rule
from ._draws import drawn_as, keeps_norms
from ._fans import with_fans
from ._fields import finite_number, numeric, positive_integers, trained_bias


S = TypeVar("S")


@final
@dataclasses.dataclass(frozen=True)
class LooksLinear(Layer):
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
    weight_std: Any = 1.0
    bias_std: Any = 0.0
    init: modules.Kind = "gaussian"
    bias: bool = True
    bias_init: modules.BiasKind = "gaussian"

    def __post_init__(self) -> None:
        positive_integers(self, "width")
        for field in ("weight_std", "bias_std"):
            checked = finite_number("LooksLinear", field, getattr(self, field), minimum=0)
            object.__setattr__(self, field, checked)
        drawn_as("LooksLinear", self.init, self.bias_init)
        trained_bias("LooksLinear", self.bias, self.bias_std)

    def out_shape(self, shapes: Sequence[Shape], where: str) -> Shape:
        return (*shapes[0][:-1], self.width)

    def placed(self, shapes: Sequence[Shape]) -> LooksLinear:
        return with_fans(self, shapes[0][-1], self.width)

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Sequence[Shape]) -> S:
        (h,) = inputs
        kept = keeps_norms(self.init)
        weights = Weights(self.weight_std**2, self.bias_std**2, shapes[0][-1], self.bias, kept)
        # relu(h) and relu(-h) have one kernel: together that of sqrt(2) relu(h).
        half = algebra.nonlinearity(h, named("relu"))
        return algebra.fresh(h, weights, algebra.weighted_sum([half], (sympy.sqrt(2),)))

    def kernel_key(self, shapes: Sequence[Shape]) -> Hashable:
        return self.weight_std, self.bias_std

    def shaping(self, shapes: Sequence[Shape], out: Shape, last: bool) -> ShapingRule:
        return weight_rule(
            self, dataclasses.replace(self, weight_std=1.0, bias_std=0.0, init="suo")
        )

    def module(self, shapes: Sequence[Shape], out: Shape, key: jax.Array, dtype: Any) -> eqx.Module:
        return modules.looks_linear(
            key,
            shapes[0][-1],
            self.width,
            weight_std=numeric("LooksLinear", "weight_std", self.weight_std),
            bias_std=numeric("LooksLinear", "bias_std", self.bias_std),
            init=self.init,
            bias=self.bias,
            bias_init=self.bias_init,
            dtype=dtype,
        )
