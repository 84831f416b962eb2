"""The two ends of a fold over data: inputs to a signal, a signal to matrices."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from ..algebra import Second
from ..ir import Network
from ._degree import PooledAlgebra
from ._entry import entry_field
from ._frame import Frame
from ._gram import DataSignal, GramAlgebra
from ._matrices import KernelMatrices
from ._numbers import Field, PerInput


def mixes_locations(network: Network) -> bool:
    """Whether pairs of unlike locations are read somewhere."""
    return any("location" in node.layer.reads() for node in network)


def frame_of(network: Network, paired: bool, sharp: bool) -> Frame:
    """How the arrays of a network are laid out."""
    mixes, own = mixes_locations(network), False
    if mixes:
        pooled = PooledAlgebra()
        network.fold(pooled, False)
        own = pooled.asked or sharp
    rank = len(network.input_shape) - 1
    return Frame(rank=rank, aligned=not mixes, paired=paired, own=own)


def entered(
    algebra: GramAlgebra,
    x1: Any,
    x2: Any,
    same: Any,
    known_q: float | None,
    ntk: bool,
    sharp: bool,
) -> DataSignal:
    """The signal at the input; `known_q` is the q value of all inputs, where it is known."""
    field = entry_field(x1, x2, algebra.frame, same, known_q, sharp)
    cross = field.cross
    q: Any = known_q if known_q is not None else PerInput(cross.left, cross.right)
    return algebra.atom_signal(Second(q, (field,), (0.0,) if ntk else None), None)


def answered(
    network: Network, frame: Frame, out: DataSignal, get: tuple[str, ...], broken: Any
) -> KernelMatrices:
    """The matrices at the output, NaN where `broken` says so."""
    field: Field = out.second.k[0]
    pair = field.cross
    shape = jnp.shape(pair.drop)[: frame.batch]
    plain = {"nngp": pair.value}
    if "ntk" in get:
        plain["ntk"] = out.second.theta[0] if out.second.theta else None
    if "gap" in get:
        plain["gap"] = pair.gap
    kept = {}
    for name, value in plain.items():
        if name in get:
            value = jnp.broadcast_to(jnp.asarray(value, pair.drop.dtype), pair.drop.shape)
            if broken is not None:
                value = jnp.where(_any_location(broken, frame), jnp.nan, value)
            kept[name] = _at_equal_locations(value, frame, shape, network.output_shape)
    return KernelMatrices(**{name: kept.get(name) for name in ("nngp", "ntk", "gap")})


def _any_location(broken: Any, frame: Frame) -> Any:
    axes = tuple(range(frame.batch, broken.ndim))
    return jnp.any(broken, axes, keepdims=True) if axes else broken


def _at_equal_locations(
    value: Any, frame: Frame, batch: tuple[int, ...], out: tuple[int, ...]
) -> Any:
    """(inputs, *locations of the output)."""
    if not frame.aligned:
        letters = "abc"[: frame.rank]
        inputs = "nm"[: frame.batch]
        value = jnp.einsum(f"{inputs}{letters}{letters}->{inputs}{letters}", value)
    return value.reshape(*batch, *out[:-1])
