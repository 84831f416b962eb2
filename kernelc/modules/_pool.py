"""Pools: mean and maximum over windows, and the mean over all locations."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, PRNGKeyArray

from .._errors import ShapeError
from ._layer import LayerModule, only
from ._precision import accumulator, as_dtype
from ._window import Padding, check_locations, check_window, over_windows, sizes


class _WindowPool(LayerModule):
    """What both pools over windows are made of.

    Arguments:
        window: one size for each location axis.
        stride: one step for each location axis; default the window, so that windows tile.
        padding: "SAME", "VALID" or "CIRCULAR".

    Raises: ShapeError for sizes that do not fit together.
    """

    window: tuple[int, ...] = eqx.field(static=True)
    stride: tuple[int, ...] = eqx.field(static=True)
    padding: Padding = eqx.field(static=True)

    def __init__(
        self,
        window: Sequence[int],
        stride: Sequence[int] | None = None,
        padding: Padding = "VALID",
    ) -> None:
        self.window = sizes(window)
        self.stride = self.window if stride is None else sizes(stride)
        self.padding = padding
        check_window(type(self).__name__, self.window, self.stride, padding)


class MeanPool(_WindowPool):
    """The mean over each window, over real locations only: padding is not counted.

    Arguments:
        window: one size for each location axis.
        stride: one step for each location axis; default the window, so that windows tile.
        padding: "SAME", "VALID" or "CIRCULAR".

    Raises: ShapeError for sizes that do not fit together.

    Example:
        >>> MeanPool((2,))((jnp.arange(4.0).reshape(1, 4, 1),))[0].ravel().tolist()
        [0.5, 2.5]
    """

    def __call__(
        self,
        inputs: tuple[Array, ...],
        state: eqx.nn.State | None = None,
        key: PRNGKeyArray | None = None,
        axis_name: str | None = None,
    ) -> tuple[Array, eqx.nn.State | None]:
        x = only("MeanPool", inputs)
        check_locations("MeanPool", x, self.window, self.padding)
        geometry = (self.window, self.stride, self.padding)
        wide = as_dtype(x, accumulator(x.dtype))
        total = over_windows(wide, 0.0, lax.add, *geometry)
        real = jnp.ones((1, *x.shape[1:-1], 1), wide.dtype)
        counted = over_windows(real, 0.0, lax.add, *geometry)
        return as_dtype(total / counted, x.dtype), state


class MaxPool(_WindowPool):
    """The maximum over each window; padding never wins.

    Arguments:
        window: one size for each location axis.
        stride: one step for each location axis; default the window, so that windows tile.
        padding: "SAME", "VALID" or "CIRCULAR".

    Raises: ShapeError for sizes that do not fit together.

    Example:
        >>> MaxPool((2,))((jnp.arange(4.0).reshape(1, 4, 1),))[0].ravel().tolist()
        [1.0, 3.0]
    """

    def __call__(
        self,
        inputs: tuple[Array, ...],
        state: eqx.nn.State | None = None,
        key: PRNGKeyArray | None = None,
        axis_name: str | None = None,
    ) -> tuple[Array, eqx.nn.State | None]:
        x = only("MaxPool", inputs)
        check_locations("MaxPool", x, self.window, self.padding)
        geometry = (self.window, self.stride, self.padding)
        return over_windows(x, -np.inf, lax.max, *geometry), state


class GlobalMeanPool(LayerModule):
    """The mean over all locations: (batch, *locations, channels) to (batch, channels).

    Raises: ShapeError when the input has no location axis.

    Example:
        >>> GlobalMeanPool()((jnp.arange(4.0).reshape(1, 4, 1),))[0].tolist()
        [[1.5]]
    """

    def __call__(
        self,
        inputs: tuple[Array, ...],
        state: eqx.nn.State | None = None,
        key: PRNGKeyArray | None = None,
        axis_name: str | None = None,
    ) -> tuple[Array, eqx.nn.State | None]:
        x = only("GlobalMeanPool", inputs)
        if x.ndim < 3:
            raise ShapeError(
                where="GlobalMeanPool",
                found=f"an input of shape {x.shape}",
                law="a global pool is over at least one location axis",
                remedy="leave the pool out",
            )
        locations = tuple(range(1, x.ndim - 1))
        return as_dtype(jnp.mean(as_dtype(x, accumulator(x.dtype)), locations), x.dtype), state
