"""The two forms of a model: layers one by one, or repeated blocks as loops."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._errors import KernelcError
from ..ir import Shape, folded
from ..modules import Layers, Model, Node, Repeat, one_by_one


# Below this many layers "auto" leaves a run of blocks as it is: it then compiles in seconds, and
# a loop costs time and memory (100 layers of width 256 on a CPU: steps 5% slower, and all
# gradients held at once where else each is used up by the optimiser as it comes).
LEAST_LAYERS = 256

_PORTION = 32


def scanned(model: Model) -> Model:
    """The model with every repeated block run in a loop over stacked weights.

    Blocks repeat when they follow one another, each reads the value of the one before alone,
    and they differ in the values of their arrays only. Layers that keep a state, as batch norm
    does, stay one by one.

    Arguments:
        model: what `lower` returns, in either form, trained or not.

    Returns: a model of the same function with the very same weights.

    Raises: KernelcError for something else than a model.

    Example:
        >>> import jax, kernelc as kc
        >>> x = kc.Input((4,))
        >>> net = kc.Network(x, kc.chain(kc.repeat(kc.Dense(4), 9), kc.Dense(2))(x))
        >>> model = scanned(kc.lower(net, key=jax.random.key(0)))
        >>> [leaf.shape for leaf in jax.tree.leaves(model)]
        [(9, 4, 4), (9, 4), (4, 2), (2,)]
    """
    flat = unrolled(model)
    return arranged(flat, _shapes(flat), "scan")


def unrolled(model: Model) -> Model:
    """The model with its layers one by one, each with arrays of its own.

    K-FAC and optimisers that take norms of single parameters need this form.

    Arguments:
        model: what `lower` returns, in either form, trained or not.

    Returns: a model of the same function with the very same weights.

    Raises: KernelcError for something else than a model.

    Example:
        >>> import jax, kernelc as kc
        >>> x = kc.Input((4,))
        >>> policy = kc.Policy(layers="scan")
        >>> model = kc.lower(kc.Network(x, kc.repeat(kc.Dense(4), 9)(x)), key=jax.random.key(0),
        ...                  policy=policy)
        >>> len(model.nodes), len(unrolled(model).nodes)
        (1, 9)
    """
    if not isinstance(model, Model):
        raise KernelcError(
            where="model",
            found=f"an argument of type {type(model).__name__}",
            law="models have two forms, with layers one by one and with loops",
            remedy="pass what kernelc.lower(network, key=...) returns",
        )
    layers, moved = one_by_one(model.nodes)
    flat = dataclasses.replace(
        model,
        nodes=layers,
        output=moved[model.output],
        policy=dataclasses.replace(model.policy, layers="unrolled"),
        blocks=(),
    )
    # The shapes take a run of the whole model on paper: not for nothing.
    return flat if flat.policy.remat == "none" else arranged(flat, _shapes(flat), "unrolled")


def arranged(flat: Model, shapes: Sequence[Shape], layers: Layers) -> Model:
    """The model, which has its layers one by one, in the form that is asked for.

    Arguments:
        flat: a model without any `Repeat`.
        shapes: of its input and of the value of each node, for one example.
        layers: as in `Policy`.
    """
    nodes: list[Node | Repeat] = []
    blocks: list[tuple[int, int]] = []
    gone = 0
    for start, size, count in _runs(flat, shapes):
        part = flat.nodes[start : start + size * count]
        if count > 1 and _looped(layers, part[:size], start, shapes[start], count):
            nodes.append(_repeat(part, size, start, gone))
            gone += len(part) - 1
            continue
        if size > 1 and flat.policy.remat == "block":
            firsts = range(len(nodes), len(nodes) + len(part), size)
            blocks += [(first, first + size) for first in firsts]
        # No node reads past the value that enters its run, so one shift serves all of them.
        nodes += [_shifted(node, gone) for node in part]
    if layers == "auto":
        layers = "scan" if gone else "unrolled"
    return dataclasses.replace(
        flat,
        nodes=nodes,
        output=flat.output - gone,
        policy=dataclasses.replace(flat.policy, layers=layers),
        blocks=blocks,
    )


def _runs(flat: Model, shapes: Sequence[Shape]) -> list[tuple[int, int, int]]:
    """(value that enters, layers in a block, blocks) along the main path."""
    last = len(flat.nodes)
    # A reader of the output, so that no block hides it.
    inputs = [(), *(node.inputs for node in flat.nodes), (last, flat.output)]
    layers = zip(flat.nodes, shapes[1:], strict=True)
    keys = [None, *(_key(node, [shapes[i] for i in node.inputs], out) for node, out in layers), ""]
    found = []
    for run in folded(inputs, keys, nested=True):
        start, stop = run.block[0].start, run.block[-1].stop
        if stop <= last:
            found.append((start, stop - start, run.count))
        else:
            found += [(position, 1, 1) for position in range(start, last)]
    return found


def _key(node: Any, shapes: Sequence[Shape], out: Shape) -> Hashable:
    """Equal for layers that differ in the values of their arrays only."""
    leaves, structure = jax.tree.flatten(node.module)

    def told(leaf: Any) -> Hashable:
        if eqx.is_array(leaf):
            return leaf.shape, leaf.dtype
        if isinstance(leaf, np.ndarray):
            return leaf.shape, leaf.dtype, leaf.tobytes()
        return type(leaf), leaf

    return structure, tuple(shapes), out, *map(told, leaves)


def _looped(layers: Layers, block: Sequence[Any], start: int, shape: Shape, count: int) -> bool:
    if layers != "auto":
        return layers == "scan"
    if len(block) * count < LEAST_LAYERS:
        return False
    # XLA runs a convolution inside a loop on one CPU thread and without its fast kernels.
    return jax.default_backend() != "cpu" or not _convolves(block, start, shape)


def _convolves(block: Sequence[Any], start: int, shape: Shape) -> bool:
    model = Model([_shifted(node, start) for node in block], shape)
    xs: Any = jax.ShapeDtypeStruct((1, *shape), model.policy.param_dtype)
    traced, _, _ = eqx.filter_make_jaxpr(model.batched)(xs, key=jax.random.key(0))
    return "conv_general_dilated" in str(traced)


def _repeat(part: Sequence[Any], size: int, start: int, gone: int) -> Repeat:
    """All of `part` as one node, blocks of `size` from the value number `start` on."""
    blocks = []
    for first in range(0, len(part), size):
        # Under the names of the first block: names are part of the structure of a tree.
        block = zip(part[:size], part[first : first + size], strict=True)
        blocks.append(tuple(_shifted(Node(a.name, b.module, a.inputs), start) for a, b in block))

    def stacked(*leaves: Any) -> Any:
        if not eqx.is_array(leaves[0]):
            return leaves[0]
        # In portions: XLA takes seconds to compile one operation of a thousand operands.
        starts = range(0, len(leaves), _PORTION)
        return jnp.concatenate([jnp.stack(leaves[i : i + _PORTION]) for i in starts])

    names = tuple(node.name for node in part)
    return Repeat(jax.tree.map(stacked, *blocks), names, (start - gone,))


def _shifted(node: Any, by: int) -> Node:
    return Node(node.name, node.module, tuple(i - by for i in node.inputs))


def _shapes(flat: Model) -> list[Shape]:
    """Of the input and of the value of each node, for one example."""
    calm = eqx.nn.inference_mode(flat)
    x = jax.ShapeDtypeStruct(flat.input_shape, flat.policy.param_dtype)
    key = jax.random.key(0)
    values = eqx.filter_eval_shape(lambda x: calm.activations(x, key=key), x)
    return [flat.input_shape, *(values[node.names[0]].shape for node in flat.nodes)]
