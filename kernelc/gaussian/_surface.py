"""Duals of smooth activations at any two q values: one table, evaluated by products of matrices."""

from __future__ import annotations

import functools
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np

from ..activations import ScalarFunction
from ._pair import Number, Pair, root
from ._rule import DualRule
from ._surface_fit import surface
from ._surface_tables import Surface


# What may be left out of a table, of its largest entry.
_LEFT_OUT = {4: 3e-9, 8: 1e-15}
# Rounding in a table is below this. One of few terms above it is a polynomial in the gap, as that
# of x/2 in softplus and SiLU: the others hold nothing else.
_NOISE = 1e-14
# Terms of the angle that are added up at once: what they are is held for all pairs.
_CHUNK = 4

Both = tuple[jax.Array, jax.Array]
Compressed = dict[int, tuple[np.ndarray, tuple[np.ndarray | None, ...]]]
"""For each size of float, features (m, rank) and tables (terms, rank, rank)."""


class SurfaceRule(DualRule):
    """Drop and slope dual as Chebyshev series in the angle, coefficients bilinear in features of q.

    Each coefficient is a smooth function of two q values, so of low rank: a row of features for
    each input, one small matrix for each angle term, and a product of matrices for all pairs.
    """

    def __init__(self, phi: ScalarFunction, found: Surface) -> None:
        self.name, self.found = phi.name, found
        self.zero = float(phi.numpy(0)(0.0))
        self.slopes = _compressed(found.slopes)
        self.drops = _compressed(found.drops)
        self.flat = _compressed((found.apart[None], found.odd[None]))
        self.known = found.sizes[1] == 1

    def mean(self, q: Number, order: int) -> Number:
        lines = self._lines(q)
        if order:
            return lines["slope"] * lines["mean_slope"]
        return self.zero + lines["size"] * lines["mean"]

    def second(self, q: Number) -> Number:
        lines = self._lines(q)
        size = lines["size"]
        return self.zero**2 + size * (size + 2 * self.zero * lines["mean"])

    def value(self, pair: Pair, order: int) -> Number:
        if order == 0:
            return (self.second(pair.left) + self.second(pair.right)) / 2 - self.drop(pair)
        near, positive = _folded(pair.gap)
        even, odd = self._series(self.slopes, pair, near)
        left, right = self._lines(pair.left)["slope"], self._lines(pair.right)["slope"]
        return left * right * (even + jnp.where(positive, odd, -odd))

    def drop(self, pair: Pair) -> Number:
        near, positive = _folded(pair.gap)
        # The even part of φ' is the odd one of the kernel.
        odd, even = self._series(self.drops, pair, near)
        left, right = self._lines(pair.left), self._lines(pair.right)
        size = pair.size * left["slope"] * right["slope"]
        twice = 2 * size * self._flat(1, pair, near)
        fallen = size * near * jnp.where(positive, even + odd, even - odd)
        fallen = jnp.where(positive, fallen, twice + fallen)
        if pair.uniform:
            return fallen
        step = root(pair.left) - root(pair.right)
        apart = left["flat"] * right["flat"] * step * step / 2 * self._flat(0, pair, near)
        return jnp.where(pair.same, 0.0, apart + fallen)

    def describe(self) -> str:
        angles, deviations = self.found.sizes
        error = f"error at most {4 * self.found.error:.0e}"
        if self.known:
            return f"{self.name}: {angles} terms in the angle at q = {self._largest_q:.3g}, {error}"
        return (
            f"{self.name}: table over two q values up to {self._largest_q:.3g}, "
            f"{angles} terms in the angle and {deviations} in q, {error}"
        )

    @property
    def _largest_q(self) -> float:
        return self.found.axes.largest**2

    def _lines(self, q: Number) -> dict[str, Number]:
        """Numbers for each input; floats where q is one."""
        lines, one = self.found.lines, isinstance(q, float)
        xp: ModuleType = np if one else jnp
        deviation = root(q if one else jnp.asarray(q))
        rows = self._basis(deviation)
        values = [xp.tensordot(rows, xp.asarray(s, rows.dtype), 1) for s in lines.all]
        flat, size = xp.exp(values[0]), xp.exp(values[1])
        power = deviation**lines.power if lines.power else 1.0
        found = {
            "flat": flat,
            "slope": flat * power,
            "size": size * power * deviation,
            "mean": values[2],
            "mean_slope": values[3],
        }
        return {key: float(v) for key, v in found.items()} if one else found

    def _basis(self, deviation: Number) -> np.ndarray | jax.Array:
        count = self.found.sizes[1]
        if isinstance(deviation, float):  # the one q value the tables are for
            return np.ones(1)
        if count == 1:
            return jnp.ones((*jnp.shape(deviation), 1), jnp.result_type(deviation))
        x = self.found.axes.of_deviation(deviation)
        return jnp.cos(jnp.arange(count, dtype=x.dtype) * jnp.arccos(x)[..., None])

    def _flat(self, index: int, pair: Pair, like: jax.Array) -> jax.Array:
        """A table without an angle."""
        features, tables = self.flat[like.dtype.itemsize]
        left, right = self._features(features, pair, like)
        table = tables[index]
        assert table is not None
        return _contracted(left @ jnp.asarray(table[0], like.dtype), right)

    def _features(self, features: np.ndarray, pair: Pair, like: jax.Array) -> Both:
        sides = []
        for q in (pair.left, pair.right):
            rows = self._basis(root(jnp.asarray(q, like.dtype)))
            sides.append(rows @ jnp.asarray(features, like.dtype))
        return sides[0], sides[1]

    def _series(self, parts: Compressed, pair: Pair, near: jax.Array) -> Both:
        """Two series in the angle, 0 for a part that is missing."""
        features, tables = parts[near.dtype.itemsize]
        left, right = self._features(features, pair, near)
        x = self.found.axes.of_gap(near)
        one, two = (
            jnp.zeros_like(x) if table is None else _clenshaw(table, left, right, x)
            for table in tables
        )
        return one, two


@functools.lru_cache(maxsize=64)
def surface_rule(phi: ScalarFunction, largest_q: float, known: bool = False) -> SurfaceRule:
    """The rule for q values up to the largest, or for that one alone where it is `known`.

    Raises:
        UnsupportedError: an activation too steep to be resolved, or tables that do not settle.
        ActivationError: no finite second moment.
    """
    return SurfaceRule(phi, surface(phi, largest_q, known))


def _folded(gap: jax.Array) -> Both:
    """The gap of |c|, and where c >= 0."""
    return jnp.minimum(gap, 2.0 - gap), gap <= 1.0


def _compressed(parts: tuple[np.ndarray | None, ...]) -> Compressed:
    tables = [t for t in parts if t is not None]
    whole = max(float(np.abs(t).max()) for t in tables)
    stacked = np.concatenate([np.moveaxis(t, 1, 0).reshape(t.shape[1], -1) for t in tables], axis=1)
    vectors, sizes, _ = np.linalg.svd(stacked, full_matrices=False)
    found = {}
    for width, left_out in _LEFT_OUT.items():
        rank = max(1, int(np.count_nonzero(sizes > left_out * sizes[0])))
        features = vectors[:, :rank]
        kept = []
        for table in parts:
            if table is None:
                kept.append(None)
                continue
            small = np.einsum("mr,kmn,ns->krs", features, table, features, optimize=True)
            heights = np.abs(small).max((1, 2)) / whole
            terms = _count(heights, max(left_out, _NOISE))
            terms = terms if terms <= _CHUNK else _count(heights, left_out)
            kept.append(small[:terms])
        found[width] = features, tuple(kept)
    return found


def _count(sizes: np.ndarray, least: float) -> int:
    """How many there are up to the last one above `least`, at least 1."""
    return int(np.flatnonzero(sizes > least).max(initial=0)) + 1


def _clenshaw(table: np.ndarray, left: jax.Array, right: jax.Array, x: jax.Array) -> jax.Array:
    """A Chebyshev series in x whose coefficients are bilinear in two rows of features."""
    if len(table) == 1:
        return _contracted(left @ jnp.asarray(table[0], x.dtype), right)
    chunks = -(-len(table) // _CHUNK)
    padded = np.pad(table, ((0, chunks * _CHUNK - len(table)), (0, 0), (0, 0)))
    blocks = padded.reshape(chunks, _CHUNK, *table.shape[1:])[:, ::-1]
    sums = jnp.zeros_like(x), jnp.zeros_like(x)
    least = _LEFT_OUT[x.dtype.itemsize] * np.abs(table).max()
    # Late terms are small, so few features reach them.
    for part in (blocks[(chunks + 1) // 2 :][::-1], blocks[: (chunks + 1) // 2][::-1]):
        if len(part):
            sums = _added(part, least, left, right, x, sums)
    near, far = sums
    # The last step doubled x: b_0 - x b_1 is the sum.
    return near - x * far


def _added(
    blocks: np.ndarray,
    least: float,
    left: jax.Array,
    right: jax.Array,
    x: jax.Array,
    sums: Both,
) -> Both:
    """The recurrence of Clenshaw through these coefficients, the last first."""
    sizes = np.abs(blocks).max((0, 1))
    rank = _count(np.maximum(sizes.max(0), sizes.max(1)), least)
    left, right = left[..., :rank], right[..., :rank]
    small = jnp.asarray(np.ascontiguousarray(blocks[..., :rank, :rank]), x.dtype)

    def step(i: jax.Array, sums: Both) -> Both:
        near, far = sums
        for each in jax.lax.dynamic_index_in_dim(small, i, keepdims=False):
            near, far = _contracted(left @ each, right) + 2 * x * near - far, near
        return near, far

    return jax.lax.fori_loop(0, len(small), step, sums)


def _contracted(left: jax.Array, right: jax.Array) -> jax.Array:
    """Sum of products over the last axis, all others broadcast, as one product of matrices."""
    if left.ndim == right.ndim == 1:
        return left @ right
    axes = max(left.ndim, right.ndim) - 1
    left, right = (a.reshape((1,) * (axes + 1 - a.ndim) + a.shape) for a in (left, right))
    letters = "abcdefghijkl"[:axes]
    one, two = (
        "".join(k for k, n in zip(letters, a.shape, strict=False) if n > 1) for a in (left, right)
    )
    out = "".join(k for k in letters if k in one or k in two)
    shape = [max(n, m) for n, m in zip(left.shape[:-1], right.shape[:-1], strict=True)]
    left, right = (
        a.reshape(*(n for n in a.shape[:-1] if n > 1), a.shape[-1]) for a in (left, right)
    )
    found = jnp.einsum(f"{one}z,{two}z->{out}", left, right, precision="highest")
    return found.reshape(shape)
