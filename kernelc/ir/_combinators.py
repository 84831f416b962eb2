"""Ways of putting layers together; a block is anything that maps a node to a node."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Protocol

from .._errors import GraphError, shown
from .._limits import MOST_NODES
from ._layer import Node


class Block(Protocol):
    """A piece of a network: a layer, or what `chain`, `residual` and `repeat` return."""

    def __call__(self, node: Node, /) -> Node: ...


def chain(*blocks: Block) -> Block:
    """Apply blocks one after the other.

    Raises:
        GraphError: something that is no block, or over 100,000 blocks.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((4,))
        >>> kc.chain(kc.Dense(8), kc.Activation("tanh"))(x)
        <node Activation('tanh')>
    """
    for block in blocks:
        check_block("chain", block)
    # A chain that grows link by link would nest as deep as it is long.
    parts = [block.links if isinstance(block, _Chain) else (block,) for block in blocks]
    if (count := sum(map(len, parts))) > MOST_NODES:
        raise GraphError(
            where="chain",
            found=f"{count:,} blocks in a row",
            law=f"a network has at most {MOST_NODES:,} nodes",
            remedy="build a smaller network",
        )
    return _Chain(tuple(itertools.chain.from_iterable(parts)))


@dataclasses.dataclass(frozen=True, repr=False)
class _Chain:
    links: tuple[Block, ...]

    def __repr__(self) -> str:
        # Not the links: a chain may have 100,000.
        return f"<chain of {len(self.links)} blocks>"

    def __call__(self, node: Node, /) -> Node:
        check_node("chain", node)
        for link in self.links:
            node = link(node)
            check_node(f"chain: what {shown(link, 40)} returned", node)
        return node


def check_node(where: str, node: object) -> None:
    """Raise `GraphError` unless blocks can be applied to this."""
    if not isinstance(node, Node):
        raise GraphError(
            where=where,
            found=f"a value of type {type(node).__name__}",
            law="blocks map a node to a node",
            remedy="start from x = kernelc.Input(shape)",
        )


def check_block(where: str, block: object) -> None:
    """Raise `GraphError` unless this may be a block."""
    if not callable(block) or isinstance(block, type):
        raise GraphError(
            where=where,
            found=f"{shown(block)} in place of a block",
            law="a block maps a node to a node: a layer, or what chain, repeat, residual return",
            remedy=_unpacked(where) if isinstance(block, list | tuple) else _LAYERS,
        )


_LAYERS = "pass layers such as kernelc.Dense(64)"


def _unpacked(where: str) -> str:
    return "pass them one by one: " + (
        "kernelc.chain(*layers)" if where == "chain" else "kernelc.chain(*layers) is one block"
    )
