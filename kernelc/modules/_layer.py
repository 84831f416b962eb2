"""What every layer of a model is: a map on batches, and the state that it may begin with."""

from __future__ import annotations

import abc
import dataclasses

import equinox as eqx
import jax
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, PRNGKeyArray, PyTree

from .._errors import ShapeError


class LayerModule(eqx.Module):
    """A finite layer, called on whole batches.

    K-FAC recognizes layers by the operations on batch-level values, so the batch axis is
    part of the contract and not left to `jax.vmap`.
    """

    @abc.abstractmethod
    def __call__(
        self,
        inputs: tuple[Array, ...],
        state: eqx.nn.State | None = None,
        key: PRNGKeyArray | None = None,
        axis_name: str | None = None,
    ) -> tuple[Array, eqx.nn.State | None]:
        """Apply the layer.

        Arguments:
            inputs: arrays of shape (batch, *locations, channels).
            state: running statistics; passed through by layers that keep none.
            key: randomness, for dropout in training.
            axis_name: name of a `jax.vmap` axis that is part of the batch.

        Returns: the output, (batch, *locations, channels), and the state.
        """

    @property
    def kind(self) -> str:
        """Name of the kind it belongs to, for messages."""
        return type(self).__name__.removesuffix("Module")

    @property
    def needs_batch(self) -> bool:
        """Whether the output for one example depends on the other examples of its batch."""
        return False

    def parameter_variances(self) -> PyTree:
        """Variance at initialization of each parameter that the infinite-width limit counts.

        The NTK parameterization writes a parameter of standard deviation σ as σω and takes
        gradients along ω: ∂f/∂ω = σ ∂f/∂θ (Jacot et al. 2018). Gains and other parameters
        that the limit holds fixed have the number 0, which is what this method gives to all
        unless a layer says otherwise.

        Returns: the layer with a number, or an array that broadcasts against it, in the place
            of each parameter, and None in that of anything else.
        """
        return jax.tree.map(lambda _: 0.0, eqx.filter(self, eqx.is_inexact_array))


@dataclasses.dataclass(frozen=True)
class InitialStatistic:
    """One number everywhere, which becomes an array only inside `eqx.nn.State`.

    As an array it would be a leaf of the model, and so taken for a parameter to train.

    Arguments:
        value: the number.
        shape: of the array.
    """

    value: float
    shape: tuple[int, ...]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        return np.full(self.shape, self.value, np.float32)

    def stacked(self, count: int) -> InitialStatistic:
        """This for `count` layers, on a new first axis."""
        return InitialStatistic(self.value, (count, *self.shape))

    def __getitem__(self, index: object) -> InitialStatistic:
        """This for one of the layers that were stacked."""
        return InitialStatistic(self.value, self.shape[1:])


class MapModule(LayerModule):
    """A layer that is a function of one input, and of nothing else."""

    @abc.abstractmethod
    def apply(self, x: Array) -> Array:
        """The output, (batch, *locations, channels), of an input of that form."""

    def __call__(
        self,
        inputs: tuple[Array, ...],
        state: eqx.nn.State | None = None,
        key: PRNGKeyArray | None = None,
        axis_name: str | None = None,
    ) -> tuple[Array, eqx.nn.State | None]:
        return self.apply(only(self.kind, inputs)), state


class JoinModule(LayerModule):
    """A layer that is a function of several inputs, and of nothing else."""

    @abc.abstractmethod
    def apply(self, inputs: tuple[Array, ...]) -> Array:
        """The output, (batch, *locations, channels), of inputs of that form."""

    def __call__(
        self,
        inputs: tuple[Array, ...],
        state: eqx.nn.State | None = None,
        key: PRNGKeyArray | None = None,
        axis_name: str | None = None,
    ) -> tuple[Array, eqx.nn.State | None]:
        return self.apply(inputs), state


def only(where: str, inputs: tuple[Array, ...]) -> Array:
    """The single input of a layer that takes one, with its batch and channel axes."""
    if len(inputs) != 1:
        raise ShapeError(
            where=where,
            found=f"{len(inputs)} inputs",
            law=f"{where} takes exactly one input",
            remedy="combine branches with WeightedSum, Product or Concat first",
        )
    if inputs[0].ndim < 2:
        raise ShapeError(
            where=where,
            found=f"an input of shape {inputs[0].shape}",
            law="modules take batches: (batch, *locations, channels)",
            remedy="add a batch axis, x[None]",
        )
    return inputs[0]


def alike(where: str, inputs: tuple[Array, ...], channels_too: bool = True) -> None:
    """Require inputs of one shape, up to the number of channels if not `channels_too`."""
    shapes = [x.shape if channels_too else x.shape[:-1] for x in inputs]
    if not shapes or any(shape != shapes[0] for shape in shapes):
        raise ShapeError(
            where=where,
            found=f"inputs of shapes {[x.shape for x in inputs]}",
            law="branches meet only when their shapes agree"
            + ("" if channels_too else " but for the last axis"),
            remedy="make the branches end in equal shapes",
        )


def require_channels(where: str, x: Array, channels: int) -> None:
    """Require `channels` entries on the last axis."""
    if x.shape[-1] != channels:
        raise ShapeError(
            where=where,
            found=f"an input of shape {x.shape}",
            law=f"this layer was made for {channels} channels on the last axis",
            remedy="build the layer for the channels it will see",
        )
