"""Input: where a network starts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar, NoReturn, final

import jax
from jax.typing import DTypeLike

from .._errors import GraphError, ShapeError, shown
from .._limits import NAMES, bad_name, whole
from ..ir import KernelAlgebra, Layer, Node, S, Shape, Shapes


@final
@dataclasses.dataclass(frozen=True)
class InputLayer(Layer):
    """The value of one example: leading axes are locations, the trailing axis channels."""

    shape: Shape
    arity: ClassVar[int | None] = 0

    def __post_init__(self) -> None:
        shape = self.shape
        valid = isinstance(shape, tuple) and bool(shape)
        if not valid or any(type(n) is not int or n < 1 for n in shape):
            raise ShapeError(
                where="Input",
                found=f"shape {shown(shape)}",
                law="an example has at least one axis, all of them positive integers, the "
                "last one its channels",
                remedy="write Input((784,)) for vectors, Input((32, 32, 3)) for images",
            )

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        if shapes:
            raise GraphError(
                where=where,
                found=f"an input node that reads {len(shapes)} node(s)",
                law="the input reads nothing",
                remedy="start the graph with it",
            )
        return self.shape

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        raise GraphError(
            where=algebra.site.name,
            found="a second input",
            law="a network has one input, whose kernel the caller gives",
            remedy="keep a single Input",
        )

    def module(self, shapes: Shapes, out: Shape, key: jax.Array, dtype: DTypeLike) -> NoReturn:
        raise GraphError(
            where="input",
            found="an input being lowered",
            law="the input is the argument of the lowered model",
            remedy="report this: it is a mistake in kernelc",
        )


def Input(shape: Sequence[int], name: str = "input") -> Node:
    """The node a network starts from.

    Arguments:
        shape: shape of one example, channels last: (784,) or (32, 32, 3).
        name: name of the node.

    Raises:
        ShapeError: an empty shape or a size that is not a positive integer.
        GraphError: a name that is no short text.

    Example:
        >>> import kernelc as kc
        >>> kc.Input((28, 28, 1))
        <node input>
    """
    # What is no sequence goes on as it is: the layer says what is wrong with it.
    plain = isinstance(shape, Sequence) and type(shape) is not bytes
    sized: Any = tuple(map(whole, shape)) if plain else shape
    if (problem := bad_name(name)) is not None:
        raise GraphError(where="Input", found=problem, law=NAMES, remedy="leave the name out")
    return Node(InputLayer(sized), (), name)
