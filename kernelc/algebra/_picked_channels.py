"""Rules for some of the channels of a value, and for each group of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import accumulate
from typing import Generic
from weakref import WeakKeyDictionary

import numpy as np

from .._errors import UnsupportedError
from ..ir import Real, Site
from ._backend import Backend
from ._channel_labels import ChannelLabels
from ._channels import differ, leaves
from ._kernel_state import FIXED, KernelState, N, Term


class PickedChannels(ABC, Generic[N]):
    """Values of some channels: the moments of alike channels are those of each of them."""

    backend: Backend[N]
    labels: ChannelLabels
    site: Site
    _copies: WeakKeyDictionary[Term[N], dict[bytes, Term[N]]]

    @abstractmethod
    def concat(self, parts: Sequence[KernelState[N]], fractions: Sequence[Real]) -> KernelState[N]:
        """Channels side by side."""

    def channels(self, s: KernelState[N], picked: Sequence[int]) -> KernelState[N]:
        index = np.asarray(picked)
        total = self.site.in_shapes[0][-1]
        everything = np.arange(total)
        if np.array_equal(index, everything):
            return s
        pieces = self._pieces(s, index, total)
        # A slice enters each part once; a shuffle of unlike parts is not followed one by one.
        apart = len(pieces) <= len(leaves(s)) and not any(differ(part) for part, _ in pieces)
        if not apart and np.array_equal(np.sort(index), everything):
            return self._shuffled(s)
        shares = [Fraction(len(local), len(index)) for _, local in pieces]
        found = [self._picked(part, local) for part, local in pieces]
        return found[0] if len(found) == 1 else self.concat(found, shares)

    def _shuffled(self, s: KernelState[N]) -> KernelState[N]:
        """All channels in an order that is not followed: means over all of them stay."""
        atom = Term(s.second, s.mean, s.support | FIXED, False)
        return KernelState(s.second, s.mean, ((self.backend.number(1), atom),))

    def each_group(
        self, s: KernelState[N], groups: int, rule: Callable[[KernelState[N]], KernelState[N]]
    ) -> KernelState[N]:
        if groups == 1 or not (s.parts or differ(s)):
            return rule(s)
        total = self.site.in_shapes[0][-1]
        runs = _runs_of_groups(s, groups, total)
        found = [rule(self.channels(s, range(low, high))) for low, high in runs]
        shares = [Fraction(high - low, total) for low, high in runs]
        return found[0] if len(found) == 1 else self.concat(found, shares)

    def _pieces(
        self, s: KernelState[N], index: np.ndarray, total: int
    ) -> list[tuple[KernelState[N], np.ndarray]]:
        """Stretches of `index` that lie in one part each, as indices of that part."""
        found = leaves(s)
        starts = np.array([0, *accumulate(round(share * total) for share, _ in found)])
        inside = np.searchsorted(starts, index, side="right") - 1
        cuts = np.flatnonzero(np.diff(inside)) + 1
        stretches = np.split(index, cuts)
        parts = [int(inside[cut]) for cut in (0, *cuts)]
        return [(found[i][1], local - starts[i]) for i, local in zip(parts, stretches, strict=True)]

    def _picked(self, s: KernelState[N], index: np.ndarray) -> KernelState[N]:
        if differ(s):
            raise UnsupportedError(
                where=self.site.name,
                found="some of the channels of a value whose channels differ one by one",
                law="the mean square over some channels of an input, of a flattened or shuffled "
                "value or of a table of positions is not known",
                remedy="pass the value through a Dense or Conv layer first",
            )
        form = tuple((scale, self._term(atom, index)) for scale, atom in s.form)
        return KernelState(s.second, s.mean, form)

    def _term(self, atom: Term[N], index: np.ndarray) -> Term[N]:
        """The term in these channels: one object, so that what is made of it stays related."""
        known, key = self._copies.setdefault(atom, {}), index.tobytes()
        if key not in known:
            argument = None if atom.argument is None else self._picked(atom.argument, index)
            support = self.labels.moved(atom.support, index)
            odd = self.labels.moved(atom.odd, index)
            known[key] = Term(
                atom.second, atom.mean, support, atom.gaussian, atom.phi, argument, odd
            )
        return known[key]


def _runs_of_groups(s: KernelState[N], groups: int, total: int) -> list[tuple[int, int]]:
    """Ranges of whole groups, those of one part together where its channels are alike."""
    width, parts = total // groups, leaves(s)
    ends = list(accumulate(round(share * total) for share, _ in parts))
    runs: list[tuple[int, int]] = []
    before = None
    for low in range(0, total, width):
        part = next(i for i, end in enumerate(ends) if end > low)
        whole = low + width <= ends[part] and not differ(parts[part][1])
        if whole and part == before:
            runs[-1] = (runs[-1][0], low + width)
        else:
            runs.append((low, low + width))
        before = part if whole else None
    return runs
