"""Whether the weights of a network fit into the memory of this machine, before any is drawn."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp

from .._errors import UnsupportedError
from .._limits import memory
from ..ir import Network, NetworkNode, ParameterCounts


_SURELY_FITS = 2**26
"""Weights whose number need not be known."""


def check_room(network: Network, dtype: Any) -> None:
    """Raise `UnsupportedError` when the weights take more memory than there is."""
    large = [node for node in network.nodes[1:] if _bound(network, node) > _SURELY_FITS]
    most = memory()
    if not large or most is None:
        return
    counts = ParameterCounts(network)
    size = jnp.dtype(dtype).itemsize * sum(counts.of(node) or 0 for node in large)
    if size > most:
        raise UnsupportedError(
            where=network.name,
            found=f"weights of {size / 1e9:,.0f} GB, most of them from {large[0].name!r} on",
            law=f"a lowered network fits into memory, here {most / 1e9:,.0f} GB",
            remedy="make the layers smaller; derive and kernel_fn need no weights",
        )


def _bound(network: Network, node: NetworkNode) -> int:
    """At least as many as the node has weights: all to all, for each tap of a window."""
    window = getattr(node.layer, "window", 1)
    sizes = window if isinstance(window, tuple) else (window,) * (len(node.shape) - 1)
    taps = math.prod(n for n in sizes if isinstance(n, int))
    return taps * math.prod(node.shape) * sum(map(math.prod, node.in_shapes))


def out_of_memory(network: Network, error: BaseException) -> UnsupportedError:
    """What `lower` says when memory ran out while weights were drawn."""
    return UnsupportedError(
        where=network.name,
        found=f"memory ran out while weights were drawn ({type(error).__name__})",
        law="a lowered network fits into memory",
        remedy="make the layers smaller; derive and kernel_fn need no weights",
    )
