"""The two forms of a model: layers one by one, or repeated blocks as loops."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection, Sequence
from typing import overload

import equinox as eqx
import jax
from jaxtyping import PyTree

from .._errors import KernelcError
from ..ir import Shape, folded
from ..modules import LoopMode, Model, ModelNode, ModelRepeat, carried, first_state, one_by_one
from ._blocks import lowered_by, repeated, same_but_for_values


# Below this many layers "auto" does not loop: the model compiles in seconds, and a loop costs time
# and memory (100 layers of width 256 on a CPU: steps 5% slower, and all gradients are held at once,
# where otherwise the optimizer uses each as it is computed).
LEAST_LAYERS = 256


@overload
def scanned(model: Model, state: None = None) -> Model: ...
@overload
def scanned(model: Model, state: eqx.nn.State) -> tuple[Model, eqx.nn.State]: ...
def scanned(model: Model, state: eqx.nn.State | None = None) -> Model | tuple[Model, eqx.nn.State]:
    """The model with every repeated block run in a loop over stacked weights.

    Blocks repeat when they follow one another, each reads the value of the one before alone,
    and they differ in the values of their arrays only. Running statistics are stacked as
    weights are.

    Arguments:
        model: what `lower` returns, in either form, trained or not.
        state: its state in that form, for a model trained with batch norm.

    Returns: a model of the same function with the very same weights; with a state, the pair of
        that and its state.

    Raises:
        KernelcError: something else than a model.
        DataError: the state of another model, or of the other form; none for a model that holds
            no first state, as one made by `eqx.nn.make_with_state`.

    Example:
        >>> import jax, kernelc as kc
        >>> x = kc.Input((4,))
        >>> net = kc.Network(x, kc.chain(kc.repeat(kc.Dense(4), 9), kc.Dense(2))(x))
        >>> model = scanned(kc.lower(net, key=jax.random.key(0)))
        >>> [leaf.shape for leaf in jax.tree.leaves(model)]
        [(9, 4, 4), (9, 4), (4, 2), (2,)]
    """
    return _converted(model, state, "scan")


@overload
def unrolled(model: Model, state: None = None) -> Model: ...
@overload
def unrolled(model: Model, state: eqx.nn.State) -> tuple[Model, eqx.nn.State]: ...
def unrolled(model: Model, state: eqx.nn.State | None = None) -> Model | tuple[Model, eqx.nn.State]:
    """The model with its layers one by one, each with arrays of its own.

    K-FAC and optimizers that take norms of single parameters need this form. Arguments, Returns
    and Raises: as for `scanned`.

    Example:
        >>> import jax, kernelc as kc
        >>> x = kc.Input((4,))
        >>> net = kc.Network(x, kc.repeat(kc.Dense(4), 9)(x))
        >>> model = kc.lower(net, key=jax.random.key(0), layers="scan")
        >>> len(model.nodes), len(unrolled(model).nodes)
        (1, 9)
    """
    return _converted(model, state, "unrolled")


def _converted(
    model: Model, state: eqx.nn.State | None, layers: LoopMode
) -> Model | tuple[Model, eqx.nn.State]:
    if not isinstance(model, Model):
        raise KernelcError(
            where="model",
            found=f"an argument of type {type(model).__name__}",
            law="models have two forms, with layers one by one and with loops",
            remedy="pass what kernelc.lower(network, key=...) returns",
        )
    singles, moved = one_by_one(model.nodes)
    found = dataclasses.replace(model, nodes=singles, output=moved[model.output], blocks=())
    # The shapes take an abstract evaluation of the whole model, so they are found only if needed.
    if layers == "scan" or found.remat != "none":
        own = first_state(found) if state is None else carried(state, model.nodes, found.nodes)
        found = arranged(found, _shapes(found, own), layers)
    return found if state is None else (found, carried(state, model.nodes, found.nodes))


Loop = tuple[int, int, int]
"""The value that enters, the layers of a block, the blocks."""


def arranged(flat: Model, shapes: Sequence[Shape], form: LoopMode | Collection[Loop]) -> Model:
    """The model, which has its layers one by one, in the form that is asked for.

    Arguments:
        flat: a model without any `ModelRepeat`.
        shapes: of its input and of the value of each node, for one example.
        form: the `layers` of `lower`, or the runs of blocks to loop over.
    """
    nodes: list[ModelNode | ModelRepeat] = []
    blocks: list[tuple[int, int]] = []
    gone = 0
    layers, _ = one_by_one(flat.nodes)
    for start, size, count in _runs(layers, flat.output, shapes):
        part = layers[start : start + size * count]
        if isinstance(form, str):
            looped = count > 1 and _looped(form, part[:size], start, shapes[start], count)
        else:
            looped = (start, size, count) in form
        if looped:
            nodes.append(repeated(part, size, start, gone))
            gone += len(part) - 1
            continue
        if size > 1 and flat.remat == "block":
            firsts = range(len(nodes), len(nodes) + len(part), size)
            blocks += [(first, first + size) for first in firsts]
        # No node reads past the value that enters its run, so one shift serves all of them.
        nodes += [lowered_by(gone, node) for node in part]
    return dataclasses.replace(flat, nodes=nodes, output=flat.output - gone, blocks=blocks)


def loops_of(model: Model) -> list[Loop]:
    """The loops of a model, as `arranged` takes them."""
    found = []
    start = 0
    for node in model.nodes:
        if isinstance(node, ModelRepeat):
            found.append((start, len(node.nodes), node.count))
        start += len(node.names)
    return found


def _runs(layers: Sequence[ModelNode], output: int, shapes: Sequence[Shape]) -> list[Loop]:
    """The runs of blocks along the main path, single layers among them."""
    last = len(layers)
    # An extra reader of the output keeps it out of the inside of a block.
    inputs = [(), *(node.inputs for node in layers), (last, output)]
    outs = zip(layers, shapes[1:], strict=True)
    keys = [same_but_for_values(n, [shapes[i] for i in n.inputs], out) for n, out in outs]
    found = []
    for run in folded(inputs, [None, *keys, ""], nested=True):
        start, stop = run.block[0].start, run.block[-1].stop
        if stop <= last:
            found.append((start, stop - start, run.count))
        else:
            found += [(position, 1, 1) for position in range(start, last)]
    return found


def _looped(
    form: LoopMode, block: Sequence[ModelNode], start: int, shape: Shape, count: int
) -> bool:
    if form != "auto":
        return form == "scan"
    if len(block) * count < LEAST_LAYERS:
        return False
    # XLA runs a convolution inside a loop on one CPU thread and without its fast kernels.
    return jax.default_backend() != "cpu" or not _convolves(block, start, shape)


def _convolves(block: Sequence[ModelNode], start: int, shape: Shape) -> bool:
    model = Model([lowered_by(start, node) for node in block], shape)
    state, key = first_state(model), jax.random.key(0)

    def run(xs: PyTree) -> object:
        return model.batched(xs, key=key) if state is None else model.batched(xs, state, key=key)

    xs = jax.ShapeDtypeStruct((1, *shape), model.policy.param_dtype)
    return "conv_general_dilated" in str(eqx.filter_make_jaxpr(run)(xs)[0])


def _shapes(flat: Model, state: eqx.nn.State | None) -> list[Shape]:
    """Of the input and of the value of each node, for one example."""
    calm = eqx.nn.inference_mode(flat)
    x = flat.input_format.like()
    run = functools.partial(calm.activations, state=state, key=jax.random.key(0))
    values = eqx.filter_eval_shape(run, x)
    return [flat.input_shape, *(values[name].shape for node in flat.nodes for name in node.names)]
