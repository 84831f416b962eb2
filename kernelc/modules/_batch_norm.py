"""BatchNorm: normalisation of each channel over the batch and all locations."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from .._errors import DataError
from ._layer import LayerModule, only, require_channels
from ._precision import accumulator, as_dtype, floating
from ._start import Start


class BatchNorm(LayerModule):
    """gain · (x − mean)/√(var + eps) + bias, channel by channel (Ioffe & Szegedy 2015).

    In training the statistics are those of the batch, over examples and locations, and the
    running ones in the state move by running ← momentum · running + (1 − momentum) · batch;
    in inference the running ones are used. Variances are the biased ones. Statistics are
    float32 or better.

    Arguments:
        gain: shape (channels,).
        bias: shape (channels,).
        momentum: how much of the running statistics a step keeps.
        eps: what keeps constant channels finite.
        inference: toggled by `eqx.nn.inference_mode`.

    Raises: DataError when called in training without a state, and for the state of other layers.

    Example:
        >>> norm = BatchNorm(jnp.ones(1), jnp.zeros(1), eps=0.0)
        >>> state = eqx.nn.State(norm)
        >>> norm((jnp.array([[3.0], [5.0]]),), state)[0].tolist()
        [[-1.0], [1.0]]
    """

    gain: Float[Array, " channels"]
    bias: Float[Array, " channels"]
    index: eqx.nn.StateIndex
    inference: bool
    momentum: float = eqx.field(static=True)
    eps: float = eqx.field(static=True)

    def __init__(
        self,
        gain: Float[Array, " channels"],
        bias: Float[Array, " channels"],
        *,
        momentum: float = 0.9,
        eps: float = 1e-5,
        inference: bool = False,
    ) -> None:
        self.gain, self.bias = gain, bias
        self.index = eqx.nn.StateIndex((Start(0.0, gain.shape[-1:]), Start(1.0, gain.shape[-1:])))
        self.inference = inference
        self.momentum, self.eps = float(momentum), float(eps)

    @property
    def needs_batch(self) -> bool:
        return not self.inference

    def __call__(
        self,
        inputs: tuple[Array, ...],
        state: eqx.nn.State | None = None,
        key: PRNGKeyArray | None = None,
        axis_name: str | None = None,
    ) -> tuple[Array, eqx.nn.State | None]:
        x = only("BatchNorm", inputs)
        require_channels("BatchNorm", x, self.gain.shape[0])
        # XLA on a CPU would compute x anew in each of its readers here, with all that is fused
        # into it, and so on through the layers before (`benchmarks/lowering.py` has what it costs).
        x = jax.lax.optimization_barrier(x)
        wide = as_dtype(x, accumulator(x.dtype))
        running = self._running(state)
        if self.inference:
            mean, variance = running
        else:
            mean, variance = _moments(wide, axis_name)
            assert state is not None  # `_running` has raised otherwise
            moved = (
                as_dtype(self.momentum * old + (1 - self.momentum) * new, old.dtype)
                for old, new in zip(running, (mean, variance), strict=True)
            )
            state = state.set(self.index, jax.lax.stop_gradient(tuple(moved)))
        y = (wide - mean) * jax.lax.rsqrt(variance + self.eps)
        return as_dtype(y, x.dtype) * self.gain + self.bias, state

    def _running(self, state: eqx.nn.State | None) -> tuple[Array, Array]:
        if state is not None:
            running = state.get(self.index)
            if running[0].shape != self.gain.shape:
                # Layers looked up in a model with loops would broadcast those of all blocks.
                raise DataError(
                    where="BatchNorm",
                    found=f"running statistics of shape {running[0].shape}",
                    law=f"this layer has {self.gain.shape[0]} channels",
                    remedy="take layer and state from kernelc.unrolled(model, state)",
                )
            return running
        start: Any = self.index.init
        if not self.inference or not isinstance(start, tuple):
            raise DataError(
                where="BatchNorm",
                found="no state",
                law="batch norm reads running statistics from a state and moves them in training",
                remedy="make state = eqx.nn.State(model) and call model(x, state), "
                "or use eqx.nn.inference_mode(model)",
            )
        return jnp.asarray(start[0]), jnp.asarray(start[1])


def batch_norm(
    channels: int, *, momentum: float = 0.9, eps: float = 1e-5, dtype: Any = "float32"
) -> BatchNorm:
    """A `BatchNorm` with gains one and biases zero, in training mode.

    Arguments:
        channels: entries on the last axis.
        momentum, eps: see `BatchNorm`.
        dtype: dtype of gain and bias.

    Returns: the layer.

    Raises: UnsupportedError for a dtype that is not floating.

    Example:
        >>> batch_norm(8).gain.shape
        (8,)
    """
    dtype = floating("BatchNorm: dtype", dtype)
    return BatchNorm(
        jnp.ones(channels, dtype), jnp.zeros(channels, dtype), momentum=momentum, eps=eps
    )


def _moments(x: Array, axis_name: str | None) -> tuple[Array, Array]:
    axes = tuple(range(x.ndim - 1))
    mean = jnp.mean(x, axes)
    if axis_name is not None:
        mean = jax.lax.pmean(mean, axis_name)
    # Around the shared mean: the mean of squares minus the square would cancel.
    variance = jnp.mean(jnp.square(x - mean), axes)
    if axis_name is not None:
        variance = jax.lax.pmean(variance, axis_name)
    return mean, variance
