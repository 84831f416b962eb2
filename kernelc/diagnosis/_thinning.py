"""Fewer of a long list, evenly, its ends among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from ._profile import Level


T = TypeVar("T")


def thinned(values: Sequence[T], most: int) -> list[T]:
    """At most `most` of the values, evenly, the first and the last among them.

    Arguments:
        values: what to choose from.
        most: how many to keep, at least two.

    Example:
        >>> thinned(range(11), 3)
        [0, 5, 10]
    """
    if len(values) <= most:
        return list(values)
    step = (len(values) - 1) / (most - 1)
    return [values[round(i * step)] for i in range(most)]


def by_depth(levels: Sequence[Level]) -> list[Level]:
    """The last level of each depth: what nonlinearities read, without what they return between.

    Arguments:
        levels: of one report.
    """
    return list({level.depth: level for level in levels}.values())
