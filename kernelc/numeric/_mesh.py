"""Kernel matrices spread over the devices of a mesh, by rows."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ._inputs import Inputs
from ._matrices import KernelMatrices
from ._program import Program


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
