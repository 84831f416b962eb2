"""Lower: from a network to one Equinox module with weights drawn."""

from __future__ import annotations

import jax
from jaxtyping import PRNGKeyArray

from .._errors import UnsupportedError, shown
from ..ir import Network, NetworkCarrier, as_network
from ..modules import Model, ModelNode, Policy, as_key, node_key
from ._arrange import arranged
from ._room import check_room, out_of_memory


def lower(
    network: Network | NetworkCarrier,
    *,
    key: PRNGKeyArray | int,
    policy: Policy | None = None,
    axis_name: str | None = "batch",
) -> Model:
    """The network as an Equinox module at initialization.

    The infinite-width limit of what comes out is what `derive` describes: weights of variance
    weight_std^2 / fan_in, from the distribution and at the taps that the layers say.

    Arguments:
        network: a `Network`, or what `shape` returns.
        key: a JAX random key, or an int for `jax.random.key` of it. The weights of a node follow
            from the key and the name of the node: a node keeps them when others come or go.
        policy: dtypes, float32 by default; whether repeated blocks run in a loop, by default
            where that pays; what the backward pass keeps, by default all. None of it changes
            the weights.
        axis_name: the `jax.vmap` axis batch norm shares its statistics over.

    Returns:
        `model(x)` for one example, `model.batched(xs)` for a batch, `jax.vmap(model)(xs)` the
        same; with batch norm `y, state = model.batched(xs, state)`, `state =
        eqx.nn.State(model)`; with dropout `key=...`; `eqx.nn.inference_mode(model)` to evaluate.

    Raises:
        KernelcError: something else than a network, or than a key.
        GraphError: symbols left in weights.
        UnsupportedError: weights that do not fit into memory.

    Example:
        >>> import jax, jax.numpy as jnp, kernelc as kc
        >>> x = kc.Input((4,))
        >>> net = kc.Network(x, kc.Dense(3)(x))
        >>> kc.lower(net, key=jax.random.key(0))(jnp.ones(4)).shape
        (3,)
    """
    network = as_network(network, "lower").network
    key = as_key("lower", key)
    policy = _checked(policy)
    if axis_name is not None and not isinstance(axis_name, str):
        raise UnsupportedError(
            where="lower: axis_name",
            found=shown(axis_name),
            law="the axis of jax.vmap is named by a text",
            remedy='pass axis_name="batch", or None',
        )
    check_room(network, policy.param_dtype)
    try:
        return _drawn(network, key, policy, axis_name)
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
            raise out_of_memory(network, error) from error
        raise


def _checked(policy: Policy | None) -> Policy:
    if policy is None or isinstance(policy, Policy):
        return policy or Policy()
    raise UnsupportedError(
        where="lower: policy",
        found=f"a value of type {type(policy).__name__}",
        law="how a network is run is said by a kernelc.Policy",
        remedy='pass policy=kernelc.Policy("bfloat16"), or leave it out',
    )


def _drawn(network: Network, key: PRNGKeyArray, policy: Policy, axis_name: str | None) -> Model:
    nodes = []
    for node in network.nodes[1:]:
        layer_key = node_key(key, node.name)
        module = node.layer.module(node.in_shapes, node.shape, layer_key, policy.param_dtype)
        nodes.append(ModelNode(node.name, module, node.inputs))
    model = Model(nodes, network.input_shape, policy=policy, axis_name=axis_name, network=network)
    return arranged(model, [node.shape for node in network.nodes], policy.layers)
