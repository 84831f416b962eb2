"""Values whose channels differ, cut into groups of channels that are all alike."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate, pairwise

from .._errors import UnsupportedError
from ._kernel_state import FIXED, KernelState, N


Group = tuple[Fraction, tuple[KernelState[N], ...]]


def alike(values: Sequence[KernelState[N]], where: str) -> list[Group[N]]:
    """The groups of channels in which each value is one of its parts, with their shares.

    A product or a sum pairs channels one by one: its moments are means over channels of what
    the factors make there, not what the means over channels make.

    Raises:
        UnsupportedError: groups that cut through channels that differ one by one.
    """
    cut = [leaves(value) for value in values]
    ends = [list(accumulate(share for share, _ in held)) for held in cut]
    edges = sorted({Fraction(0), *(end for found in ends for end in found)})
    groups = []
    for low, high in pairwise(edges):
        group = []
        for held, found in zip(cut, ends, strict=True):
            share, part = next(x for x, end in zip(held, found, strict=True) if end >= high)
            if differ(part) and share > high - low:
                raise _unlike(where)
            group.append(part)
        groups.append((high - low, tuple(group)))
    return groups


def differ(value: KernelState[N]) -> bool:
    """Whether channels are unlike one by one, as those of data and of flattened values are."""
    data = value.mean is None and not value.gaussian
    return data or value.spread is not None or not value.support.isdisjoint(FIXED)


def leaves(value: KernelState[N]) -> list[tuple[Fraction, KernelState[N]]]:
    """The parts of a value, of parts in parts too, and their shares of all its channels."""
    if not value.parts:
        return [(Fraction(1), value)]
    return [
        (Fraction(share) * inner, leaf)
        for share, part in value.parts
        for inner, leaf in leaves(part)
    ]


def _unlike(where: str) -> UnsupportedError:
    return UnsupportedError(
        where=where,
        found="a concatenation whose parts meet some channels of an input or a flattened value, a "
        "shuffled one or a table of positions",
        law="these channels differ, and the mean square over some of them is not known",
        remedy="pass the value whose channels differ through a Dense layer first",
    )
