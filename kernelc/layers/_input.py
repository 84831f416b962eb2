"""Input: where a network starts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, final

from .._limits import whole
from ..ir import Node, Shape
from ._entry import EntryLayer, entry
from ._fields import positive_shape


@final
@dataclasses.dataclass(frozen=True)
class InputLayer(EntryLayer):
    """The value of one example: leading axes are locations, the trailing axis channels."""

    shape: Shape

    def __post_init__(self) -> None:
        positive_shape("Input", self.shape)

    @property
    def value(self) -> Shape:
        return self.shape


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
    return entry("Input", InputLayer(sized), name)
