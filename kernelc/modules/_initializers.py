"""Weights at initialization: their distributions, over the window or on its center tap."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal, get_args

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from .._errors import ShapeError, UnsupportedError
from .._limits import LARGEST_AXIS
from ._draws import of_any_shape
from ._precision import accumulator, floating


Initializer = Literal["gaussian", "orthogonal", "suo", "uniform", "truncated_normal", "zero"]
BiasInitializer = Literal["gaussian", "uniform", "truncated_normal"]
KINDS = get_args(Initializer)
_CUT = 2.0
"""Where truncated normal distributions end, in deviations of the whole one."""
_LEFT = math.sqrt(
    1 - 2 * _CUT * math.exp(-(_CUT**2) / 2) / math.sqrt(2 * math.pi) / math.erf(_CUT / math.sqrt(2))
)
"""The deviation of what is left: a² = 1 - 2 c φ(c) / (2 Φ(c) - 1)."""


def unit_draw(
    kind: BiasInitializer, key: PRNGKeyArray, shape: Sequence[int], dtype: DTypeLike = "float32"
) -> Array:
    """Independent numbers of mean 0 and variance 1.

    Arguments:
        kind: "gaussian"; "uniform" on [-√3, √3]; "truncated_normal", a Gaussian without what is
            beyond two of its deviations, scaled back to variance 1, so within ±2.2737.
        key: randomness.
        shape: of the result.
        dtype: floating dtype of the result; uniform and truncated ones are drawn in float32 or
            better.

    Returns: an array of that shape.

    Example:
        >>> draw = unit_draw("uniform", jax.random.key(0), (1000,))
        >>> bool(abs(draw).max() <= 3**0.5)
        True
    """
    if kind == "gaussian":
        return of_any_shape(jax.random.normal, key, shape, dtype)
    wide = accumulator(jnp.dtype(dtype))
    if kind == "uniform":
        return of_any_shape(_uniform, key, shape, wide).astype(dtype)
    return (of_any_shape(_truncated_normal, key, shape, wide) / _LEFT).astype(dtype)


def _uniform(key: PRNGKeyArray, shape: Sequence[int], dtype: DTypeLike) -> Array:
    bound = math.sqrt(3)
    return jax.random.uniform(key, shape, dtype, -bound, bound)


def _truncated_normal(key: PRNGKeyArray, shape: Sequence[int], dtype: DTypeLike) -> Array:
    return jax.random.truncated_normal(key, -_CUT, _CUT, shape, dtype)


def gaussian_fan_in(
    key: PRNGKeyArray, rows: int, columns: int, dtype: DTypeLike = "float32"
) -> Float[Array, "rows columns"]:
    """A Gaussian matrix of variance 1/rows: E q(x @ w) = q(x); `rows` is the fan-in.

    Example:
        >>> gaussian_fan_in(jax.random.key(0), 3, 5).shape
        (3, 5)
    """
    return unit_draw("gaussian", key, (rows, columns), dtype) / jnp.asarray(rows**0.5, dtype)


def scaled_uniform_orthogonal(
    key: PRNGKeyArray, rows: int, columns: int, dtype: DTypeLike = "float32"
) -> Float[Array, "rows columns"]:
    """A Haar-distributed semi-orthogonal matrix times max(1, √(columns/rows)).

    (SUO of Martens et al. 2021, Deep Kernel Shaping.) With q(x) = ‖x‖²/dim, q(x @ w) = q(x)
    exactly when columns >= rows, since the rows of w are then orthogonal and of squared length
    columns/rows; when columns < rows its columns are orthonormal and E q(x @ w) = q(x).
    Entries have variance 1/rows, that of the Gaussian initializer; they are drawn in float32 or
    better.

    Example:
        >>> scaled_uniform_orthogonal(jax.random.key(0), 3, 5).shape
        (3, 5)
    """
    long, short = max(rows, columns), min(rows, columns)
    normal = unit_draw("gaussian", key, (long, short), accumulator(jnp.dtype(dtype)))
    basis, upper = jnp.linalg.qr(normal)
    # QR leaves the signs to LAPACK; only with a positive diagonal is the basis Haar.
    basis = basis * jnp.where(jnp.diagonal(upper) < 0, -1, 1)
    matrix = basis if rows >= columns else basis.T
    return (matrix * max(1.0, math.sqrt(columns / rows))).astype(dtype)


def initialize(
    kind: Initializer,
    key: PRNGKeyArray,
    window: Sequence[int],
    in_channels: int,
    out_channels: int,
    groups: int = 1,
    delta: bool = False,
    dtype: DTypeLike = "float32",
) -> Float[Array, "*window in_per_group out"]:
    """Weights of a dense layer (empty window) or a convolution, which preserve the q value unless
    they are zero.

    Every group has a matrix of its own, from fan-in to out/groups. Spread over the window the
    fan-in is prod(window) · in/groups; under the Delta convention (Xiao et al. 2018) it is
    in/groups, and every tap but the center one is zero.

    Arguments:
        kind: "gaussian", "uniform" or "truncated_normal", independent entries of variance
            1/fan-in (see `unit_draw`); "suo" (scaled uniform orthogonal), or
            "orthogonal", which draws the very same matrices as "suo": the factor
            max(1, √(out/fan-in)) is the only one with which a semi-orthogonal matrix
            preserves q values, and it is 1 unless the layer expands; "zero", all zeros.
        key: randomness; equal keys give equal weights.
        window: size along each location axis; empty for a dense layer.
        in_channels: input channels.
        out_channels: output channels.
        groups: into how many groups the channels are split; XLA's order, contiguous blocks.
        delta: whether only the center tap is drawn; wants odd windows.
        dtype: floating dtype of the result.

    Returns: weights of shape (*window, in/groups, out).

    Raises:
        ShapeError: sizes that are not positive, an even window with `delta`, groups that
            do not divide the channels.
        UnsupportedError: an unknown kind, a dtype that is not floating.

    Example:
        >>> initialize("suo", jax.random.key(0), (3, 3), 8, 16, delta=True).shape
        (3, 3, 8, 16)
    """
    window = tuple(window)
    _check(kind, window, in_channels, out_channels, groups, delta)
    dtype = floating("initialize: dtype", dtype)
    draw = _drawing(kind)
    rows, columns = in_channels // groups, out_channels // groups
    taps = 1 if delta else math.prod(window)
    keys = jax.random.split(key, groups) if groups > 1 else [key]
    blocks = [draw(each, taps * rows, columns, dtype) for each in keys]
    matrix = jnp.concatenate(blocks, axis=-1)
    if not delta:
        return matrix.reshape(*window, rows, out_channels)
    center = tuple(size // 2 for size in window)
    return jnp.zeros((*window, rows, out_channels), dtype).at[center].set(matrix)


def _drawing(kind: Initializer) -> Callable[..., Array]:
    """(key, rows, columns, dtype) -> a matrix of variance 1/rows."""
    if kind in ("orthogonal", "suo"):
        return scaled_uniform_orthogonal
    if kind == "gaussian":
        return gaussian_fan_in
    if kind == "zero":
        return lambda key, rows, columns, dtype: jnp.zeros((rows, columns), dtype)
    return lambda key, rows, columns, dtype: (
        unit_draw(kind, key, (rows, columns), dtype) / jnp.asarray(rows**0.5, dtype)
    )


def _check(
    kind: str, window: tuple[int, ...], fan: int, out: int, groups: int, delta: bool
) -> None:
    if kind not in KINDS:
        raise UnsupportedError(
            where="initialize: kind",
            found=repr(kind),
            law="the kind names the distribution of the weights",
            remedy=f"choose one of {', '.join(KINDS)}",
        )
    if any(size < 1 for size in (*window, fan, out, groups)) or fan % groups or out % groups:
        raise ShapeError(
            where="initialize",
            found=f"window {window}, {fan} -> {out} channels, {groups} groups",
            law="sizes are positive, and groups divide the channels on both sides",
            remedy="choose groups that divide both, and sizes of at least 1",
        )
    if max(math.prod(window) * fan // groups, out) > LARGEST_AXIS:
        raise ShapeError(
            where="initialize",
            found=f"a fan-in of {math.prod(window) * fan // groups:,} and {out:,} outputs",
            law=f"matrices of weights have at most {LARGEST_AXIS:,} rows and columns",
            remedy="make the layer or its window smaller",
        )
    if delta and any(size % 2 == 0 for size in window):
        raise ShapeError(
            where="initialize: window",
            found=f"an even window {window} with Delta initialization",
            law="Delta initialization needs a center tap, so odd windows",
            remedy="use an odd window, or delta=False",
        )
