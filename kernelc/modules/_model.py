"""Model: the finite network, a loop over nodes in order of dependence."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, overload

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .._errors import DataError, GraphError
from .._input_format import InputFormat, Numbers
from ._graph import check_graph, check_input
from ._keys import node_keys
from ._layer import LayerModule
from ._node import Call, ModelNode, ModelRepeat, Nodes, one_by_one, run_nodes
from ._precision import Policy, Remat, as_dtype
from ._states import carried, check_state, is_stateful, name_states


Examples = Array | np.ndarray
Answer = Array | tuple[Array, eqx.nn.State]


class Model(eqx.Module):
    """A network as a pytree of parameters, callable on one example or on a batch.

    A model with batch norm is `stateful`: it takes a state with each call and returns the pair of
    output and new state, in training and in inference. Any other takes no state and returns the
    output alone.

    Nodes run one after the other in a Python loop over batch-level values. A `ModelRepeat` among
    them runs its blocks in a loop on the device; K-FAC does not see into that, and takes the
    form without (`kernelc.unrolled`).

    Arguments:
        nodes: the layers; each takes values that come before it.
        input_shape: shape of one example, (*locations, channels), or (length,) of tokens.
        output: index of the value to return; default the last.
        policy: dtypes.
        axis_name: name of the `jax.vmap` axis over which batch norm shares statistics when
            the model is mapped over single examples.
        blocks: ranges (start, stop) of nodes of which only the first reads a value from outside
            and only the value of the last is read outside; see `remat`. `kernelc.lower` finds
            them.
        remat: as in `kernelc.lower`.
        network: the network this was lowered from, None for a model made by hand. It is what
            `kernelc.save` stores the weights with.
        input_format: what examples look like; numbers of `input_shape` when None.

    Raises: GraphError for names that repeat and indices of values that do not exist yet.

    Example:
        >>> from kernelc.layers import DenseModule
        >>> layer = DenseModule(jnp.ones((2, 3)))
        >>> model = Model([ModelNode("dense", layer, (0,))], (2,))
        >>> model(jnp.ones(2)).tolist(), model.parameters_count
        ([2.0, 2.0, 2.0], 6)
    """

    nodes: tuple[ModelNode | ModelRepeat, ...]
    output: int = eqx.field(static=True)
    input_shape: tuple[int, ...] = eqx.field(static=True)
    policy: Policy = eqx.field(static=True)
    axis_name: str | None = eqx.field(static=True)
    blocks: tuple[tuple[int, int], ...] = eqx.field(static=True)
    remat: Remat = eqx.field(static=True)
    # A `Network`, whose type the layer below networks cannot import.
    network: Any = eqx.field(static=True)
    input_format: InputFormat = eqx.field(static=True)

    def __init__(
        self,
        nodes: Nodes,
        input_shape: Sequence[int],
        *,
        output: int | None = None,
        policy: Policy | None = None,
        axis_name: str | None = None,
        blocks: Sequence[tuple[int, int]] = (),
        remat: Remat = "none",
        network: Any = None,
        input_format: InputFormat | None = None,
    ) -> None:
        nodes = tuple(nodes)
        self.output = len(nodes) if output is None else output
        check_graph(nodes, self.output)
        self.nodes = name_states(nodes)
        self.input_shape = tuple(input_shape)
        self.policy = Policy() if policy is None else policy
        self.axis_name = axis_name
        self.blocks = tuple(blocks)
        self.remat = remat
        self.network = network
        self.input_format = input_format or Numbers(self.input_shape)

    @overload
    def __call__(
        self, x: Examples, state: None = None, *, key: PRNGKeyArray | None = None
    ) -> Array: ...
    @overload
    def __call__(
        self, x: Examples, state: eqx.nn.State, *, key: PRNGKeyArray | None = None
    ) -> tuple[Array, eqx.nn.State]: ...
    def __call__(
        self,
        x: Examples,
        state: eqx.nn.State | None = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Answer:
        """Run the model on one example; `jax.vmap(model)` runs it on many.

        Arguments:
            x: one example of shape `input_shape`.
            state: running statistics of a stateful model, `eqx.nn.State(model)` at first.
            key: randomness, for models with dropout in training.

        Returns: the output of the example; of a stateful model the pair of output and new state.

        Raises:
            ShapeError: an example of another shape.
            DataError: a missing state or key, or batch norm in training without a batch.
        """
        check_input("one example", x, self.input_format)
        self._check_alone()
        values, state_after = self._run(self.nodes, x[None], state, key, self.axis_name)
        return self._answer(values[self.output][0], state, state_after, 5)

    @overload
    def batched(
        self, xs: Examples, state: None = None, *, key: PRNGKeyArray | None = None
    ) -> Array: ...
    @overload
    def batched(
        self, xs: Examples, state: eqx.nn.State, *, key: PRNGKeyArray | None = None
    ) -> tuple[Array, eqx.nn.State]: ...
    def batched(
        self,
        xs: Examples,
        state: eqx.nn.State | None = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Answer:
        """Run the model on a batch; what training and K-FAC call.

        Arguments:
            xs: examples of shape (batch, *input_shape).
            state, key: as for one example.

        Returns: the outputs, (batch, ...); of a stateful model the pair of outputs and new state.

        Raises:
            ShapeError: examples of another shape.
            DataError: a missing state or key.
        """
        check_input("a batch of examples", xs, self.input_format, axes=1)
        values, state_after = self._run(self.nodes, xs, state, key, None)
        return self._answer(values[self.output], state, state_after, 6)

    def activations(
        self,
        x: Float[Array, "..."],
        state: eqx.nn.State | None = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> dict[str, Array]:
        """The output of every node for one example, by name, in the dtype of computation.

        Arguments and Raises: as for a call on one example.
        """
        check_input("one example", x, self.input_format)
        self._check_alone()
        layers = name_states(one_by_one(self.nodes)[0])
        if state is not None:
            state = carried(state, self.nodes, layers)
        values, _ = self._run(layers, x[None], state, key, self.axis_name)
        return {n.name: y[0] for n, y in zip(layers, values[1:], strict=True)}

    def __getitem__(self, name: str) -> LayerModule:
        """The layer of that name with its weights, in either form of the model.

        Raises: GraphError for a name that no node has.
        """
        for node in self.nodes:
            if name in node.names:
                if isinstance(node, ModelNode):
                    return node.module
                block, place = divmod(node.names.index(name), len(node.nodes))
                return node.block(block)[place].module
        raise GraphError(
            where="model",
            found=f"no node called {name!r}",
            law="layers are looked up by the name of their node",
            remedy="print the network to see its names",
        )

    @property
    def stateful(self) -> bool:
        """Whether calls take a state and return the new one: whether a layer is batch norm."""
        return is_stateful(self.nodes)

    @property
    def looped(self) -> bool:
        """Whether repeated blocks run in a loop on the device."""
        return any(isinstance(node, ModelRepeat) for node in self.nodes)

    @property
    def parameters_count(self) -> int:
        """Number of trained parameters."""
        return sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(self, eqx.is_inexact_array)))

    def _run(
        self,
        nodes: Nodes,
        xs: Examples,
        state: eqx.nn.State | None,
        key: PRNGKeyArray | None,
        axis_name: str | None,
    ) -> tuple[list[Array], eqx.nn.State | None]:
        check_state(state, nodes)
        # Setting a state invalidates it; through a copy the caller's one stays usable.
        state = jax.tree.map(lambda leaf: leaf, state)
        dtype = self.policy.compute_dtype or self.policy.param_dtype
        names = [name for node in nodes for name in node.names]
        keys = None if key is None else node_keys(key, names)
        # `activations` passes nodes of its own, and needs every value.
        again = nodes is self.nodes and self.remat == "block"
        call = Call(axis_name, dtype, again)
        x = self.input_format.entering(jnp.asarray(xs), dtype)
        return run_nodes(nodes, x, state, keys, call, self.blocks if again else ())

    def _answer(
        self, y: Array, given: eqx.nn.State | None, after: eqx.nn.State | None, depth: int
    ) -> Answer:
        y = as_dtype(y, self.policy.output_dtype or self.policy.param_dtype)
        if self.stateful is (given is None):
            _warn(self.stateful, depth)
        return y if after is None else (y, after)

    def _check_alone(self) -> None:
        for node in self.nodes:
            if node.needs_batch and not _bound(self.axis_name):
                raise DataError(
                    where=f"node {node.names[0]!r}",
                    found="one example alone in training mode",
                    law="batch norm in training takes its statistics over a batch",
                    remedy="use model.batched(xs, eqx.nn.State(model)), or build the model with "
                    'axis_name="batch" and map it with jax.vmap(..., axis_name="batch"), '
                    "or use eqx.nn.inference_mode(model)",
                )


def _bound(axis_name: str | None) -> bool:
    if axis_name is None:
        return False
    try:
        jax.lax.axis_index(axis_name)
    except NameError:
        return False
    return True


def _warn(stateful: bool, depth: int) -> None:
    """Warn the caller `depth` frames up, some of which are Equinox's."""
    told = "a model without batch norm takes no state and returns y alone: y = model(x)"
    if stateful:
        told = (
            "a model with batch norm takes its state and returns (y, state), in inference too: "
            "y, state = model(x, eqx.nn.State(model))"
        )
    text = f"{told}; an error from kernelc 0.2.0 on"
    warnings.warn(text, DeprecationWarning, stacklevel=depth)
