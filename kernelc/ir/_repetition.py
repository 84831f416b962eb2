"""The block inside a node that stands for a block applied some times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from .._errors import KernelcError
from ._assembly import NetworkNode
from ._network import Network
from ._rule_arguments import Real


class RepeatedBlock(NamedTuple):
    """A block as a network from what it reads to what it returns, and how often it is applied."""

    network: Network
    times: Real


@contextmanager
def naming(outer: str) -> Iterator[None]:
    """Errors about a node of the block inside `outer` name both: repeat_1.dense_1."""
    try:
        yield
    except KernelcError as error:
        where = f"{outer}.{error.where}"
        raise type(error)(where, error.found, error.law, error.remedy) from None


def repeated_block(node: NetworkNode) -> RepeatedBlock | None:
    """The block a node stands for; None for a layer of its own."""
    found = node.layer.repetition(node.in_shapes)
    if found is None:
        return None
    return RepeatedBlock(Network.from_specs(found.specs, node.name), found.times)
