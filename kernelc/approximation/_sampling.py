"""Asking for samples: in blocks of one length, checked, and compared with themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float64

from .._errors import DataError


Samples = dict[str, Float64[np.ndarray, " n"]]
Sample = Callable[[Float64[np.ndarray, " n"]], Mapping[str, Any] | tuple]
BLOCK = 1024


def ask(sample: Sample, gaps: Float64[np.ndarray, " n"]) -> Samples:
    """The sampled quantities, asked for in blocks of one length so that nothing recompiles.

    Arguments:
        sample: gaps (m,) -> named arrays (m,), a mapping or a named tuple.
        gaps: (n,) gaps.

    Returns: each quantity, (n,).

    Raises:
        DataError: a quantity is missing, misshapen or not finite.

    Example:
        >>> ask(lambda g: {"drop": g}, np.array([0.5]))["drop"].tolist()
        [0.5]
    """
    padded = np.concatenate((gaps, np.full(-gaps.size % BLOCK, 1.0)))
    blocks = [_named(sample(block)) for block in padded.reshape(-1, BLOCK)]
    joined = {
        name: np.concatenate([np.asarray(block[name], dtype=np.float64) for block in blocks])
        for name in blocks[0]
    }
    for name, values in joined.items():
        if values.shape != padded.shape or not np.isfinite(values).all():
            raise DataError(
                where=f"fit: {name}",
                found=f"samples of shape {values.shape} for {padded.shape}, "
                f"{np.count_nonzero(~np.isfinite(values))} not finite",
                law="Each quantity has one finite value at every gap in [0, 2]",
                remedy="Leave out quantities that are infinite at gap 0",
            )
    return {name: values[: gaps.size] for name, values in joined.items()}


def _named(samples: Mapping[str, Any] | tuple) -> dict[str, Any]:
    if isinstance(samples, Mapping):
        return dict(samples)
    return samples._asdict()  # pyright: ignore[reportAttributeAccessIssue]


def check_gaps(seed: int = 0) -> Float64[np.ndarray, " n"]:
    """Gaps that no fit was made at: random in g, in θ, and in the logarithms of g and 2 - g.

    The first half are also float32 numbers, so that one set serves both types.

    Arguments:
        seed: of the random numbers.

    Returns: (4096,) gaps, the two ends among them.

    Example:
        >>> gaps = check_gaps()
        >>> gaps.size, float(gaps.min()), float(gaps.max())
        (4096, 0.0, 2.0)
    """
    draw = np.random.default_rng(seed)
    half = BLOCK // 2
    sets = []
    for near, far in ((-12.0, -7.0), (-30.0, -15.0)):
        sets += [
            2 * draw.random(half),
            2 * np.sin(np.pi / 2 * draw.random(half)) ** 2,
            10 ** draw.uniform(near, 0, half),
            np.concatenate(([0.0, 2.0], 2 - 10 ** draw.uniform(far, 0, half - 2))),
        ]
    gaps = np.concatenate(sets)
    gaps[: gaps.size // 2] = gaps[: gaps.size // 2].astype(np.float32)
    return gaps


def noise(sample: Sample, seed: int = 1) -> dict[str, float]:
    """Rounding in the samples, from second differences over units in the last place.

    Arguments:
        sample: as `ask`.
        seed: of the random gaps.

    Returns: of each quantity, the largest difference relative to its `reference`.

    Example:
        >>> noise(lambda g: {"drop": g})["drop"] < 1e-15
        True
    """
    draw = np.random.default_rng(seed)
    count = BLOCK // 3
    # Nearer to gap 2 the steps are no longer small beside the distance.
    distance = 10 ** draw.uniform(-12, 0, count)
    middle = np.where(np.arange(count) % 2, distance, 2 - distance)
    step = np.spacing(middle)
    gaps = np.concatenate((middle - step, middle, middle + step))
    found = {}
    for name, values in ask(sample, gaps).items():
        low, center, high = values.reshape(3, -1)
        scale = reference(name, gaps, values).reshape(3, -1)[1]
        # A second difference of equal independent errors has √6 times their deviation.
        found[name] = float(np.max(np.abs(low - 2 * center + high) / scale)) / 2
    return found


def reference(
    name: str, gaps: Float64[np.ndarray, " n"], values: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """What an error is relative to at each gap.

    For `drop`, the largest drop at gaps no larger: the drop itself where it grows, and no zero
    for the even functions, which drop to nothing at gap 2. For others the size of the value, but
    no less than a tenth of the largest.

    Arguments:
        name: the quantity.
        gaps: (n,) gaps.
        values: (n,) its values.

    Returns: (n,) positive scales.

    Example:
        >>> reference("drop", np.array([2.0, 1.0]), np.array([0.0, 0.5])).tolist()
        [0.5, 0.5]
    """
    if name != "drop":
        size = np.abs(values)
        return np.maximum(size, max(0.1 * float(size.max()), 1e-300))
    order = np.argsort(gaps, kind="stable")
    result = np.empty_like(values)
    result[order] = np.maximum.accumulate(values[order])
    return np.maximum(result, 1e-300)
