"""Kernel matrices tile by tile, in bounded memory, or by rows over the devices of a mesh."""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from tqdm import tqdm

from ._inputs import Inputs
from ._matrices import KernelMatrices, mirrored, placed, placed_twice
from ._program import Program


# Bytes of working memory a tile may take; an evaluation holds about this many arrays of pairs.
_BYTES = 1 << 28
_HELD = 8
# Below this a symmetric matrix is not worth cutting up.
_SMALLEST = 256
_WAIT = 2.0


def tile_side(program: Program, inputs: Inputs) -> int:
    """Rows and columns of a tile; at least all rows when one tile is enough."""
    locations = math.prod(program.network.input_shape[:-1])
    pairs = locations**2 if program.mixes else locations
    side = math.isqrt(max(1, _BYTES // (_HELD * inputs.dtype.itemsize * pairs)))
    if inputs.symmetric and not program.short:
        side = min(side, max(_SMALLEST, -(-inputs.x1.shape[0] // 4)))
    return max(1, side)


def tiled(
    program: Program, inputs: Inputs, get: tuple[str, ...], progress: bool | None
) -> KernelMatrices:
    """The matrices, computed in tiles where that saves memory or work."""
    x1, x2 = jnp.asarray(inputs.x1), jnp.asarray(inputs.x2)
    side = tile_side(program, inputs)
    counts = (x1.shape[0], x2.shape[0])
    if max(counts) <= side:
        if inputs.symmetric:
            found = program.square(x1, get=get)
            return KernelMatrices(*(m if m is None else mirrored(m) for m in found))
        return program.compute(x1, x2, symmetric=False, paired=False, get=get)
    rows, columns = (_starts(n, side) for n in counts)
    tiles = [(i, j) for i in rows for j in columns if j >= i or not inputs.symmetric]
    shape = (*counts, *program.network.output_shape[:-1])
    out = tuple(jnp.zeros(shape, inputs.dtype) for _ in get)
    sizes = tuple(min(n, side) for n in counts)
    show = {None: {"delay": _WAIT, "disable": None}, True: {}, False: {"disable": True}}[progress]
    fill = placed_twice if inputs.symmetric else placed
    for i, j in tqdm(tiles, desc="kernel", unit="tile", leave=False, **show):
        a, b = _rows(x1, i, sizes[0]), _rows(x2, j, sizes[1])
        tile = program.compute(a, b, i, j, symmetric=inputs.symmetric, paired=False, get=get)
        out = tuple(fill(m, getattr(tile, name), i, j) for m, name in zip(out, get, strict=True))
        if len(tiles) > 16:
            jax.block_until_ready(out)
    return KernelMatrices.of(dict(zip(get, out, strict=True)))


def sharded(program: Program, inputs: Inputs, get: tuple[str, ...], mesh: Mesh) -> KernelMatrices:
    """The matrices with their rows spread over all devices of `mesh`.

    Each device has its rows of the first inputs and all of the second; nothing is exchanged.
    Rows are padded to a multiple of the number of devices and cut off again.
    """
    count = inputs.x1.shape[0]
    missing = -count % mesh.size
    widths = [(0, missing)] + [(0, 0)] * (inputs.x1.ndim - 1)
    rows = NamedSharding(mesh, PartitionSpec(mesh.axis_names))
    x1 = jax.device_put(jnp.pad(jnp.asarray(inputs.x1), widths, mode="edge"), rows)
    x2 = jax.device_put(jnp.asarray(inputs.x2), NamedSharding(mesh, PartitionSpec()))
    found = program.compute(x1, x2, symmetric=inputs.symmetric, paired=False, get=get)
    return KernelMatrices(*(None if m is None else m[:count] for m in found))


@partial(jax.jit, static_argnames=("size",))
def _rows(x: jax.Array, start: int, size: int) -> jax.Array:
    return jax.lax.dynamic_slice_in_dim(x, start, size)


def _starts(count: int, side: int) -> list[int]:
    """Where tiles start; the last one reaches back so that all have one size."""
    if count <= side:
        return [0]
    pieces = -(-count // side)
    return [min(i * side, count - side) for i in range(pieces)]
