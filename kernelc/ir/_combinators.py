"""Ways of putting layers together; a block is anything that maps a node to a node."""

from __future__ import annotations

from typing import Protocol

from .._errors import GraphError
from ._node import Node


class Block(Protocol):
    """A piece of a network: a layer, or what `chain`, `residual` and `repeat` return."""

    def __call__(self, node: Node, /) -> Node: ...


def chain(*blocks: Block) -> Block:
    """Apply blocks one after the other.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((4,))
        >>> kc.chain(kc.Dense(8), kc.Activation("tanh"))(x)
        <node Activation('tanh')>
    """

    def apply(node: Node) -> Node:
        for block in blocks:
            node = block(node)
        return node

    return apply


def repeat(block: Block, times: int) -> Block:
    """Apply `block` `times` times; every application draws its own weights."""
    if not isinstance(times, int) or times < 0:
        raise GraphError(
            where="repeat",
            found=f"times = {times!r}",
            law="a block is repeated a whole number of times",
            remedy="pass an integer of at least 0",
        )
    return chain(*([block] * times))
