"""Per-location normalization: the input normalization Deep Kernel Shaping assumes."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from jaxtyping import Float, Shaped

from kernelc._errors import DataError, shown

from ._arrays import examples


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
    x = examples(x, "pln: x")
    if not isinstance(mode, str) or mode not in get_args(Mode):
        law = "The mode names how the homogeneous coordinate is chosen"
        raise DataError("pln: mode", shown(mode), law, 'Choose "one", "avg_q" or "off"')
    if mode == "avg_q" and x.ndim < 3:
        raise DataError(
            where="pln: x",
            found=f'shape {x.shape} with mode "avg_q"',
            law="The average q value of an example needs a location axis to average over",
            remedy='Use mode "one", or give x the shape (n, locations, d)',
        )
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
    return np.where(empty, 1.0, wide / np.where(empty, 1.0, rms)).astype(x.dtype)


def _root_mean_square(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    # Dividing by the largest entry first keeps the squares in range for any finite x.
    top = np.abs(x).max(axis=axes, keepdims=True)
    top = np.where(top == 0, 1.0, top)
    return top * np.sqrt(np.mean((x / top) ** 2, axis=axes, keepdims=True))
