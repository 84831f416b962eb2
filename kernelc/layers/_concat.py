"""Concat: branches side by side on the channel axis."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from fractions import Fraction
from typing import ClassVar, final

import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array

from .._errors import ShapeError
from ..ir import KernelAlgebra, Layer, S, Shape, Shapes
from ..modules import JoinModule, alike


@final
@dataclasses.dataclass(frozen=True)
class Concat(Layer):
    """Concatenation along channels: K = sum f_i K_i, f_i the fraction of the channels.

    Raises:
        ShapeError: branches whose locations differ.

    Example:
        >>> import kernelc as kc
        >>> kc.Concat().out_shape([(4, 3), (4, 5)], "concat")
        (4, 8)
    """

    arity: ClassVar[int | None] = None

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        if any(shape[:-1] != shapes[0][:-1] for shape in shapes):
            raise ShapeError(
                where=where,
                found=f"branches of shapes {', '.join(map(str, shapes))}",
                law="concatenation along channels needs equal locations",
                remedy="match the strides of the branches",
            )
        return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        return algebra.concat(inputs, _fractions(shapes))

    def kernel_key(self, shapes: Shapes) -> Hashable:
        return _fractions(shapes)

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> ConcatModule:
        return ConcatModule()


def _fractions(shapes: Shapes) -> tuple[Fraction, ...]:
    total = sum(shape[-1] for shape in shapes)
    return tuple(Fraction(shape[-1], total) for shape in shapes)


class ConcatModule(JoinModule):
    """The inputs, which have the same locations, joined on the channel axis.

    Example:
        >>> ConcatModule()((jnp.zeros((1, 2)), jnp.ones((1, 1))))[0].tolist()
        [[0.0, 0.0, 1.0]]
    """

    def apply(self, inputs: tuple[Array, ...]) -> Array:
        alike(self.kind, inputs, channels_too=False)
        return jnp.concatenate(inputs, axis=-1)
