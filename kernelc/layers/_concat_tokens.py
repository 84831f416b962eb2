"""ConcatTokens: values one after the other along a location axis."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from itertools import accumulate
from typing import ClassVar, final

import equinox as eqx
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array

from .._errors import ShapeError, shown
from .._limits import whole
from ..ir import KernelAlgebra, Layer, S, Selected, Shape, Shapes
from ..modules import JoinModule


@final
@dataclasses.dataclass(frozen=True)
class ConcatTokens(Layer):
    """Concatenation along a location axis: each location keeps its K and Theta.

    Between locations of two values K is their covariance: the product of their means where they
    have no random weights in common. Values that do are refused, and so is a raw input beside a
    value whose mean is not zero. Locations differ, so that `derive` refuses them; `kernel_fn`
    follows every location.

    Arguments:
        axis: of the location axes, from 0.

    Raises:
        ShapeError: an axis that is no integer of at least 0; in a network, values without this
            axis, or whose other sizes differ.
        UnsupportedError: on deriving.
        DependenceError: from `kernel_fn`, for values with random weights in common.

    Example:
        >>> import kernelc as kc
        >>> kc.ConcatTokens().out_shape([(4, 8), (2, 8)], "sequence")
        (6, 8)
    """

    arity: ClassVar[int | None] = None
    axis: int = 0

    def __post_init__(self) -> None:
        axis = whole(self.axis)
        if type(axis) is not int or not 0 <= axis <= 2:
            raise ShapeError(
                where="ConcatTokens",
                found=f"axis = {shown(self.axis)}",
                law="axis counts the location axes from 0, of which there are three at most",
                remedy="write ConcatTokens() for sequences",
            )
        object.__setattr__(self, "axis", axis)

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        _check_shapes(where, shapes, self.axis)
        total = sum(shape[self.axis] for shape in shapes)
        return (*shapes[0][: self.axis], total, *shapes[0][self.axis + 1 :])

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        lengths = [shape[self.axis] for shape in shapes]
        total, before = sum(lengths), [0, *accumulate(lengths)]
        terms = []
        for s, shape, start, length in zip(inputs, shapes, before, lengths, strict=False):
            picked = [tuple(range(size)) for size in shape[:-1]]
            picked[self.axis] = (
                *(-1,) * start,
                *range(length),
                *(-1,) * (total - start - length),
            )
            terms.append(algebra.mix(s, Selected(tuple(shape[:-1]), tuple(picked))))
        return terms[0] if len(terms) == 1 else algebra.weighted_sum(terms, [1.0] * len(terms))

    def location_key(self, shapes: Shapes) -> Hashable:
        return tuple(shape[:-1] for shape in shapes)

    def module(
        self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike
    ) -> ConcatTokensModule:
        return ConcatTokensModule(self.axis)


class ConcatTokensModule(JoinModule):
    """Values (batch, *locations, channels) one after the other along a location axis.

    Arguments:
        axis: of the location axes, from 0.

    Raises: ShapeError for values without this axis, or whose other sizes differ.

    Example:
        >>> layer = ConcatTokensModule()
        >>> layer((jnp.zeros((1, 2, 1)), jnp.ones((1, 1, 1))))[0].ravel().tolist()
        [0.0, 0.0, 1.0]
    """

    axis: int = eqx.field(static=True, default=0)

    def apply(self, inputs: tuple[Array, ...]) -> Array:
        _check_shapes(self.kind, [x.shape[1:] for x in inputs], self.axis)
        return jnp.concatenate(inputs, self.axis + 1)


def _check_shapes(where: str, shapes: Shapes, axis: int) -> None:
    rest = [(*shape[:axis], *shape[axis + 1 :]) for shape in shapes]
    if any(len(shape) < axis + 2 for shape in shapes) or any(other != rest[0] for other in rest):
        raise ShapeError(
            where=where,
            found=f"branches of shapes {', '.join(map(str, shapes))}",
            law=f"values have a location axis {axis}, and all other sizes are equal",
            remedy="give them equal channels, and Broadcast((1,)) before a vector",
        )
