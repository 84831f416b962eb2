"""Kernel matrices out of a kernel function: checked, in float64, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from .. import numeric
from .._errors import DataError, ShapeError, UnsupportedError


Part = Literal["nngp", "ntk"]
KernelFunction = Callable[..., object]
"""k(x1, x2=None), and k.diagonal(x) where there is one, with attributes nngp and ntk."""

_DIAGONAL_ROWS = 256
# Roundings that a kernel in float32 is off by, relative to its largest entry. The slope of a
# rectifier goes with the angle, the root of a rounded gap: 64 for two ReLU layers on a line.
_ROUNDINGS = 64


def blocks(count: int, most: int) -> list[tuple[slice, Int[np.ndarray, " size"]]]:
    """0 to count in pieces of one size, at most `most`: the slices, and the places in each.

    The last is filled up with the last place: one size is one compilation of the kernel.
    """
    size = -(-count // -(-count // most))
    starts = range(0, count, size)
    return [
        (slice(i, min(i + size, count)), np.minimum(np.arange(i, i + size), count - 1))
        for i in starts
    ]


def ask(
    k: KernelFunction, parts: tuple[Part, ...], progress: bool | None, *inputs: ArrayLike
) -> object:
    """k(*inputs); of kernelc's own functions only these parts, the others give what they give."""
    if isinstance(k, numeric.KernelFunction):
        return k(*inputs, get=parts, progress=progress)
    return k(*inputs)


def absent(part: Part) -> UnsupportedError:
    """The error for a kernel function that returned nothing of this name."""
    return UnsupportedError(
        where=f"predict: k(...).{part}",
        found="nothing",
        law="means need the kernel that trains, and variances the NNGP too",
        remedy=f"pass a kernel function that returns {part}, or variance=False",
    )


def matrix(found: object, part: Part, shape: tuple[int, ...]) -> Float[np.ndarray, "..."]:
    """One of the matrices a kernel function returned, in its own precision.

    Raises:
        UnsupportedError: it returned none of this name.
        ShapeError: it has another shape.
        DataError: it is not real, or not finite.
    """
    where, given = f"predict: k(...).{part}", getattr(found, part, None)
    if given is None:
        raise absent(part)
    values = np.asarray(given)
    if values.shape != shape:
        raise ShapeError(
            where=where,
            found=f"shape {values.shape}",
            law=f"one output for each input makes it {shape}",
            remedy="end a network with locations in a pool or in Flatten and Dense",
        )
    if not jnp.issubdtype(values.dtype, np.floating) or not np.isfinite(values).all():
        raise DataError(
            where=where,
            found=f"entries of dtype {values.dtype} that are not all finite reals",
            law="kernels are covariances of finite real numbers",
            remedy="scale the inputs, or look for what overflows in the network",
        )
    return values


def square(found: object, part: Part, n: int) -> tuple[Float[np.ndarray, "n n"], float]:
    """The matrix of inputs with themselves, (K + Kᵀ) / 2 in float64, and its error.

    The error is relative to the largest entry: a rounding in float64, `_ROUNDINGS` in float32.

    Raises: as `matrix`; DataError also when K is further from Kᵀ than rounding takes it.
    """
    values = matrix(found, part, (n, n))
    rounding = float(jnp.finfo(values.dtype).eps)
    precision = rounding if values.dtype == np.float64 else _ROUNDINGS * rounding
    values = values.astype(np.float64, copy=False)
    apart, largest = _asymmetry(values), float(max(values.max(), -values.min()))
    # Half the digits: rounding through any number of layers stays far below.
    if apart > rounding**0.5 * largest:
        raise DataError(
            where=f"predict: k(x).{part}",
            found=f"a matrix that differs from its transpose by {apart:.2g}, "
            f"its largest entry being {largest:.2g}",
            law="k(x, x') = k(x', x)",
            remedy="pass a symmetric kernel function",
        )
    return (values if apart == 0 else (values + values.T) / 2), precision


def _asymmetry(values: Float[np.ndarray, "n n"]) -> float:
    """max |K - Kᵀ|, a few rows at a time: the matrix may be most of the memory."""
    rows = range(0, len(values), _DIAGONAL_ROWS)
    parts = (slice(i, i + _DIAGONAL_ROWS) for i in rows)
    return max(float(abs(values[at] - values[:, at].T).max()) for at in parts)


def diagonal(k: KernelFunction, x: Float[np.ndarray, "m ..."]) -> Float[np.ndarray, " m"]:
    """NNGP of each input with itself, by `k.diagonal` where the function has it."""
    if isinstance(k, numeric.KernelFunction):
        return matrix(k.diagonal(x, get="nngp"), "nngp", (len(x),)).astype(np.float64)
    if hasattr(k, "diagonal"):
        found = getattr(k, "diagonal")(x)  # noqa: B009  # no attribute of functions
        return matrix(found, "nngp", (len(x),)).astype(np.float64)
    values = np.empty(len(x))
    for at, rows in blocks(len(x), _DIAGONAL_ROWS):
        among = matrix(k(x[rows]), "nngp", (len(rows), len(rows)))
        values[at] = among.diagonal()[: at.stop - at.start]
    return values
