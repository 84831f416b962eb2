"""WeightedMeanPool: pooling with trained weights whose squares start with sum one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from .._errors import UnsupportedError
from ._conv import Conv
from ._layer import LayerModule
from ._precision import floating
from ._window import Padding, check_window, sizes


class WeightedMeanPool(LayerModule):
    """A depthwise convolution without bias: every channel has taps of its own, all trained.

    Arguments:
        taps: shape (*window, 1, channels).
        stride: one step for each location axis; default 1.
        padding: "SAME", "VALID" or "CIRCULAR".

    Raises: ShapeError for sizes that do not fit together.

    Example:
        >>> pool = WeightedMeanPool(jnp.full((2, 1, 1), 0.5), stride=(2,))
        >>> pool((jnp.arange(4.0).reshape(1, 4, 1),))[0].ravel().tolist()
        [0.5, 2.5]
    """

    depthwise: Conv

    def __init__(
        self,
        taps: Float[Array, "*window 1 channels"],
        *,
        stride: Sequence[int] | None = None,
        padding: Padding = "SAME",
    ) -> None:
        self.depthwise = Conv(taps, stride=stride, padding=padding, groups=taps.shape[-1])

    def __call__(
        self,
        inputs: tuple[Array, ...],
        state: eqx.nn.State | None = None,
        key: PRNGKeyArray | None = None,
        axis_name: str | None = None,
    ) -> tuple[Array, eqx.nn.State | None]:
        return self.depthwise(inputs, state, key, axis_name)


def weighted_mean_pool(
    channels: int,
    *,
    window: Sequence[int],
    stride: Sequence[int] | None = None,
    padding: Padding = "SAME",
    initial: Literal["delta", "uniform"] = "delta",
    dtype: Any = "float32",
) -> WeightedMeanPool:
    """A `WeightedMeanPool` whose taps start with squares that sum to one.

    With `initial="delta"` one tap is 1 and the others 0: the pool starts as a subsampling, and
    q values are kept exactly. The tap is the centre one, or in an even window the one just
    before the centre; either reads a real location under any padding. With
    `initial="uniform"` every tap is 1/√n: q values are kept in the mean when the n locations
    of a window are uncorrelated, and grow by up to n when they are alike.

    Arguments:
        channels: channels of the input.
        window: one size for each location axis.
        stride, padding: see `WeightedMeanPool`.
        initial: "delta" or "uniform".
        dtype: dtype of the parameters.

    Returns: the layer.

    Raises:
        ShapeError: sizes that do not fit together.
        UnsupportedError: an unknown `initial`.

    Example:
        >>> pool = weighted_mean_pool(1, window=(3,), stride=(3,))
        >>> pool((jnp.arange(6.0).reshape(1, 6, 1),))[0].ravel().tolist()
        [1.0, 4.0]
    """
    window = sizes(window)
    check_window("WeightedMeanPool", window, (1,) * len(window), padding)
    dtype = floating("WeightedMeanPool: dtype", dtype)
    return WeightedMeanPool(_taps(window, channels, initial, dtype), stride=stride, padding=padding)


def _taps(
    window: tuple[int, ...], channels: int, initial: str, dtype: Any
) -> Float[Array, "*window 1 channels"]:
    shape = (*window, 1, channels)
    if initial == "uniform":
        return jnp.full(shape, 1 / math.sqrt(math.prod(window)), dtype)
    if initial == "delta":
        return jnp.zeros(shape, dtype).at[tuple((w - 1) // 2 for w in window)].set(1)
    raise UnsupportedError(
        where="WeightedMeanPool: initial",
        found=repr(initial),
        law="the taps start on one location or spread evenly",
        remedy='choose "delta" or "uniform"',
    )
