"""The two forms of a model: layers one by one, or repeated blocks as loops."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection, Sequence
from typing import Any, overload

import equinox as eqx
import jax

from .._errors import KernelcError
from ..ir import Shape, folded
from ..modules import LoopMode, Model, ModelNode, ModelRepeat, carried, first_state, one_by_one
from ._blocks import repeated, same_but_for_values, shifted


# Below this many layers "auto" leaves a run of blocks as it is: it then compiles in seconds, and
# a loop costs time and memory (100 layers of width 256 on a CPU: steps 5% slower, and all
# gradients held at once where else each is used up by the optimizer as it comes).
LEAST_LAYERS = 256


@overload
def scanned(model: Model, state: None = None) -> Model: ...
@overload
def scanned(model: Model, state: eqx.nn.State) -> tuple[Model, eqx.nn.State]: ...
def scanned(model: Any, state: Any = None) -> Any:
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
def unrolled(model: Any, state: Any = None) -> Any:
    """The model with its layers one by one, each with arrays of its own.

    K-FAC and optimizers that take norms of single parameters need this form.

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
        >>> policy = kc.Policy(layers="scan")
        >>> model = kc.lower(kc.Network(x, kc.repeat(kc.Dense(4), 9)(x)), key=jax.random.key(0),
        ...                  policy=policy)
        >>> len(model.nodes), len(unrolled(model).nodes)
        (1, 9)
    """
    return _converted(model, state, "unrolled")


def _converted(model: Any, state: Any, layers: LoopMode) -> Any:
    """The model in that form, with its state if there is one."""
    if not isinstance(model, Model):
        raise KernelcError(
            where="model",
            found=f"an argument of type {type(model).__name__}",
            law="models have two forms, with layers one by one and with loops",
            remedy="pass what kernelc.lower(network, key=...) returns",
        )
    singles, moved = one_by_one(model.nodes)
    found = dataclasses.replace(
        model,
        nodes=singles,
        output=moved[model.output],
        policy=dataclasses.replace(model.policy, layers="unrolled"),
        blocks=(),
    )
    # The shapes take a run of the whole model on paper: not for nothing.
    if layers == "scan" or found.policy.remat != "none":
        own = first_state(found) if state is None else carried(state, model.nodes, found.nodes)
        found = arranged(found, _shapes(found, own), layers)
    return found if state is None else (found, carried(state, model.nodes, found.nodes))


Loop = tuple[int, int, int]
"""The value that enters, the layers of a block, the blocks."""


def arranged(
    flat: Model, shapes: Sequence[Shape], layers: LoopMode, loops: Collection[Loop] | None = None
) -> Model:
    """The model, which has its layers one by one, in the form that is asked for.

    Arguments:
        flat: a model without any `ModelRepeat`.
        shapes: of its input and of the value of each node, for one example.
        layers: as in `Policy`.
        loops: the runs of blocks to loop over; default what `layers` says.
    """
    nodes: list[ModelNode | ModelRepeat] = []
    blocks: list[tuple[int, int]] = []
    gone = 0
    for start, size, count in _runs(flat, shapes):
        part = flat.nodes[start : start + size * count]
        if loops is None:
            looped = count > 1 and _looped(layers, part[:size], start, shapes[start], count)
        else:
            looped = (start, size, count) in loops
        if looped:
            nodes.append(repeated(part, size, start, gone))
            gone += len(part) - 1
            continue
        if size > 1 and flat.policy.remat == "block":
            firsts = range(len(nodes), len(nodes) + len(part), size)
            blocks += [(first, first + size) for first in firsts]
        # No node reads past the value that enters its run, so one shift serves all of them.
        nodes += [shifted(node, gone) for node in part]
    if layers == "auto":
        layers = "scan" if gone else "unrolled"
    return dataclasses.replace(
        flat,
        nodes=nodes,
        output=flat.output - gone,
        policy=dataclasses.replace(flat.policy, layers=layers),
        blocks=blocks,
    )


def loops_of(model: Model) -> list[Loop]:
    """The loops of a model, as `arranged` takes them."""
    found = []
    start = 0
    for node in model.nodes:
        if isinstance(node, ModelRepeat):
            found.append((start, len(node.nodes), node.count))
        start += len(node.names)
    return found


def _runs(flat: Model, shapes: Sequence[Shape]) -> list[Loop]:
    """The runs of blocks along the main path, single layers among them."""
    last = len(flat.nodes)
    # A reader of the output, so that no block hides it.
    inputs = [(), *(node.inputs for node in flat.nodes), (last, flat.output)]
    layers = zip(flat.nodes, shapes[1:], strict=True)
    keys = [
        None,
        *(same_but_for_values(n, [shapes[i] for i in n.inputs], out) for n, out in layers),
        "",
    ]
    found = []
    for run in folded(inputs, keys, nested=True):
        start, stop = run.block[0].start, run.block[-1].stop
        if stop <= last:
            found.append((start, stop - start, run.count))
        else:
            found += [(position, 1, 1) for position in range(start, last)]
    return found


def _looped(layers: LoopMode, block: Sequence[Any], start: int, shape: Shape, count: int) -> bool:
    if layers != "auto":
        return layers == "scan"
    if len(block) * count < LEAST_LAYERS:
        return False
    # XLA runs a convolution inside a loop on one CPU thread and without its fast kernels.
    return jax.default_backend() != "cpu" or not _convolves(block, start, shape)


def _convolves(block: Sequence[Any], start: int, shape: Shape) -> bool:
    model = Model([shifted(node, start) for node in block], shape)
    xs: Any = jax.ShapeDtypeStruct((1, *shape), model.policy.param_dtype)
    state, key = first_state(model), jax.random.key(0)

    def run(xs: jax.Array) -> object:
        return model.batched(xs, key=key) if state is None else model.batched(xs, state, key=key)

    return "conv_general_dilated" in str(eqx.filter_make_jaxpr(run)(xs)[0])


def _shapes(flat: Model, state: Any) -> list[Shape]:
    """Of the input and of the value of each node, for one example."""
    calm = eqx.nn.inference_mode(flat)
    x = jax.ShapeDtypeStruct(flat.input_shape, flat.policy.param_dtype)
    run = functools.partial(calm.activations, state=state, key=jax.random.key(0))
    values = eqx.filter_eval_shape(run, x)
    return [flat.input_shape, *(values[node.names[0]].shape for node in flat.nodes)]
