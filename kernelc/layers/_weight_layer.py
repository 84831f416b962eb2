"""What the specs of layers of weights share: their fields, and what shaping asks of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any, Self, get_args

from jax.typing import DTypeLike
from jaxtyping import Array, PRNGKeyArray

from .._errors import GraphError
from ..ir import Layer, Real, Shape, ShapingRule, Weights
from ..modules import BiasInitializer, Initializer
from ._fields import finite_number, numeric, one_of, trained_bias
from ._initialization import names
from ._weight_module import biases


class WeightLayer(Layer, shared=True):
    """Fresh weights of standard deviation weight_std/sqrt(fan_in), and biases of bias_std.

    Each kind has these fields among its own; those that draw in one way alone say so in `draws`.
    """

    weight_std: Real
    bias_std: Real
    init: Initializer
    bias: bool
    bias_init: BiasInitializer

    def check_weights(self) -> None:
        """Make both deviations floats or formulas; refuse fields that a layer cannot have."""
        kind = type(self).__name__
        for field in ("weight_std", "bias_std"):
            checked = finite_number(kind, field, getattr(self, field), minimum=0)
            object.__setattr__(self, field, checked)
        init, bias_init = self.draws()
        if isinstance(init, str) and init not in get_args(Initializer) and init in names():
            raise GraphError(
                where=kind,
                found=f"init = {init!r}, which is a distribution and a deviation",
                law=f"init is one of {', '.join(map(repr, get_args(Initializer)))}",
                remedy=f"give {kind} both: **kernelc.initialization({init!r})",
            )
        one_of(kind, "init", init, get_args(Initializer))
        one_of(kind, "bias_init", bias_init, get_args(BiasInitializer))
        trained_bias(kind, self.bias, self.bias_std)

    def draws(self) -> tuple[Initializer, BiasInitializer]:
        """How weights and biases are drawn."""
        return self.init, self.bias_init

    def weights(self, fan_in: int) -> Weights:
        """What a kernel rule knows of the weights."""
        together = self.draws()[0] in ("orthogonal", "suo")
        return Weights(self.weight_std**2, self.bias_std**2, fan_in, self.bias, together)

    def kernel_key(self, shapes: Sequence[Shape]) -> Hashable:
        """The deviations, which is all that matters where locations are alike."""
        del shapes
        return self.weight_std, self.bias_std

    def with_weights(
        self,
        weight_std: Real | None = None,
        bias_std: Real | None = None,
        init: str | None = None,
    ) -> Self:
        """A new layer with those of the three that are given and that it has."""
        given = {"weight_std": weight_std, "bias_std": bias_std, "init": init}
        fields = {field.name for field in dataclasses.fields(self)}
        changed: Any = {
            field: value for field, value in given.items() if value is not None and field in fields
        }
        return dataclasses.replace(self, **changed)

    def stds(self) -> tuple[float, float]:
        """Both deviations as numbers to draw with; symbols must have values by then."""
        kind = type(self).__name__
        return (
            numeric(kind, "weight_std", self.weight_std),
            numeric(kind, "bias_std", self.bias_std),
        )

    def drawn_biases(
        self, key: PRNGKeyArray, shape: tuple[int, ...], dtype: DTypeLike
    ) -> Array | None:
        """Biases at initialization, None where there are none."""
        if not self.bias:
            return None
        return biases(key, shape, self.stds()[1], dtype, self.draws()[1])


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
        problem=f"{' and '.join(found)} change q at initialization",
        remedy="use weight_std=1 and bias_std=0 (biases still train)",
    )
