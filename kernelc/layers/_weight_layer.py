"""Bases of the specs of layers of weights: fields, checks, draws, and the shaping rule."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from typing import Self, get_args

import jax
import sympy
from jax.typing import DTypeLike
from jaxtyping import Array, PRNGKeyArray

from .._errors import GraphError
from ..ir import Layer, Real, Shape, Shapes, ShapingRule, Weights
from ..modules import BiasInitializer, Initializer, initialize
from ._fields import finite_number, numeric, one_of, positive_integers, trained_bias
from ._initialization import fan_in, fan_out, names
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

    def fans(self, shape: Shape) -> tuple[int, int] | None:
        """Fan-in and fan-out of the weights drawn for an input of this shape, for formulas of
        deviations; None where the layer takes no such formulas."""
        return None

    def placed(self, shapes: Shapes) -> Self:
        """The layer with numbers where weight_std and bias_std are formulas in the fans."""
        fans = self.fans(shapes[0])
        changed: dict[str, sympy.Basic] = {}
        for field in ("weight_std", "bias_std"):
            formula = getattr(self, field)
            if fans and isinstance(formula, sympy.Expr) and formula.has(fan_in, fan_out):
                changed[field] = formula.subs({fan_in: fans[0], fan_out: fans[1]})
        return dataclasses.replace(self, **changed) if changed else self

    def weights(self, fan_in: int) -> Weights:
        """What a kernel rule knows of the weights."""
        init, _ = self.draws()
        together = init in ("orthogonal", "suo")
        variances = self.weight_std**2, self.bias_std**2
        return Weights(*variances, fan_in, self.bias, together, zero=init == "zero")

    def kernel_key(self, shapes: Shapes) -> Hashable:
        """The deviations, and whether weights start at zero: all that matters where locations are
        alike."""
        return self.weight_std, self.bias_std, self.draws()[0] == "zero"

    def with_weights(
        self,
        weight_std: Real | None = None,
        bias_std: Real | None = None,
        init: str | None = None,
    ) -> Self:
        """A new layer with those of the three that are given and that it has."""
        given = {"weight_std": weight_std, "bias_std": bias_std, "init": init}
        fields = {field.name for field in dataclasses.fields(self)}
        changed = {key: value for key, value in given.items() if value is not None}
        return dataclasses.replace(self, **{key: changed[key] for key in changed if key in fields})

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

    def drawn(
        self,
        key: PRNGKeyArray,
        window: tuple[int, ...],
        before: int,
        after: int,
        dtype: DTypeLike,
        groups: int = 1,
        delta: bool = False,
    ) -> tuple[Array, Array | None, float, float]:
        """Weights and biases at initialization, and their deviations: see `initialize`."""
        weight_key, bias_key = jax.random.split(key)
        weight_std, bias_std = self.stds()
        init, _ = self.draws()
        weight = initialize(init, weight_key, window, before, after, groups, delta, dtype)
        bias = self.drawn_biases(bias_key, (after,), dtype)
        return weight * weight_std, bias, weight_std, bias_std


class DenseLayer(WeightLayer, shared=True):
    """Weights on the channels of every location."""

    width: int

    def __post_init__(self) -> None:
        positive_integers(self, "width")
        self.check_weights()

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        return (*shapes[0][:-1], self.width)

    def fans(self, shape: Shape) -> tuple[int, int]:
        return shape[-1], self.width

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        return weight_rule(self)


def weight_rule(layer: WeightLayer, replacement: Layer | None = None) -> ShapingRule:
    """Shaping asks of a layer of weights: unit weight variance, zero bias, SUO weights.

    One that starts at zero stays so: what reads it says whether it may.
    """
    if layer.draws()[0] == "zero":
        return ShapingRule(layer)
    if replacement is None:
        replacement = layer.with_weights(1.0, 0.0, "suo")
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
