"""The two ends of a fold over data: inputs to a state, a state to matrices."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Shaped

from .._input_format import InputFormat
from ..algebra import SecondMoments
from ..ir import Network, PairKind, pairs_read
from ._gram import DataState, GramAlgebra
from ._inputs import PROMISED
from ._locations import Same, groups_of, one_evaluation
from ._matrices import KernelMatrices
from ._numbers import Pair, PairLayout, PairMoments, PerSide, QValue, root
from ._readings import PooledReading


# Rows of blocks of a symmetric product: 4 leave 10 of 16 blocks to compute.
_BLOCKS = 4
# Fewer inputs are not worth cutting up.
_CUT = 256


def mixes_locations(network: Network) -> bool:
    """Whether pairs of unlike locations are read somewhere."""
    return PairKind.LOCATION in pairs_read(network)


def frame_of(network: Network, paired: bool, sharp: bool) -> PairLayout:
    """How the arrays of a network are laid out."""
    mixes, own = mixes_locations(network), False
    if mixes:
        pooled = PooledReading()
        network.fold(pooled, False)
        own = bool(pooled.asked) or sharp
    rank = max(len(node.shape) for node in network) - 1
    return PairLayout(rank=rank, aligned=not mixes, paired=paired, own=own)


def entered(
    algebra: GramAlgebra,
    takes: InputFormat,
    x1: Array,
    x2: Array,
    same: Same,
    known_q: float | None,
    ntk: bool,
    sharp: bool,
) -> DataState:
    """The state at the input; `known_q` is the q value of all inputs, where it is known."""
    first = _lifted(takes, x1, algebra.frame.rank)
    x1, x2 = first, first if x2 is x1 else _lifted(takes, x2, algebra.frame.rank)
    known_q = known_q if takes.q is None else takes.q
    field = entry_field(takes, x1, x2, algebra.frame, same, known_q, sharp)
    cross = field.cross
    q: QValue = known_q if known_q is not None else PerSide(cross.left, cross.right)
    return algebra.state_of(SecondMoments(q, (field,), (0.0,) if ntk else None), None)


def _lifted(takes: InputFormat, x: Array, rank: int) -> Array:
    """Inputs with as many location axes as a value of the network has, the last of size one."""
    locations = len(takes.shape) if takes.integers else len(takes.shape) - 1
    axes, missing = 1 + locations, rank - locations
    return x.reshape(*x.shape[:axes], *(1,) * missing, *x.shape[axes:]) if missing else x


def answered(
    network: Network, frame: PairLayout, out: DataState, get: tuple[str, ...], broken: Array | None
) -> KernelMatrices:
    """The matrices at the output, NaN where `broken` says so."""
    field: PairMoments = out.second.k[0]
    pair = field.cross
    plain = {"nngp": pair.value}
    if "ntk" in get and out.second.theta:
        plain["ntk"] = out.second.theta[0]
    if "gap" in get:
        plain["gap"] = pair.gap
    kept = {}
    dtype, whole = jnp.result_type(pair.drop), jnp.shape(pair.drop)
    for name, value in plain.items():
        if name in get:
            value = jnp.broadcast_to(jnp.asarray(value, dtype), whole)
            if broken is not None:
                value = jnp.where(_any_location(broken, frame), jnp.nan, value)
            kept[name] = _at_equal_locations(
                value, frame, whole[: frame.batch], network.output_shape
            )
    return KernelMatrices.of(kept)


def _any_location(broken: Array, frame: PairLayout) -> Array:
    axes = tuple(range(frame.batch, broken.ndim))
    return jnp.any(broken, axes, keepdims=True) if axes else broken


def _at_equal_locations(
    value: Array, frame: PairLayout, batch: tuple[int, ...], out: tuple[int, ...]
) -> Array:
    """(inputs, *locations of the output)."""
    if not frame.aligned:
        letters = "abc"[: frame.rank]
        inputs = "nm"[: frame.batch]
        value = jnp.einsum(f"{inputs}{letters}{letters}->{inputs}{letters}", value)
    return value.reshape(*batch, *out[:-1])


def entry_field(
    takes: InputFormat,
    x1: Shaped[Array, "n1 ..."],
    x2: Shaped[Array, "n2 ..."],
    frame: PairLayout,
    same: Same,
    q: float | None,
    sharp: bool,
) -> PairMoments:
    """K_0 = <x, x'>/channels for all pairs, as a `PairMoments`.

    Arguments:
        takes: what inputs look like.
        x1, x2: inputs; of equal number when the frame is paired.
        frame: the layout.
        same: where the two inputs of a pair are the same one, (n1, n2); None for nowhere.
        q: the q value of all inputs when that is known.
        sharp: whether gaps are computed from differences, which keeps their digits as c -> 1.
    """

    def pairs(left: Array, right: Array, frame: PairLayout, same: Same) -> Pair:
        if takes.gap is None or takes.q is None:
            return _pairs(left, right, frame, same, q, sharp)
        gap = takes.gap(frame.wide(left, 0), frame.wide(right, 1))
        return Pair(takes.q, takes.q, takes.q * gap, gap)

    parts = [pairs(x1, x2, frame, same)]
    if frame.own:
        parts += [pairs(x, x, frame.alone, True) for x in (x1, x2)]
    return PairMoments.of(tuple(parts))


def _pairs(
    x1: Array, x2: Array, frame: PairLayout, same: Same, q: float | None, sharp: bool
) -> Pair:
    (inverse1, q1), (inverse2, q2) = _lengths(x1), _lengths(x2)
    if sharp:
        gap = sharp_gap(x1, x2, frame).astype(x1.dtype)
    else:
        # Lengths are divided out behind the product, which then reads the inputs as they are.
        inverse = frame.wide(inverse1, 0) * frame.wide(inverse2, 1)
        gap = 1.0 - _products(x1, x2, frame) * inverse
    # The product of a direction with itself misses 1 by rounding, and the angle would show
    # the root of that; so it does with its opposite.
    noise = float(jnp.finfo(x1.dtype).eps) * (4 + x1.shape[-1] ** 0.5 / 4)
    gap = jnp.where(gap <= (0.0 if sharp else noise), 0.0, gap)
    gap = jnp.where(gap >= 2.0 - noise, 2.0, gap)
    gap = jnp.where(one_evaluation(gap, groups_of(frame), same), 0.0, gap)
    left, right = (frame.wide(v, side) for side, v in enumerate((q1, q2)))
    if q is not None:
        # A promise that does not hold must not pass for a result.
        broken = frame.wide(_broken(q1, q), 0) + frame.wide(_broken(q2, q), 1)
        return Pair(q, q, q * gap + broken, gap + broken)
    size = root(left) * root(right)
    return Pair(left, right, (root(left) - root(right)) ** 2 / 2 + size * gap, gap)


def _broken(found: Array, q: float) -> Array:
    """NaN where a q value is not the promised one, else 0."""
    tolerance = PROMISED * float(jnp.finfo(found.dtype).eps)
    return jnp.where(jnp.abs(found - q) <= tolerance * q, 0.0, jnp.nan)


def _lengths(x: Array) -> tuple[Array, Array]:
    """Inverse lengths, zero for zero; and q values."""
    squares = jnp.sum(x * x, axis=-1)
    length = root(squares)
    alive = length > 0
    return jnp.where(alive, 1.0 / jnp.where(alive, length, 1.0), 0.0), squares / x.shape[-1]


def _products(x1: Array, x2: Array, frame: PairLayout) -> Array:
    """<x1, x2> in the layout of pairs; mirrored where both are one array."""
    letters = "abc"[: frame.rank]
    second = letters if frame.aligned else letters.upper()
    first, other = ("n", "n") if frame.paired else ("n", "m")
    out = ("n" if frame.paired else "nm") + letters + ("" if frame.aligned else second)
    rule = partial(jnp.einsum, f"{first}{letters}z,{other}{second}z->{out}", precision="highest")
    if x1 is x2 and frame.aligned and not frame.paired and x1.shape[0] >= _CUT:
        return _mirrored(x1, rule)
    return rule(x1, x2)


def _mirrored(x: Array, rule: Callable[[Array, Array], Array]) -> Array:
    """A symmetric rule on all pairs of one set, the lower blocks copied from the upper.

    Only the product is cut into blocks. Everything behind it costs less on whole matrices than
    copies of what comes out would: those are two, and would be transposed as they are computed.
    """
    count = x.shape[0]
    edges = [round(i * count / _BLOCKS) for i in range(_BLOCKS + 1)]
    spans = list(itertools.pairwise(edges))
    rows = [rule(x[a:b], x[a:]) for a, b in spans]
    total = jnp.zeros((count, count, *rows[0].shape[2:]), rows[0].dtype)
    rest = (0,) * (total.ndim - 2)
    for (a, b), row in zip(spans, rows, strict=True):
        total = jax.lax.dynamic_update_slice(total, row, (a, a, *rest))
        if b < count:
            below = jnp.swapaxes(row[:, b - a :], 0, 1)
            total = jax.lax.dynamic_update_slice(total, below, (b, a, *rest))
    # Without a barrier each copy would be fused with all that reads the matrix, and run twice.
    return jax.lax.optimization_barrier(total)


def sharp_gap(x1: Array, x2: Array, frame: PairLayout) -> Array:
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
