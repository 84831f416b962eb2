"""How data of one shape become the examples that a network takes, for errors to say."""

from __future__ import annotations

import math


def reshaping(found: tuple[int, ...], wanted: tuple[int, ...], lead: int = 1) -> str:
    """What to do to an array x.

    Arguments:
        found: the whole shape of x.
        wanted: the shape of one example.
        lead: 1 for x a batch, 0 for x a single example.

    Example:
        >>> reshaping((5, 3, 8, 8), (8, 8, 3))
        'the data has its channels first, the network takes them last: x.transpose(0, 2, 3, 1)'
        >>> reshaping((8, 8, 3), (8, 8, 3))
        'one example is a batch of one: x[None]'
    """
    if lead and found == wanted:
        return "one example is a batch of one: x[None]"
    each = found[lead:]
    if len(each) > 1 and (*each[1:], each[0]) == wanted:
        axes = ", ".join(map(str, (*range(lead), *range(lead + 1, len(found)), lead)))
        return f"the data has its channels first, the network takes them last: x.transpose({axes})"
    if (*each, 1) == wanted:
        return "give the examples a last axis of channels: x[..., None]"
    if 0 not in found and math.prod(each) == math.prod(wanted):
        return f"reshape the data: x.reshape{(-1, *wanted) if lead else wanted}"
    return f"give the network Input({each}), or the data examples of shape {wanted}"
