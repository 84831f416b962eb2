"""Graph: what functions of networks read, so that they need not know the class."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, Self

from ._assembly import NetworkNode
from ._layer import Layer
from ._rule_arguments import Shape


class Graph(Protocol):
    """Named nodes in topological order; `kernelc.Network` is one."""

    name: str
    nodes: tuple[NetworkNode, ...]
    shaped_by: str | None

    def __iter__(self) -> Iterator[NetworkNode]: ...

    def __len__(self) -> int: ...

    @property
    def input_shape(self) -> Shape: ...

    @property
    def output_shape(self) -> Shape: ...

    def rebuild(
        self,
        change: Callable[[NetworkNode], Layer | None],
        name: str | None = None,
        shaped_by: str | None = None,
    ) -> Self: ...
