"""Bases of the finite layers of weights: parameters, their variances, how biases are drawn."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from .._errors import ShapeError
from ..modules import BiasInitializer, MapModule, unit_draw
from ._window import Padding, sizes


class WeightModule(MapModule):
    """A layer that is linear in one array of weights, plus a bias.

    The weight carries its whole scale σ_w/√fan-in: that is what K-FAC needs in order to see the
    layer.

    Arguments:
        weight: inputs on the axis before the last, outputs on the last one.
        bias: one number for each output, or None for no bias.
        weight_std: the σ_w that the weights were drawn with.
        bias_std: the σ_b that the biases were drawn with.
    """

    weight: Float[Array, "..."]
    bias: Float[Array, "..."] | None = None
    weight_std: float = eqx.field(static=True, converter=float, default=1.0)
    bias_std: float = eqx.field(static=True, converter=float, default=0.0)

    def with_bias(self, y: Array) -> Array:
        """y + bias, or y alone."""
        return y if self.bias is None else y + self.bias

    def weight_variance(self) -> float | np.ndarray:
        """Variance at initialization of the weights, a number or an array that broadcasts."""
        return self.weight_std**2 / self.weight.shape[0]

    def parameter_variances(self) -> PyTree:
        arrays = eqx.filter(self, eqx.is_inexact_array)
        tree = eqx.tree_at(lambda tree: tree.weight, arrays, self.weight_variance())
        if self.bias is None:
            return tree
        return eqx.tree_at(lambda tree: tree.bias, tree, self.bias_std**2)

    def check_weight(self, *ranks: int) -> None:
        """Require a weight of one of `ranks`, and one bias for each output channel."""
        shape, bias = self.weight.shape, self.bias
        if len(shape) not in ranks:
            raise ShapeError(
                where=self.kind,
                found=f"weights of shape {shape}",
                law=f"weights are (*window, in, out), {ranks[0]} axes"
                + (f" to {ranks[-1]}" if len(ranks) > 1 else ""),
                remedy="reshape the weights, or use another layer",
            )
        if bias is not None and bias.shape != shape[-1:]:
            raise ShapeError(
                where=self.kind,
                found=f"a bias of shape {bias.shape} for weights of shape {shape}",
                law="there is one bias for each output channel",
                remedy=f"give the bias the shape {shape[-1:]}",
            )


class SlidingModule(WeightModule):
    """Weights that slide over locations.

    Arguments:
        stride: one step for each location axis; default 1.
        padding: "SAME" (zeros) and "CIRCULAR" (the other end of the input) leave
            ceil(n / stride) locations, "VALID" those whose window fits; pairs (low, high) add
            so many zeros along each axis.
        dilation: one step between taps for each location axis; default 1.
    """

    stride: tuple[int, ...] | None = eqx.field(static=True, default=None)
    padding: Padding = eqx.field(static=True, default="SAME")
    dilation: tuple[int, ...] | None = eqx.field(static=True, default=None)

    def steps(self, axes: int) -> tuple[int, ...]:
        """The step along each of the location axes."""
        return (1,) * axes if self.stride is None else sizes(self.stride)

    def apart(self, axes: int) -> tuple[int, ...]:
        """The step between taps along each of the location axes."""
        return (1,) * axes if self.dilation is None else sizes(self.dilation)


def biases(
    key: PRNGKeyArray,
    shape: tuple[int, ...],
    std: float,
    dtype: DTypeLike,
    kind: BiasInitializer = "gaussian",
) -> Float[Array, "..."]:
    """Biases of standard deviation `std`, drawn as `unit_draw` says."""
    if std == 0:
        return jnp.zeros(shape, dtype)
    return unit_draw(kind, key, shape, dtype) * std
