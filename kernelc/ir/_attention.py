"""FixedAttention: what a kernel rule knows of an attention whose pattern is known beforehand."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Bool, Float64

from ._location_map import DenseMap


@dataclasses.dataclass(frozen=True, eq=False)
class FixedAttention:
    """Heads that mix locations by matrices A_h = alpha I + beta D P_h - gamma C at initialization.

    P_h = softmax(B_h + mask), as the logits of queries and keys are zero.

    Arguments:
        maps: the distinct A_h.
        patterns: the P_h of each of them.
        shares: the share of heads that each of them stands for; they add up to 1.
        gains: beta D, by which the rows of P_h are multiplied.
        gain: beta.
        fixed: alpha I - gamma C.
        hidden: where the mask hides a location from an output.
        vanishing: whether logits of independent queries and keys tend to zero with the width, as
            those divided by the number of channels do; else they are zero where queries are.
        frequencies: those of rotary queries and keys; None where they do not rotate.
    """

    maps: tuple[DenseMap, ...]
    patterns: tuple[DenseMap, ...]
    shares: tuple[float, ...]
    gains: Float64[np.ndarray, " outputs"]
    gain: float
    fixed: Float64[np.ndarray, "outputs locations"]
    hidden: Bool[np.ndarray, "outputs locations"]
    vanishing: bool
    frequencies: Float64[np.ndarray, " frequencies"] | None = None
