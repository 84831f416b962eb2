"""Roll: locations shifted around, as shifted windows of attention do."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import final

import equinox as eqx
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array

from .._errors import ShapeError
from .._limits import LARGEST_AXIS
from ..ir import Shape, Shapes
from ..modules import MapModule
from ._selection_layer import SelectionLayer, of_axis, whole_numbers


@final
@dataclasses.dataclass(frozen=True)
class Roll(SelectionLayer):
    """Locations shifted by `shifts`, around the border: K(p, p') <- K(p - shift, p' - shift).

    A sum or product of a value and itself rolled pairs unlike locations, which kernel rules refuse
    unless one of the two passes through weights.

    Arguments:
        shifts: by how many locations, for all axes or one for each.

    Raises:
        ShapeError: shifts that are no integers, or other than one for each axis.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((4, 4, 3))
        >>> kc.Network(x, kc.Roll((-1, 2))(x)).output_shape
        (4, 4, 3)
    """

    shifts: int | tuple[int, ...]

    def __post_init__(self) -> None:
        shifts = whole_numbers("Roll", "shifts", self.shifts, -LARGEST_AXIS)
        object.__setattr__(self, "shifts", shifts)

    def along(self, axis: int, size: int, axes: int, where: str) -> Sequence[int]:
        shift = of_axis("shifts", self.shifts, axis, axes, where)
        return [(i - shift) % size for i in range(size)]

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> RollModule:
        axes = len(out) - 1
        return RollModule(
            tuple(of_axis("shifts", self.shifts, i, axes, "Roll") for i in range(axes))
        )


class RollModule(MapModule):
    """The locations of (batch, *locations, channels), shifted around.

    Arguments:
        shifts: by how many locations, for each axis.

    Raises: ShapeError for an input with other axes.

    Example:
        >>> RollModule((1,))((jnp.arange(3.0).reshape(1, 3, 1),))[0].ravel().tolist()
        [2.0, 0.0, 1.0]
    """

    shifts: tuple[int, ...] = eqx.field(static=True)

    def apply(self, x: Array) -> Array:
        if x.ndim != len(self.shifts) + 2:
            raise ShapeError(
                where=self.kind,
                found=f"an input of shape {x.shape}",
                law=f"inputs are (batch, *locations, channels) with {len(self.shifts)} location "
                "axes",
                remedy="give one shift for each location axis",
            )
        return jnp.roll(x, self.shifts, tuple(range(1, x.ndim - 1)))
