"""Broadcast: a value with one location repeated at all locations."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Sequence
from typing import final

import equinox as eqx
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array

from .._errors import ShapeError
from ..ir import KernelAlgebra, Layer, S, Selected, Shape, Shapes
from ..modules import MapModule
from ._fields import axis_sizes


@final
@dataclasses.dataclass(frozen=True)
class Broadcast(Layer):
    """A value with one location, or none, at all locations: K(p, p') <- K, Theta likewise.

    A gate of channels is a product with it: squeeze-and-excitation (Hu et al. 2018) pools a value,
    makes a gate of the pool by layers of weights, and multiplies the value by it. The weights of
    the gate make it independent of the value, as `Product` needs.

    Arguments:
        locations: sizes of the location axes that come out.

    Raises:
        ShapeError: sizes that are no positive integers; in a network, an input with more than one
            location.

    Example:
        >>> import kernelc as kc
        >>> kc.Broadcast((4, 6)).out_shape([(8,)], "gate")
        (4, 6, 8)
    """

    locations: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "locations", axis_sizes("Broadcast", "locations", self.locations))

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        if math.prod(shapes[0][:-1]) != 1:
            raise _more_locations(where, shapes[0])
        return (*self.locations, shapes[0][-1])

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        axes = max(len(self.locations), len(shapes[0]) - 1)
        repeated = tuple((0,) * size for size in self.locations)
        repeated += ((0,),) * (axes - len(repeated))
        return algebra.mix(inputs[0], Selected((1,) * axes, repeated))

    def location_key(self, shapes: Shapes) -> Hashable:
        return shapes[0][:-1]

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> BroadcastModule:
        return BroadcastModule(self.locations)


class BroadcastModule(MapModule):
    """(batch, channels), or that with location axes of size one, to (batch, *locations, channels).

    Arguments:
        locations: sizes of the location axes that come out.

    Raises: ShapeError for an input with more than one location.

    Example:
        >>> BroadcastModule((2,))((jnp.ones((1, 1)),))[0].tolist()
        [[[1.0], [1.0]]]
    """

    locations: tuple[int, ...] = eqx.field(static=True)

    def apply(self, x: Array) -> Array:
        if math.prod(x.shape[1:-1]) != 1:
            raise _more_locations(self.kind, x.shape)
        batch, channels = x.shape[0], x.shape[-1]
        one = x.reshape(batch, *(1,) * len(self.locations), channels)
        return jnp.broadcast_to(one, (batch, *self.locations, channels))


def _more_locations(where: str, shape: Shape) -> ShapeError:
    return ShapeError(
        where=where,
        found=f"an input of shape {shape}",
        law="one location is repeated at all locations",
        remedy="put GlobalMeanPool() before it",
    )
