"""Unread: an operation that a front end has no rule for."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NoReturn

from ._atoms import Atoms, Axes, UnknownAxes
from ._operation import NodeBuilder, Operation, Placed, UnknownOperation


@dataclasses.dataclass(frozen=True)
class Unread(Operation):
    """An operation of which only the name and the shape of the result are known.

    Arguments:
        reason: the name of the operation, and why it is not read.
    """

    reason: str

    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> NoReturn:
        raise UnknownAxes(self.reason)

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> NoReturn:
        raise UnknownOperation(self.reason)
