"""Base of layers that pick locations along each axis: slices, zeros around them, rolls."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Sequence

from .._errors import ShapeError, shown
from .._limits import LARGEST_AXIS, whole
from ..ir import KernelAlgebra, Layer, S, Selected, Shape, Shapes


class SelectionLayer(Layer, shared=True):
    """Each location is one that came in, or zero; a kind says which along each axis."""

    @abstractmethod
    def along(self, axis: int, size: int, axes: int, where: str) -> Sequence[int]:
        """The index that each index along an axis of this size is; -1 for zero.

        Raises:
            ShapeError: fields that do not fit this axis, or this number of axes.
        """

    def selected(self, shape: Shape, where: str) -> Selected:
        """The map of the locations of a value of this shape."""
        sizes = shape[:-1]
        if not sizes:
            raise ShapeError(
                where=where,
                found=f"an input of shape {shape}",
                law=f"{type(self).__name__} needs location axes before the channels",
                remedy="leave it out for vectors",
            )
        axes = len(sizes)
        picked = tuple(tuple(self.along(i, n, axes, where)) for i, n in enumerate(sizes))
        return Selected(sizes, picked)

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        outputs = self.selected(shapes[0], where).outputs
        if max(outputs) > LARGEST_AXIS:
            raise ShapeError(
                where=where,
                found=f"locations {outputs}",
                law=f"an axis has at most {LARGEST_AXIS:,} locations",
                remedy=f"make the numbers of {type(self).__name__} smaller",
            )
        return (*outputs, shapes[0][-1])

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        return algebra.mix(inputs[0], self.selected(shapes[0], type(self).__name__))

    def kernel_key(self, shapes: Shapes) -> Hashable:
        found = self.selected(shapes[0], type(self).__name__)
        return found.identity, found.exchangeable()

    def location_key(self, shapes: Shapes) -> Hashable:
        return self, shapes[0][:-1]


def whole_numbers(kind: str, field: str, value: object, minimum: int) -> int | tuple[int, ...]:
    """`value` as an integer or a tuple of them; raise `ShapeError` when it is something else."""
    several = isinstance(value, tuple | list)
    found = [whole(n) for n in (value if several else (value,))]
    numbers = tuple(n for n in found if type(n) is int and minimum <= n <= LARGEST_AXIS)
    if not numbers or len(numbers) < len(found):
        raise ShapeError(
            where=kind,
            found=f"{field} = {shown(value)}",
            law=f"{field} is an integer from {minimum} to {LARGEST_AXIS:,}, or one for each axis",
            remedy=f"give {kind} such a {field}",
        )
    return numbers if several else numbers[0]


def of_axis(field: str, value: int | tuple[int, ...], axis: int, axes: int, where: str) -> int:
    """The number of a field for one axis; raise `ShapeError` for other than one for each."""
    if isinstance(value, int):
        return value
    if len(value) != axes:
        raise ShapeError(
            where=where,
            found=f"{field} = {value} for {axes} location axes",
            law=f"{field} is one number, or one for each location axis",
            remedy=f"give {axes} of them",
        )
    return value[axis]
