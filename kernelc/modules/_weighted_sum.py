"""WeightedSum: where branches meet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from .._errors import ShapeError
from ._layer import LayerModule, alike
from ._precision import floating


class WeightedSum(LayerModule):
    """Σ w_i x_i over the inputs, with fixed or trained weights.

    Arguments:
        weights: one for each input.
        trainable: whether they are parameters.
        dtype: dtype of the parameters, when trained.

    Raises: ShapeError when there are no weights.

    Example:
        >>> total = WeightedSum((0.6, 0.8))
        >>> total((jnp.ones((1, 1)), jnp.ones((1, 1))))[0].round(4).tolist()
        [[1.399999976158142]]
    """

    weights: Float[Array, " n"] | None
    fixed: tuple[float, ...] | None = eqx.field(static=True)

    def __init__(
        self, weights: Sequence[float], trainable: bool = False, dtype: Any = "float32"
    ) -> None:
        values = tuple(float(w) for w in weights)
        if not values:
            raise ShapeError(
                where="WeightedSum",
                found="no weights",
                law="a sum has one weight for each input",
                remedy="give at least one weight",
            )
        dtype = floating("WeightedSum: dtype", dtype)
        self.weights = jnp.asarray(values, dtype) if trainable else None
        self.fixed = None if trainable else values

    def __call__(
        self,
        inputs: tuple[Array, ...],
        state: eqx.nn.State | None = None,
        key: PRNGKeyArray | None = None,
        axis_name: str | None = None,
    ) -> tuple[Array, eqx.nn.State | None]:
        alike("WeightedSum", inputs)
        weights = self.fixed if self.weights is None else self.weights
        if weights is None or len(weights) != len(inputs):
            raise ShapeError(
                where="WeightedSum",
                found=f"{len(inputs)} inputs",
                law=f"a sum with {0 if weights is None else len(weights)} weights takes as many",
                remedy="give one weight for each input",
            )
        total = weights[0] * inputs[0]
        for weight, x in zip(weights[1:], inputs[1:], strict=True):
            total = total + weight * x
        return total, state
