"""Base of the layers that a network starts with."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NoReturn

import jax
from jax.typing import DTypeLike

from .._errors import GraphError
from .._limits import NAMES, bad_name
from ..ir import KernelAlgebra, Layer, Node, S, Shape, Shapes


class EntryLayer(Layer, shared=True):
    """A value of one example, which the caller gives: leading axes are locations, the trailing
    axis channels."""

    arity: ClassVar[int | None] = 0

    @property
    @abstractmethod
    def value(self) -> Shape:
        """The shape of the value of one example."""

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        if shapes:
            raise GraphError(
                where=where,
                found=f"an input node that reads {len(shapes)} node(s)",
                law="the input reads nothing",
                remedy="start the graph with it",
            )
        return self.value

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        raise GraphError(
            where=algebra.site.name,
            found="a second input",
            law="a network has one input, whose kernel the caller gives",
            remedy="keep a single one",
        )

    def module(self, shapes: Shapes, out: Shape, key: jax.Array, dtype: DTypeLike) -> NoReturn:
        raise GraphError(
            where="input",
            found="an input being lowered",
            law="the input is the argument of the lowered model",
            remedy="report this: it is a mistake in kernelc",
        )


def entry(where: str, layer: EntryLayer, name: str) -> Node:
    """The node of that name; GraphError for a name that is no short text."""
    if (problem := bad_name(name)) is not None:
        raise GraphError(where=where, found=problem, law=NAMES, remedy="leave the name out")
    return Node(layer, (), name)
