"""A node of the graph while it is being written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from .._errors import GraphError


if TYPE_CHECKING:
    from ._layer import Layer


class Node:
    """One application of a layer. Two nodes are the same only if they are one object:
    each application draws its own weights."""

    __slots__ = ("inputs", "layer", "name")

    def __init__(self, layer: Layer, inputs: tuple[Node, ...], name: str | None = None) -> None:
        self.layer = layer
        self.inputs = inputs
        self.name = name

    def __repr__(self) -> str:
        # Inputs are left out: the repr of a 10,000 layer chain would nest as deep.
        return f"<node {self.name or self.layer.text()}>"

    def __add__(self, other: Any) -> NoReturn:
        raise _arithmetic("+", "kernelc.WeightedSum((1.0, 1.0))(a, b), or kernelc.residual(block)")

    def __mul__(self, other: Any) -> NoReturn:
        raise _arithmetic("*", "kernelc.Product()(a, b), or kernelc.Scale(number)(a)")


def _arithmetic(sign: str, layer: str) -> GraphError:
    return GraphError(
        where="network",
        found=f"{sign} between nodes",
        law="sums and products are layers, which say how branches are weighted",
        remedy=f"write {layer}",
    )
