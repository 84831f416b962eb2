"""TakeLocations: a slice of the locations."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import final

import equinox as eqx
from jax.typing import DTypeLike
from jaxtyping import Array

from .._errors import ShapeError
from ..ir import Shape, Shapes
from ..modules import MapModule
from ._selection_layer import SelectionLayer, of_axis, whole_numbers


@final
@dataclasses.dataclass(frozen=True)
class TakeLocations(SelectionLayer):
    """The locations start, start + step, ... below stop: K(p, p') stays, and so does Theta.

    Arguments:
        start: the first index, for all axes or one for each.
        stop: the index behind the last one, likewise; None for the size of each axis.
        step: likewise.

    Raises:
        ShapeError: numbers that are no such integers; in a network, a slice that is empty or goes
            beyond the locations.

    Example:
        >>> import kernelc as kc
        >>> kc.TakeLocations((1, 0), (7, 8), step=2).out_shape([(8, 8, 3)], "crop")
        (3, 4, 3)
    """

    start: int | tuple[int, ...] = 0
    stop: int | tuple[int, ...] | None = None
    step: int | tuple[int, ...] = 1

    def __post_init__(self) -> None:
        for field, minimum in (("start", 0), ("stop", 1), ("step", 1)):
            value = getattr(self, field)
            if value is not None or field != "stop":
                value = whole_numbers("TakeLocations", field, value, minimum)
            object.__setattr__(self, field, value)

    def along(self, axis: int, size: int, axes: int, where: str) -> Sequence[int]:
        start, step = (
            of_axis(field, value, axis, axes, where)
            for field, value in (("start", self.start), ("step", self.step))
        )
        stop = size if self.stop is None else of_axis("stop", self.stop, axis, axes, where)
        if not start < stop <= size:
            raise ShapeError(
                where=where,
                found=f"locations {start} to {stop} of an axis of {size}",
                law="a slice has 0 <= start < stop <= the size of its axis",
                remedy="choose a slice inside",
            )
        return range(start, stop, step)

    def module(
        self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike
    ) -> TakeLocationsModule:
        sizes = shapes[0][:-1]
        found = [self.along(i, n, len(sizes), "TakeLocations") for i, n in enumerate(sizes)]
        slices = tuple((along[0], along[-1] + 1, _step(along)) for along in found)
        return TakeLocationsModule(slices)


def _step(along: Sequence[int]) -> int:
    return along[1] - along[0] if len(along) > 1 else 1


class TakeLocationsModule(MapModule):
    """A slice of each location axis: (batch, *locations, channels) to fewer locations.

    Arguments:
        slices: start, stop and step for each location axis.

    Raises: ShapeError for other axes, or fewer locations than are taken.

    Example:
        >>> import jax.numpy as jnp
        >>> layer = TakeLocationsModule(((1, 4, 2),))
        >>> layer((jnp.arange(4.0).reshape(1, 4, 1),))[0].ravel().tolist()
        [1.0, 3.0]
    """

    slices: tuple[tuple[int, int, int], ...] = eqx.field(static=True)

    def apply(self, x: Array) -> Array:
        stops = tuple(stop for _, stop, _ in self.slices)
        sizes = x.shape[1:-1]
        if len(sizes) != len(stops) or any(n < m for n, m in zip(sizes, stops, strict=True)):
            raise ShapeError(
                where=self.kind,
                found=f"an input of shape {x.shape}",
                law=f"inputs are (batch, *locations, channels) with at least {stops} locations",
                remedy="build the layer for the locations it will see",
            )
        return x[(slice(None), *(slice(*along) for along in self.slices))]
