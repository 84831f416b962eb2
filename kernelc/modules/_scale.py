"""Scale: one number times everything."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ._layer import LayerModule, only
from ._precision import floating


class Scale(LayerModule):
    """value · x.

    Arguments:
        value: an array is trained, a number is fixed.

    Example:
        >>> Scale(3.0)((jnp.ones((1, 1)),))[0].tolist()
        [[3.0]]
    """

    value: Float[Array, ""] | None
    fixed: float | None = eqx.field(static=True)

    def __init__(self, value: Float[Array, ""] | float) -> None:
        trained = isinstance(value, jax.Array)
        self.value = value if trained else None
        self.fixed = None if trained else float(value)

    def __call__(
        self,
        inputs: tuple[Array, ...],
        state: eqx.nn.State | None = None,
        key: PRNGKeyArray | None = None,
        axis_name: str | None = None,
    ) -> tuple[Array, eqx.nn.State | None]:
        x = only("Scale", inputs)
        factor: Any = self.fixed if self.value is None else self.value
        return factor * x, state


def scale(value: float, *, trainable: bool = True, dtype: Any = "float32") -> Scale:
    """A `Scale` that starts at `value`.

    Arguments:
        value: the number.
        trainable: whether it is a parameter.
        dtype: dtype of the parameter, when trained.

    Returns: the layer.

    Raises: UnsupportedError for a dtype that is not floating.

    Example:
        >>> scale(3.0).value.dtype
        dtype('float32')
    """
    dtype = floating("Scale: dtype", dtype)
    return Scale(jnp.asarray(float(value), dtype) if trainable else float(value))
