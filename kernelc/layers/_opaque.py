"""Opaque: an operation of a model that was read, of which only the shape is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar, NoReturn, final

from jax.typing import DTypeLike
from jaxtyping import Array

from .._errors import GraphError, UnsupportedError, shown
from ..ir import KernelAlgebra, Layer, S, Shape, Shapes, ShapingRule
from ._fields import positive_shape


_REMEDY = "write the operation as a layer of your own (docs/add-a-layer.md)"


@final
@dataclasses.dataclass(frozen=True)
class Opaque(Layer):
    """An operation that no layer kind says: `kernelc.read` puts it where it cannot read a model.

    Arguments:
        reason: which operation it is, and why it is not known.
        shape: of its output, (*locations, channels).

    Raises:
        ShapeError: a shape that is none.
        GraphError: a reason that is no text.
        UnsupportedError: on deriving and on lowering.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((4,))
        >>> net = kc.Network(x, kc.Opaque("a sort along channels", (4,))(x, name="sort"))
        >>> try:
        ...     kc.lower(net, key=0)
        ... except kc.UnsupportedError as error:
        ...     print(error.found)
        a sort along channels
    """

    reason: str
    shape: tuple[int, ...]
    arity: ClassVar[int | None] = None

    def __post_init__(self) -> None:
        positive_shape("Opaque", self.shape)
        if not isinstance(self.reason, str) or not self.reason:
            raise GraphError(
                where="Opaque",
                found=f"reason = {shown(self.reason)}",
                law="an opaque node says in words which operation it stands for",
                remedy='write Opaque("a sort along channels", (64,))',
            )

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        return self.shape

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        return algebra.unsupported(inputs, self.reason, _REMEDY)

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        return ShapingRule(self, problem=self.reason, remedy=_REMEDY, possible=False)

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> NoReturn:
        raise UnsupportedError(
            where="Opaque",
            found=self.reason,
            law="an opaque node has no finite layer",
            remedy=_REMEDY,
        )
