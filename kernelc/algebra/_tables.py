"""A reading that refuses tables of fixed vectors on values that hold one already."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy

from .._errors import UnsupportedError
from ..ir import FixedVectors, Network, Reading, Weights


class TableReading(Reading[bool]):
    """Whether a value holds fixed vectors that no layer of weights has read.

    The covariance of two tables is not followed, so `fixed` refuses such values.
    """

    def combine(self, values: Sequence[bool]) -> bool:
        return any(values)

    def fresh(
        self,
        s: bool,
        weights: Weights,
        read: bool | None = None,
        trained: Callable[[], bool] | None = None,
    ) -> bool:
        return False

    def repeat(self, s: bool, block: Callable[[bool], bool], times: sympy.Expr) -> bool:
        # Twice, because a table of one application may meet that of the next.
        first = block(s)
        return self.combine([first, block(first)])

    def fixed(self, s: bool, vectors: FixedVectors) -> bool:
        if s:
            raise UnsupportedError(
                where=self.site.name,
                found="a second table of fixed vectors on one value",
                law="the covariance of two tables is not followed",
                remedy="add positions once, or put a Dense layer between the two",
            )
        return True


def refuse_two_tables(network: Network) -> None:
    """Raise `UnsupportedError` for a value with two tables of fixed vectors."""
    network.fold(TableReading(), False)
