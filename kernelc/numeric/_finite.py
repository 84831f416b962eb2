"""Kernel matrices that are no numbers: why, and what to do."""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import DataError
from ..algebra import FloatBackend
from ..ir import Network, NetworkNode
from ._inputs import Inputs
from ._matrices import KernelMatrices
from ._reach import FloatState, QUpperBound, start
from ._readings import ZeroReading


def checked_matrices(
    network: Network, inputs: Inputs, at_zero: ZeroReading, found: KernelMatrices
) -> KernelMatrices:
    """The matrices, once all entries are finite; the NTK of a function that jumps may be infinite.

    It is ∞ for an input and itself, and -∞ for an input and its opposite.

    Raises: DataError for NaN, infinity, or an NNGP that is all lost below the smallest number.
    """
    for name, matrix in zip(found._fields, found, strict=True):
        if matrix is None:
            continue
        low, high = (float(x) for x in _range(matrix))
        infinite = name == "ntk" and _jumps(network)
        endless = low == -math.inf or high == math.inf
        if math.isnan(low) or (endless and not infinite):
            rows = np.flatnonzero(~np.isfinite(np.asarray(matrix).reshape(len(matrix), -1).min(1)))
            raise _directionless(inputs, at_zero, rows) or _overflow(network, inputs, name)
        tiny = float(jnp.finfo(matrix.dtype).tiny)
        if name == "nngp" and max(-low, high) < tiny and _vanishes(network, inputs, tiny):
            raise _lost(network, inputs, f"an NNGP below {tiny:.2g} throughout")
    return found


def checked_scale(network: Network, inputs: Inputs, low: float, high: float) -> None:
    """Nothing, when the mean squares of the inputs fit their type.

    Raises: DataError.
    """
    limits = jnp.finfo(inputs.dtype)
    if high > float(limits.max):
        raise _lost(network, inputs, f"inputs with a mean square of {high:.3g}")
    if 0 < low < float(limits.tiny):
        raise _lost(network, inputs, f"inputs with a mean square of {low:.3g}")


def any_nan(found: KernelMatrices) -> bool:
    """Whether some entry is no number."""
    return any(m is not None and bool(jnp.isnan(m).any()) for m in found)


@jax.jit
def _range(matrix: jax.Array) -> tuple[jax.Array, jax.Array]:
    return jnp.min(matrix), jnp.max(matrix)


def _vanishes(network: Network, inputs: Inputs, tiny: float) -> bool:
    """Whether q values fall below `tiny`; those of zeros, or behind weights of zero, are 0."""
    last = _sizes(network, inputs)[-1][1]
    return inputs.q_range()[1] > 0 and last != 0 and not tiny <= last < math.inf


def _jumps(network: Network) -> bool:
    functions = (node.layer.nonlinearity() for node in network)
    return any(phi is not None and phi.jumps(0) for phi in functions)


def _directionless(inputs: Inputs, at_zero: ZeroReading, rows: np.ndarray) -> DataError | None:
    """The error of a PLN that reads zeros, where that is what happened."""
    if not at_zero.directions or inputs.format.q:
        return None
    x = np.asarray(inputs.x1)
    sizes = np.abs(x[rows]).max(axis=-1).reshape(len(rows), -1)
    blank = [*rows[sizes.max(axis=1) == 0], *rows[sizes.min(axis=1) == 0]]
    if not blank:
        return None
    return DataError(
        where=at_zero.directions[0],
        found=f"example {blank[0]}, zero in all channels of a location",
        law="a PLN without a constant divides by the length of a location, and what the finite "
        "layer makes of zeros is no function of q values and covariances",
        remedy='use PLN("one"), or remove such examples',
    )


def _overflow(network: Network, inputs: Inputs, name: str) -> DataError:
    largest = float(jnp.finfo(inputs.dtype).max)
    for node, q in _sizes(network, inputs):
        if not q <= largest:
            return _lost(network, inputs, f"a q value of {q:.3g} at {node}")
    return _lost(network, inputs, f"entries of the {name} that are not finite")


def _lost(network: Network, inputs: Inputs, found: str) -> DataError:
    kind = "float64" if inputs.double else "float32"
    remedy = "scale the inputs (kernelc.PLN), or use weights that keep q near 1"
    if not inputs.double:
        remedy = "pass the inputs as float64, " + remedy
    limits = np.finfo(kind)
    return DataError(
        where=network.name,
        found=found,
        law=f"kernels are computed in {kind}, whose numbers are {limits.tiny:.2g} to "
        f"{limits.max:.2g} in size",
        remedy=remedy,
    )


def _sizes(network: Network, inputs: Inputs) -> list[tuple[str, float]]:
    """(node, q value) for inputs of the largest q value, as far as float64 goes."""
    algebra = QUpperBound(FloatBackend())
    lost: list[str] = []

    def refused(node: NetworkNode, inputs: Sequence[FloatState], error: Exception) -> None:
        lost.append(node.name)

    values = network.fold(algebra, start(algebra, inputs.q_range()[1]), on_refusal=refused)
    found = [(network.nodes[i].name, float(s.second.q)) for i, s in values.items() if i > 0]
    return [*found, *((name, math.inf) for name in lost[:1])]
