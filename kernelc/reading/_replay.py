"""Replay: the network that was read, with the weights that were read, beside the model."""

from __future__ import annotations

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from ..layers import BatchNormModule, Opaque
from ..lowering import lower
from ..modules import Model
from ._build import Built


TOLERANCE = 1e-4
"""Of outputs in float32, relative to their size."""


def with_weights(built: Built, key: PRNGKeyArray | int = 0) -> tuple[Model, eqx.nn.State | None]:
    """The finite network with the weights and statistics that were read, in inference mode."""
    model = lower(built.network, key=key, layers="unrolled", weights=built.weights)
    state = None
    if model.stateful:
        state = eqx.nn.State(model)
        for name, held in built.statistics.items():
            layer = model[name]
            assert isinstance(layer, BatchNormModule)  # no other layer has statistics
            index = layer.index
            old = state.get(index)
            new = (held["mean"], held["variance"])
            moved = (jax.numpy.asarray(n, o.dtype) for n, o in zip(new, old, strict=True))
            state = state.set(index, tuple(moved))
    return eqx.nn.inference_mode(model), state


def replayed(built: Built, example: np.ndarray, output: np.ndarray) -> float | None:
    """How far the output of the network is from that of the model, relative to its size.

    Arguments:
        built: what was read.
        example: one input of the model.
        output: what the model makes of it.

    Returns:
        The largest difference over the root of the mean square; None with opaque nodes.
    """
    if any(isinstance(node.layer, Opaque) for node in built.network):
        return None
    model, state = with_weights(built)
    found = model(jax.numpy.asarray(built.inputs.to_network(example)), state)
    found = found[0] if isinstance(found, tuple) else found
    wanted = built.outputs.to_network(output)
    size = float(np.sqrt(np.mean(np.square(wanted, dtype=np.float64)))) or 1.0
    return float(np.abs(np.asarray(found, np.float64) - wanted).max()) / size
