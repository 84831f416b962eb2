"""Lower: from a network to one Equinox module with weights drawn."""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Mapping, Sequence
from typing import cast

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from .._errors import UnsupportedError, shown
from .._limits import memory
from ..ir import Network, NetworkCarrier, NetworkNode, ParameterCounts, as_network
from ..modules import (
    LayerModule,
    LoopMode,
    Model,
    ModelNode,
    Policy,
    Remat,
    as_key,
    checked_form,
    node_key,
)
from ._arrange import Loop, arranged
from ._weights import NodeArrays, check_names, with_arrays


_SURELY_FITS = 2**26
"""Weights whose number need not be known."""


def lower(
    network: Network | NetworkCarrier,
    *,
    key: PRNGKeyArray | int,
    policy: Policy | None = None,
    layers: LoopMode = "auto",
    remat: Remat = "none",
    axis_name: str | None = "batch",
    weights: Mapping[str, NodeArrays] | None = None,
) -> Model:
    """The network as an Equinox module at initialization.

    The infinite-width limit of what comes out is what `derive` describes: weights of variance
    weight_std^2 / fan_in, from the distribution and at the taps that the layers say.

    Arguments:
        network: a `Network`, or what `shape` returns.
        key: a JAX random key, or an int for `jax.random.key` of it. The weights of a node follow
            from the key and the name of the node: a node keeps them when others come or go.
        policy: dtypes, float32 by default.
        layers: "scan" runs repeated blocks in one loop, with their weights in one array, so that
            compilation does not grow with depth; "unrolled" has an array for every parameter of
            every layer, which is what K-FAC needs; "auto" loops where that pays. The weights are
            the same.
        remat: "block" keeps only the values between blocks for the backward pass, which computes
            those inside again; "none" keeps all.
        axis_name: the `jax.vmap` axis batch norm shares its statistics over.
        weights: arrays that replace those that are drawn, by the name of the node and the field
            of its finite layer, as `kernelc.read` finds them in a model.

    Returns:
        `model(x)` for one example, `model.batched(xs)` for a batch, `jax.vmap(model)(xs)` the
        same; with batch norm `y, state = model.batched(xs, state)`, `state =
        eqx.nn.State(model)`; with dropout `key=...`; `eqx.nn.inference_mode(model)` to evaluate.

    Raises:
        KernelcError: something else than a network, or than a key.
        GraphError: symbols left in weights; `weights` of nodes that there are not.
        DataError: `weights` of other shapes, or that are not finite.
        UnsupportedError: weights that do not fit into memory, or an unknown form of layers.

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
    former = vars(policy)  # a policy that was given the deprecated arguments of these names
    layers = cast(LoopMode, checked_form("lower", "layers", former.get("layers", layers)))
    remat = cast(Remat, checked_form("lower", "remat", former.get("remat", remat)))
    if axis_name is not None and not isinstance(axis_name, str):
        raise UnsupportedError(
            where="lower: axis_name",
            found=shown(axis_name),
            law="the axis of jax.vmap is named by a text",
            remedy='pass axis_name="batch", or None',
        )
    weights = {} if weights is None else weights
    check_names(network, weights)
    _check_room(network, policy)
    try:
        drawn = [
            with_arrays(
                functools.partial(_module, node, policy, node_key(key, node.name)),
                weights.get(node.name, {}),
                node.name,
            )
            for node in network.nodes[1:]
        ]
        return _assembled(network, drawn, policy, axis_name, remat, layers)
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
            found = f"memory ran out while weights were drawn ({type(error).__name__})"
            raise _too_large(network, found, "a lowered network fits into memory") from error
        raise


def bare(
    network: Network,
    policy: Policy,
    axis_name: str | None,
    remat: Remat,
    loops: Collection[Loop],
) -> Model:
    """What `lower` returns, in the form with these loops, with shapes in the place of arrays."""
    known: dict[tuple[object, object], LayerModule] = {}
    key = jax.eval_shape(lambda: jax.random.key(0))
    modules = []
    for node in network.nodes[1:]:
        place = node.layer, node.in_shapes
        # Equal layers on equal shapes are traced once.
        if place not in known:
            make = functools.partial(_module, node, policy)
            known[place] = eqx.filter_eval_shape(make, key)
        modules.append(known[place])
    return eqx.filter_eval_shape(
        lambda modules: _assembled(network, modules, policy, axis_name, remat, loops), modules
    )


def _module(node: NetworkNode, policy: Policy, key: PRNGKeyArray) -> LayerModule:
    return node.layer.module(node.in_shapes, node.shape, key, policy.param_dtype)


def _assembled(
    network: Network,
    modules: Sequence[LayerModule],
    policy: Policy,
    axis_name: str | None,
    remat: Remat,
    form: LoopMode | Collection[Loop],
) -> Model:
    nodes = [
        ModelNode(node.name, module, node.inputs)
        for node, module in zip(network.nodes[1:], modules, strict=True)
    ]
    takes = network.input_format
    options = {"policy": policy, "axis_name": axis_name, "remat": remat, "network": network}
    model = Model(nodes, takes.shape, input_format=takes, **options)
    return arranged(model, [node.shape for node in network.nodes], form)


def _checked(policy: Policy | None) -> Policy:
    if policy is None or isinstance(policy, Policy):
        return policy or Policy()
    raise UnsupportedError(
        where="lower: policy",
        found=f"a value of type {type(policy).__name__}",
        law="the dtypes of a network are said by a kernelc.Policy",
        remedy='pass policy=kernelc.Policy("bfloat16"), or leave it out',
    )


def _check_room(network: Network, policy: Policy) -> None:
    """Raise `UnsupportedError` when the weights take more memory than there is."""
    large = [node for node in network.nodes[1:] if _bound(node) > _SURELY_FITS]
    most = memory()
    if not large or most is None:
        return
    counts = ParameterCounts(network)
    size = jnp.dtype(policy.param_dtype).itemsize * sum(counts.of(node) or 0 for node in large)
    if size > most:
        found = f"weights of {size / 1e9:,.0f} GB, most of them from {large[0].name!r} on"
        law = f"a lowered network fits into memory, here {most / 1e9:,.0f} GB"
        raise _too_large(network, found, law)


def _bound(node: NetworkNode) -> int:
    """At least as many as the node has weights: all to all, for each tap of a window."""
    window = getattr(node.layer, "window", 1)
    sizes = window if isinstance(window, tuple) else (window,) * (len(node.shape) - 1)
    taps = math.prod(n for n in sizes if isinstance(n, int))
    return taps * math.prod(node.shape) * sum(map(math.prod, node.in_shapes))


def _too_large(network: Network, found: str, law: str) -> UnsupportedError:
    remedy = "make the layers smaller; derive and kernel_fn need no weights"
    return UnsupportedError(network.name, found, law, remedy)
