"""BatchNorm: mean removal over the batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from .._errors import DataError
from ..ir import KernelAlgebra, Layer, S, Shape, Shapes, ShapingRule
from ..modules import InitialStatistic, LayerModule, accumulator, as_dtype, only, require_channels
from ._fields import finite_number


@final
@dataclasses.dataclass(frozen=True)
class BatchNorm(Layer):
    """Batch norm: K <- (K - k_b) / (q - k_b), k_b the covariance of a typical pair of the batch.

    The formula holds for large batches in training mode; `kernel.c_b` is the cosine
    similarity of a typical pair of inputs. No NTK is derived. `shape` refuses batch norm, and
    removes it with `rewrite=True`.

    Arguments:
        momentum: weight of the old running statistics at each update, from 0 to 1. (PyTorch's
            momentum is the weight of the new ones, 1 minus this.)
        eps: guard against division by zero; left out of the formula.

    Raises:
        GraphError: a momentum outside [0, 1], an eps that is negative or not finite.

    Example:
        >>> import kernelc as kc
        >>> kc.BatchNorm().text()
        'BatchNorm()'
    """

    momentum: float = 0.9
    eps: float = 1e-5

    def __post_init__(self) -> None:
        finite_number("BatchNorm", "eps", self.eps, minimum=0, symbol=False)
        finite_number("BatchNorm", "momentum", self.momentum, minimum=0, maximum=1, symbol=False)

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        return shapes[0]

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        return algebra.batch_normalize(inputs[0])

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        return ShapingRule(
            None,
            problem="batch norm removes the mean over the batch, which makes C maps depend on data",
            remedy="remove it",
        )

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> BatchNormModule:
        ones, zeros = jnp.ones(out[-1], dtype), jnp.zeros(out[-1], dtype)
        return BatchNormModule(ones, zeros, momentum=self.momentum, eps=self.eps)


class BatchNormModule(LayerModule):
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
        >>> norm = BatchNormModule(jnp.ones(1), jnp.zeros(1), eps=0.0)
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
        self.index = eqx.nn.StateIndex(
            (InitialStatistic(0.0, gain.shape[-1:]), InitialStatistic(1.0, gain.shape[-1:]))
        )
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
        x = only(self.kind, inputs)
        require_channels(self.kind, x, self.gain.shape[0])
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
                    where=self.kind,
                    found=f"running statistics of shape {running[0].shape}",
                    law=f"this layer has {self.gain.shape[0]} channels",
                    remedy="take layer and state from kernelc.unrolled(model, state)",
                )
            return running
        start: object = self.index.init
        if not self.inference or not isinstance(start, tuple):
            raise DataError(
                where=self.kind,
                found="no state",
                law="batch norm reads running statistics from a state and moves them in training",
                remedy="make state = eqx.nn.State(model) and call model(x, state), "
                "or use eqx.nn.inference_mode(model)",
            )
        return jnp.asarray(start[0]), jnp.asarray(start[1])


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
