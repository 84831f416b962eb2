"""A node of the graph while it is being written."""

from __future__ import annotations

from typing import TYPE_CHECKING


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
