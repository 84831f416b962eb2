"""Which channels of a value are the same as which of another, where some have been picked."""

from __future__ import annotations

import itertools
import math

import numpy as np


class ChannelLabels:
    """Numbers for sets of random weights: those that a layer draws, and those of picked channels.

    Channels of one layer have weights of their own, so that channels with other indices are
    independent. Those with the same indices have the same label.
    """

    def __init__(self) -> None:
        self._fresh = itertools.count()
        self._sources: dict[int, tuple[int, np.ndarray]] = {}
        self._picked: dict[int, list[tuple[np.ndarray, int]]] = {}

    def __next__(self) -> int:
        """The label of weights that are drawn anew."""
        return next(self._fresh)

    def moved(self, support: frozenset[int], picked: np.ndarray) -> frozenset[int]:
        """The labels of the channels with these indices, in this order."""
        return frozenset(self._label(label, picked) for label in support)

    def _label(self, label: int, picked: np.ndarray) -> int:
        source, before = self._sources.get(label, (label, None))
        index = picked if before is None else before[picked]
        if _meet(index, np.arange(len(index))):
            return source
        known = self._picked.setdefault(source, [])
        for other, found in known:
            if _meet(index, other):
                return found
        new = next(self._fresh)
        known.append((index, new))
        self._sources[new] = (source, index)
        return new


def _meet(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether channels of the same index are one channel, but for a vanishing share of them.

    A shuffle leaves some channels where they are, as many as it has groups, and no more with more
    channels.
    """
    if len(a) != len(b):
        return False
    same = int(np.sum(a == b))
    return same == len(a) or same > math.sqrt(len(a))
