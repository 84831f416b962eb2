"""Per-location normalization: the input normalization Deep Kernel Shaping assumes."""

from __future__ import annotations

from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Shaped

from kernelc._errors import DataError, shown


Mode = Literal["one", "avg_q", "off"]


def pln(x: Shaped[np.ndarray, "n ..."], mode: Mode = "one") -> Float[np.ndarray, "n ..."]:
    """Per-location normalization: give every location vector the q value 1.

    A homogeneous coordinate h is appended to the last axis, then that axis is divided by its
    root mean square: x ↦ [x, h] / √(mean([x, h]²)) (Martens et al. 2021, Deep Kernel Shaping,
    per-location normalization). A location is one position of an image, or a whole vector.

    Arguments:
        x: examples of shape (n, ..., d), channels last; shape (n,) is read as (n, 1).
        mode: `"one"` appends h = 1; `"avg_q"` appends the root mean square of the whole
            example, which asks for at least one location axis between n and d; `"off"`
            appends nothing, so the length of a location is lost.

    Returns: an array of shape (n, ..., d + 1), or (n, ..., d) for `"off"`, in the floating
        dtype of x (integers become float32). A location that is zero throughout, which has no
        direction, becomes all ones: its q value is 1 like that of any other.

    Raises: DataError when x is not finite, has no example axis, or the mode is unknown.

    Example:
        >>> pln(np.array([[3.0, 4.0]]), mode="off").round(4).tolist()
        [[0.8485, 1.1314]]
    """
    x = np.asarray(x)
    _check(x, mode)
    dtype = x.dtype if jnp.issubdtype(x.dtype, np.floating) else np.dtype(np.float32)
    # float64 inside: squares of half-precision values leave their range.
    wide = x.astype(np.float64)
    if wide.ndim == 1:
        wide = wide[:, None]
    if mode == "one":
        wide = np.concatenate([wide, np.ones_like(wide[..., :1])], axis=-1)
    elif mode == "avg_q":
        rms = _root_mean_square(wide, tuple(range(1, wide.ndim)))
        wide = np.concatenate([wide, np.broadcast_to(rms, (*wide.shape[:-1], 1))], axis=-1)
    rms = _root_mean_square(wide, (-1,))
    empty = rms == 0
    return np.where(empty, 1.0, wide / np.where(empty, 1.0, rms)).astype(dtype)


def _root_mean_square(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    # Dividing by the largest entry first keeps the squares in range for any finite x.
    top = np.abs(x).max(axis=axes, keepdims=True)
    top = np.where(top == 0, 1.0, top)
    return top * np.sqrt(np.mean((x / top) ** 2, axis=axes, keepdims=True))


def _check(x: np.ndarray, mode: str) -> None:
    if mode not in ("one", "avg_q", "off"):
        raise DataError(
            where="pln: mode",
            found=shown(mode),
            law="The mode names how the homogeneous coordinate is chosen",
            remedy='Choose "one", "avg_q" or "off"',
        )
    if x.ndim < 1 or x.size == 0 or not jnp.issubdtype(x.dtype, np.number):
        raise DataError(
            where="pln: x",
            found=f"shape {x.shape}, dtype {x.dtype}",
            law="Per-location normalization takes a non-empty batch of real examples",
            remedy="Pass numbers of shape (n, ..., d)",
        )
    if jnp.issubdtype(x.dtype, np.complexfloating) or not np.isfinite(x).all():
        raise DataError(
            where="pln: x",
            found=f"values that are not finite real numbers (dtype {x.dtype})",
            law="Only finite real values have a q value",
            remedy="Remove or replace them before normalizing",
        )
    if mode == "avg_q" and x.ndim < 3:
        raise DataError(
            where="pln: x",
            found=f'shape {x.shape} with mode "avg_q"',
            law="The average q value of an example needs a location axis to average over",
            remedy='Use mode "one", or give x the shape (n, locations, d)',
        )
