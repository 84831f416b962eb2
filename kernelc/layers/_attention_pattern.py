"""Patterns of attention whose logits are zero: softmax of biases and masks."""

from __future__ import annotations

import itertools
import math
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64

from ..ir import Shape, Table


Mask = Literal["causal"]
Bias = Literal["alibi"] | Table
Pattern = Float64[np.ndarray, "heads outputs locations"]


# Softmax of it is 0 in float64 too, and bfloat16 holds it.
_NOTHING = -800.0


def biases_of(alibi: bool, heads: int, outputs: Shape, locations: Shape) -> Pattern:
    """B of ALiBi, a table for each head, or zeros for all."""
    if not alibi:
        return np.zeros((1, math.prod(outputs), math.prod(locations)))
    places = np.stack(np.unravel_index(np.arange(math.prod(locations)), locations))
    distance = np.abs(places[:, :, None] - places[:, None]).sum(0)
    slopes = 2.0 ** (-8 * np.arange(1, heads + 1) / heads)
    return -slopes[:, None, None] * distance


def hidden_by(mask: Mask | None, shape: tuple[int, ...]) -> Bool[np.ndarray, "outputs locations"]:
    """Where a mask hides a location from an output."""
    return np.zeros(shape, bool) if mask is None else ~np.tri(*shape, dtype=bool)


def logits_of(
    pattern: Float64[np.ndarray, "outputs locations"], mask: Mask | None
) -> Float64[np.ndarray, "outputs locations"]:
    """B with softmax(B + mask) = P; 0 where the mask hides a location."""
    with np.errstate(divide="ignore"):
        logits = np.maximum(np.log(pattern), _NOTHING)
    return np.where(hidden_by(mask, pattern.shape), 0.0, logits)


def uniform(
    mask: Mask | None, outputs: Shape, locations: Shape
) -> Float64[np.ndarray, "outputs locations"]:
    """C, the pattern without logits and bias."""
    zeros = np.zeros((1, math.prod(outputs), math.prod(locations)))
    return softmax(zeros, mask)[0]


def softmax(logits: Pattern, mask: Mask | None) -> Pattern:
    """Rows that add up to 1; hidden locations get nothing."""
    logits = np.where(hidden_by(mask, logits.shape[1:]), -np.inf, logits)
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def runs_of(patterns: Pattern) -> tuple[Pattern, np.ndarray]:
    """The patterns without those that equal the one before, and how many heads each stands for."""
    new = [True, *(not np.array_equal(a, b) for a, b in itertools.pairwise(patterns))]
    starts = np.flatnonzero(new)
    return patterns[starts], np.diff(np.append(starts, len(patterns)))
