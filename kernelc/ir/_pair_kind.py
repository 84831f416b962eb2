"""PairKind: the kinds of pairs of values whose covariance a kernel rule may read."""

from __future__ import annotations

from enum import StrEnum


class PairKind(StrEnum):
    """What a rule reads beside the pair of inputs (x, x') at one location."""

    LOCATION = "location"
    """Two locations, of one input and of two: means over locations read them."""
    UNLIKE = "unlike"
    """None, but pairs of unlike locations are told from others where they are carried."""
    BATCH = "batch"
    """Two typical inputs of the batch: batch norm reads them."""
