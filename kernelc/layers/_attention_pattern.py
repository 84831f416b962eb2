"""Patterns of attention whose logits are zero: softmax of biases and masks."""

from __future__ import annotations

import itertools
import math
from typing import Literal

import numpy as np
from jaxtyping import Float64

from ..ir import Shape


Mask = Literal["causal"]
Table = tuple[tuple[tuple[float, ...], ...], ...]
Bias = Literal["alibi"] | Table
Pattern = Float64[np.ndarray, "heads outputs locations"]


def biases_of(bias: Bias | None, heads: int, outputs: Shape, locations: Shape) -> Pattern:
    """B, one table for each head or one for all."""
    if bias is None:
        return np.zeros((1, math.prod(outputs), math.prod(locations)))
    if bias == "alibi":
        places = np.stack(np.unravel_index(np.arange(math.prod(locations)), locations))
        distance = np.abs(places[:, :, None] - places[:, None]).sum(0)
        slopes = 2.0 ** (-8 * np.arange(1, heads + 1) / heads)
        return -slopes[:, None, None] * distance
    return np.array(bias)


def uniform(
    mask: Mask | None, outputs: Shape, locations: Shape
) -> Float64[np.ndarray, "outputs locations"]:
    """C, the pattern without logits and bias."""
    zeros = np.zeros((1, math.prod(outputs), math.prod(locations)))
    return softmax(zeros, mask)[0]


def softmax(logits: Pattern, mask: Mask | None) -> Pattern:
    """Rows that add up to 1; hidden locations get nothing."""
    if mask is not None:
        logits = np.where(np.tri(logits.shape[-1], dtype=bool), logits, -np.inf)
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def runs_of(patterns: Pattern) -> tuple[Pattern, np.ndarray]:
    """The patterns without those that equal the one before, and how many heads each stands for."""
    new = [True, *(not np.array_equal(a, b) for a, b in itertools.pairwise(patterns))]
    starts = np.flatnonzero(new)
    return patterns[starts], np.diff(np.append(starts, len(patterns)))
