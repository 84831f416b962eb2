"""What a model consists of, by name: arrays, settings, running statistics, and its bare form."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator
from typing import Any

import equinox as eqx
import jax

from ..ir import Network
from ..modules import Model, ModelNode, ModelRepeat, Policy, is_index
from ._arrange import Loop, arranged


def bare(network: Network, policy: Policy, axis_name: str | None, loops: Collection[Loop]) -> Model:
    """What `lower` returns, in the form with these loops, with shapes in the place of arrays.

    Arguments:
        network, policy, axis_name: as for `lower`.
        loops: as for `arranged`.
    """
    known: dict[Hashable, Any] = {}
    key = jax.eval_shape(lambda: jax.random.key(0))
    nodes = []
    for node in network.nodes[1:]:
        shapes = node.in_shapes
        place = node.layer, shapes
        # Equal layers on equal shapes are traced once.
        if place not in known:
            make = _maker(node.layer, shapes, node.shape, policy.param_dtype)
            known[place] = eqx.filter_eval_shape(make, key)
        nodes.append(ModelNode(node.name, known[place], node.inputs))
    flat = Model(nodes, network.input_shape, policy=policy, axis_name=axis_name, network=network)
    outs = [node.shape for node in network.nodes]
    arrange = lambda flat: arranged(flat, outs, policy.layers, loops)  # noqa: E731
    return eqx.filter_eval_shape(arrange, flat)


def _maker(layer: Any, shapes: Any, out: Any, dtype: Any) -> Any:
    return lambda key: layer.module(shapes, out, key, dtype)


def leaves_by_name(model: Model) -> Iterator[tuple[str, Any]]:
    """(name, leaf) in the order of `jax.tree.flatten(model, is_leaf=is_index)`.

    Names are those of node and parameter: dense_1.weight; in a loop, where the leaf is that of all
    blocks, the node is that of the first one.
    """
    for node in model.nodes:
        parts = node.nodes if isinstance(node, ModelRepeat) else (node,)
        for name, part in zip(node.names, parts, strict=False):
            found = jax.tree_util.tree_leaves_with_path(part.module, is_leaf=is_index)
            for path, leaf in found:
                yield name + jax.tree_util.keystr(path), leaf
