"""Dense: fresh weights on the channels of every location."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any, TypeVar, final

import equinox as eqx
import jax

from .. import modules
from ..ir import KernelAlgebra, Layer, Shape, ShapingRule, Weights
from ._draws import drawn_as, keeps_norms
from ._fans import with_fans
from ._fields import finite_number, numeric, positive_integers, trained_bias


S = TypeVar("S")
L = TypeVar("L", bound=Any)


@final
@dataclasses.dataclass(frozen=True)
class Dense(Layer):
    """A dense layer: K <- weight_std^2 K + bias_std^2, Theta <- K + weight_std^2 Theta.

    (Jacot et al. 2018, eq. 3-4, with the NTK parametrisation.)

    Arguments:
        width: number of output channels.
        weight_std: sigma_w; weights have variance sigma_w^2 / fan_in. A number, a SymPy symbol,
            or a formula in `kernelc.fan_in` and `kernelc.fan_out`, which have values once the
            layer is in a network; so for bias_std.
        bias_std: sigma_b; biases have variance sigma_b^2.
        init: how weights are drawn: "gaussian", "uniform", "truncated_normal" (at two
            deviations), "orthogonal" or "suo" (scaled uniform orthogonal). The infinite-width
            kernel is the same for all. `kernelc.initialization` has the names people know.
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
    weight_std: Any = 1.0
    bias_std: Any = 0.0
    init: modules.Kind = "gaussian"
    bias: bool = True
    bias_init: modules.BiasKind = "gaussian"

    def __post_init__(self) -> None:
        positive_integers(self, "width")
        for field in ("weight_std", "bias_std"):
            checked = finite_number("Dense", field, getattr(self, field), minimum=0)
            object.__setattr__(self, field, checked)
        drawn_as("Dense", self.init, self.bias_init)
        trained_bias("Dense", self.bias, self.bias_std)

    def out_shape(self, shapes: Sequence[Shape], where: str) -> Shape:
        return (*shapes[0][:-1], self.width)

    def placed(self, shapes: Sequence[Shape]) -> Dense:
        return with_fans(self, shapes[0][-1], self.width)

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Sequence[Shape]) -> S:
        fan_in = shapes[0][-1]
        weights = Weights(
            self.weight_std**2, self.bias_std**2, fan_in, self.bias, keeps_norms(self.init)
        )
        return algebra.fresh(inputs[0], weights)

    def kernel_key(self, shapes: Sequence[Shape]) -> Hashable:
        return self.weight_std, self.bias_std

    def weighted(self, weight_std: Any = None, bias_std: Any = None, init: Any = None) -> Dense:
        return drawn(self, weight_std, bias_std, init)

    def shaping(self, shapes: Sequence[Shape], out: Shape, last: bool) -> ShapingRule:
        return weight_rule(
            self, dataclasses.replace(self, weight_std=1.0, bias_std=0.0, init="suo")
        )

    def module(self, shapes: Sequence[Shape], out: Shape, key: jax.Array, dtype: Any) -> eqx.Module:
        return modules.dense(
            key,
            shapes[0][-1],
            self.width,
            weight_std=numeric("Dense", "weight_std", self.weight_std),
            bias_std=numeric("Dense", "bias_std", self.bias_std),
            init=self.init,
            bias=self.bias,
            bias_init=self.bias_init,
            dtype=dtype,
        )


def drawn(layer: L, weight_std: Any, bias_std: Any, init: Any) -> L:
    """A layer of weights with those of the three that are given; always a new one."""
    given = {"weight_std": weight_std, "bias_std": bias_std, "init": init}
    changed: Any = {field: value for field, value in given.items() if value is not None}
    return dataclasses.replace(layer, **changed)


def weight_rule(layer: Any, replacement: Layer) -> ShapingRule:
    """Shaping asks of a layer of weights: unit weight variance, zero bias, SUO weights."""
    found = []
    if layer.weight_std != 1:
        found.append(f"weight_std = {layer.weight_std}")
    if layer.bias_std != 0:
        found.append(f"bias_std = {layer.bias_std}")
    if not found:
        return ShapingRule(replacement, always=True)
    return ShapingRule(
        replacement,
        problem=f"{' and '.join(found)} change q at initialisation",
        remedy="use weight_std=1 and bias_std=0 (biases still train)",
    )
