"""From inputs to the moments the first layer reads."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._frame import Frame
from ._numbers import Field, Pair, root


def entry_field(
    x1: Float[Array, "n1 *locations channels"],
    x2: Float[Array, "n2 *locations channels"],
    frame: Frame,
    same: Any,
    q: float | None,
    sharp: bool,
) -> Field:
    """K_0 = <x, x'>/channels for all pairs, as a `Field`.

    Arguments:
        x1, x2: inputs; of equal number when the frame is paired.
        frame: the layout.
        same: where the two inputs of a pair are the same one, (n1, n2); None for nowhere.
        q: the q value of all inputs when that is known.
        sharp: whether gaps are computed from differences, which keeps their digits as c -> 1.
    """
    alone = frame.alone
    parts = [_pairs(x1, x2, frame, same, q, sharp)]
    if frame.own:
        parts += [_pairs(x, x, alone, True, q, sharp) for x in (x1, x2)]
    return Field.of(tuple(parts))


def _pairs(x1: Array, x2: Array, frame: Frame, same: Any, q: float | None, sharp: bool) -> Pair:
    (u1, q1), (u2, q2) = _directions(x1), _directions(x2)
    gap = (sharp_gap(x1, x2, frame) if sharp else 1.0 - _products(u1, u2, frame)).astype(x1.dtype)
    # The product of a direction with itself misses 1 by rounding, and the angle would show
    # the root of that; so it does with its opposite.
    noise = float(jnp.finfo(x1.dtype).eps) * (4 + x1.shape[-1] ** 0.5 / 4)
    gap = jnp.where(gap <= (0.0 if sharp else noise), 0.0, gap)
    gap = jnp.where(gap >= 2.0 - noise, 2.0, gap)
    gap = _zero_where_same(gap, frame, same)
    left, right = (_widened(v, frame, side) for side, v in enumerate((q1, q2)))
    if q is not None:
        tolerance = 1e3 * float(jnp.finfo(x1.dtype).eps)
        kept = (jnp.abs(left - q) <= tolerance * q) & (jnp.abs(right - q) <= tolerance * q)
        # A promise that does not hold must not pass for a result.
        gap = jnp.where(kept, gap, jnp.nan)
        return Pair(q, q, q * gap, gap)
    size = root(left) * root(right)
    return Pair(left, right, (root(left) - root(right)) ** 2 / 2 + size * gap, gap)


def _directions(x: Array) -> tuple[Array, Array]:
    """Unit vectors, zero for zero; and q values."""
    squares = jnp.sum(x * x, axis=-1)
    length = root(squares)
    return x / jnp.where(length > 0, length, 1.0)[..., None], squares / x.shape[-1]


def _products(u1: Array, u2: Array, frame: Frame) -> Array:
    """<u1, u2> in the layout of pairs."""
    letters = "abc"[: frame.rank]
    second = letters if frame.aligned else letters.upper()
    first, other = ("n", "n") if frame.paired else ("n", "m")
    out = ("n" if frame.paired else "nm") + letters + ("" if frame.aligned else second)
    return jnp.einsum(f"{first}{letters}z,{other}{second}z->{out}", u1, u2, precision="highest")


def _widened(q: Array, frame: Frame, side: int) -> Array:
    """q values shaped to broadcast against pairs."""
    n, locations = q.shape[0], q.shape[1:]
    ones = (1,) * frame.rank
    inputs = (n,) if frame.paired else ((1, n) if side else (n, 1))
    if frame.aligned:
        return q.reshape(*inputs, *locations)
    return q.reshape(*inputs, *(ones + locations if side else locations + ones))


def _zero_where_same(gap: Array, frame: Frame, same: Any) -> Array:
    if same is None:
        return gap
    mask = jnp.ones(gap.shape[: frame.batch], bool) if same is True else same
    mask = mask.reshape(*mask.shape, *(1,) * (gap.ndim - mask.ndim))
    if not frame.aligned:
        for a, b in zip(frame.left_axes, frame.right_axes, strict=True):
            shape = [1] * gap.ndim
            shape[a], shape[b] = gap.shape[a], gap.shape[b]
            mask = mask & jnp.eye(shape[a], dtype=bool).reshape(shape)
    return jnp.where(mask, 0.0, gap)


def sharp_gap(x1: Array, x2: Array, frame: Frame) -> Array:
    """1 - c of all pairs from differences of inputs, a row at a time.

    With d = x - x', 1 - c = (|d|^2 - (|x| - |x'|)^2)/(2 |x||x'|) and
    |x| - |x'| = <d, x + x'>/(|x| + |x'|): nothing cancels as x' -> x.
    """
    channels = x1.shape[-1]
    if frame.paired and frame.aligned:
        return _gap_of(x1, x2)
    if frame.paired:
        rows = jax.vmap(lambda a, b: _rows(a.reshape(-1, channels), b.reshape(-1, channels)))
        return rows(x1, x2).reshape(x1.shape[0], *x1.shape[1:-1], *x2.shape[1:-1])
    if frame.aligned:
        return jax.lax.map(lambda row: _gap_of(row[None], x2), x1)
    found = _rows(x1.reshape(-1, channels), x2.reshape(-1, channels))
    shape = (x1.shape[0], *x1.shape[1:-1], x2.shape[0], *x2.shape[1:-1])
    return jnp.moveaxis(found.reshape(shape), 1 + frame.rank, 1)


def _rows(x1: Array, x2: Array) -> Array:
    return jax.lax.map(lambda row: _gap_of(row[None], x2), x1)


def _gap_of(x: Array, y: Array) -> Array:
    apart, both = x - y, x + y
    lx, ly = (root(jnp.sum(v * v, axis=-1)) for v in (x, y))
    total = lx + ly
    longer = jnp.sum(apart * both, axis=-1) / jnp.where(total > 0, total, 1.0)
    size = 2 * lx * ly
    gap = (jnp.sum(apart * apart, axis=-1) - longer**2) / jnp.where(size > 0, size, 1.0)
    return jnp.where(size > 0, jnp.clip(gap, 0.0, 2.0), 1.0)
