"""The values of all nodes of a model on a batch, with the gradients of its output there."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from ._keys import node_keys
from ._model import Model
from ._node import Call, Keys, ModelNode, State, one_by_one
from ._states import first_state, name_states


class NodeGradient(NamedTuple):
    """The value of a node, and a gradient with respect to it.

    Arguments:
        name: of the node; "" for the input of the model.
        value: (batch, *locations, channels).
        gradient: of the same shape; None where the output does not depend on the value, and for
            integers.
    """

    name: str
    value: Array
    gradient: Array | None


@eqx.filter_jit
def node_gradients(
    model: Model, xs: Array, cotangent: Callable[[Array], Array], key: PRNGKeyArray
) -> list[NodeGradient]:
    """The value of every node, the input first, and the gradient of a number with respect to it.

    Arguments:
        model: its batch norms take the statistics of the batch unless they are in inference mode,
            and begin with their first state.
        xs: (batch, *input_shape).
        cotangent: the gradient of the number with respect to the output, from the output.
        key: randomness, for dropout in training.
    """
    layers, moved = one_by_one(model.nodes)
    layers = name_states(layers)
    state: State = first_state(layers)
    keys = node_keys(key, [node.name for node in layers])
    dtype = model.policy.compute_dtype or model.policy.param_dtype
    call = Call(None, dtype, False)
    values = [model.input_format.entering(jnp.asarray(xs), dtype)]
    pulls = []
    for row, node in enumerate(layers):
        inputs = tuple(values[i] for i in node.inputs)
        value, pull, state = _run(node, inputs, state, keys[row : row + 1], call)
        values.append(value)
        pulls.append(pull)
    output = moved[model.output]
    gradients: dict[int, Array] = {output: cotangent(values[output])}
    for place in reversed(range(len(layers))):
        if place + 1 in gradients:
            inputs = layers[place].inputs
            for i, added in zip(inputs, pulls[place](gradients[place + 1]), strict=True):
                if added.dtype != jax.dtypes.float0:
                    gradients[i] = gradients[i] + added if i in gradients else added
    names = ["", *(node.name for node in layers)]
    found = enumerate(zip(names, values, strict=True))
    return [NodeGradient(name, value, gradients.get(i)) for i, (name, value) in found]


def _run(
    node: ModelNode, inputs: tuple[Array, ...], state: State, keys: Keys, call: Call
) -> tuple[Array, Callable[[Array], tuple[Array, ...]], State]:
    """The value of a node, what takes its gradient back to the inputs, and the state after it."""

    def value(*inputs: Array) -> tuple[Array, State]:
        return node.run(inputs, state, keys, call)

    return jax.vjp(value, *inputs, has_aux=True)
