"""Shape rules that several kinds share."""

from __future__ import annotations

from collections.abc import Sequence

from .._errors import ShapeError
from ..ir import Shape


def same_shape(shapes: Sequence[Shape], where: str, what: str) -> Shape:
    """The one shape all branches have."""
    if any(shape != shapes[0] for shape in shapes):
        raise ShapeError(
            where=where,
            found=f"branches of shapes {', '.join(map(str, shapes))}",
            law=f"{what} combines values of one shape",
            remedy="project the odd branch with Dense or Conv, or match the strides",
        )
    return shapes[0]


def with_locations(shape: Shape, where: str, what: str) -> int:
    """How many locations `shape` has; an error when it has none."""
    if len(shape) < 2:
        raise ShapeError(
            where=where,
            found=f"an input of shape {shape}",
            law=f"{what} needs location axes before the channels",
            remedy="leave it out for vectors",
        )
    count = 1
    for size in shape[:-1]:
        count *= size
    return count
