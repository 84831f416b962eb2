"""Which pairs beside (x, x') at one location the kernel rules of a network read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce

import sympy

from ._algebra import Reading
from ._assembly import NetworkNode
from ._attention import FixedAttention
from ._fold import kernel_rule
from ._location_map import LocationMap
from ._rule_arguments import PairKind


Kinds = frozenset[PairKind]


class _PairsRead(Reading[Kinds]):
    """Adds what each word reads to what came in."""

    def combine(self, values: Sequence[Kinds]) -> Kinds:
        return reduce(frozenset.union, values, frozenset())

    def mix(self, s: Kinds, locations: LocationMap) -> Kinds:
        return s if locations.identity else s | locations.reads

    def attend(self, query: Kinds, key: Kinds, value: Kinds, attention: FixedAttention) -> Kinds:
        # Gradients of queries are means over keys and values of unlike locations.
        return query | key | value | {PairKind.LOCATION}

    def batch_normalize(self, s: Kinds) -> Kinds:
        return s | {PairKind.BATCH}

    def repeat(self, s: Kinds, block: Callable[[Kinds], Kinds], times: sympy.Expr) -> Kinds:
        return block(s)


def pairs_read(nodes: Iterable[NetworkNode]) -> Kinds:
    """The kinds of pairs that the rules of these nodes read.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((4, 4, 3))
        >>> pairs_read(kc.Network(x, kc.GlobalMeanPool()(x)))
        frozenset({<PairKind.LOCATION: 'location'>})
    """
    rule, empty = kernel_rule(_PairsRead()), frozenset[PairKind]()
    found = [rule(node, [empty] * len(node.inputs)) for node in nodes if node.inputs]
    return reduce(frozenset.union, found, empty)
