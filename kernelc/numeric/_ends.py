"""The two ends of a fold over data: inputs to a state, a state to matrices."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from ..algebra import SecondMoments
from ..ir import Network, PairKind, pairs_read
from ._entry import entry_field
from ._gram import DataState, GramAlgebra
from ._locations import Same
from ._matrices import KernelMatrices
from ._numbers import PairLayout, PairMoments, PerSide, QValue
from ._readings import PooledReading


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
    rank = len(network.input_shape) - 1
    return PairLayout(rank=rank, aligned=not mixes, paired=paired, own=own)


def entered(
    algebra: GramAlgebra,
    x1: Array,
    x2: Array,
    same: Same,
    known_q: float | None,
    ntk: bool,
    sharp: bool,
) -> DataState:
    """The state at the input; `known_q` is the q value of all inputs, where it is known."""
    field = entry_field(x1, x2, algebra.frame, same, known_q, sharp)
    cross = field.cross
    q: QValue = known_q if known_q is not None else PerSide(cross.left, cross.right)
    return algebra.state_of(SecondMoments(q, (field,), (0.0,) if ntk else None), None)


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
