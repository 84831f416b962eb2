"""Model: the finite network, a loop over nodes in order of dependence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from .._errors import DataError, GraphError, KernelcError, ShapeError
from ._layer import LayerModule
from ._precision import Policy, as_dtype, cast


class Node(eqx.Module):
    """One layer of a model and where its inputs come from.

    Arguments:
        name: unique in the model.
        module: the layer.
        inputs: indices of values; value 0 is the input of the model, value i + 1 the output
            of its node i.
    """

    name: str = eqx.field(static=True)
    module: LayerModule
    inputs: tuple[int, ...] = eqx.field(static=True)


class Model(eqx.Module):
    """A network as a pytree of parameters, callable on one example or on a batch.

    Layers run one after the other in a Python loop over batch-level values: K-FAC does not
    see into scans or nested compilation.

    Arguments:
        nodes: the layers; each takes values that come before it.
        input_shape: shape of one example, (*locations, channels).
        output: index of the value to return; default the last.
        policy: dtypes.
        axis_name: name of the `jax.vmap` axis over which batch norm shares statistics when
            the model is mapped over single examples.

    Raises: GraphError for names that repeat and indices of values that do not exist yet.

    Example:
        >>> from kernelc.modules import Dense
        >>> layer = Dense(jnp.ones((2, 3)))
        >>> model = Model([Node("dense", layer, (0,))], (2,))
        >>> model(jnp.ones(2)).tolist(), model.parameters_count
        ([2.0, 2.0, 2.0], 6)
    """

    nodes: tuple[Node, ...]
    output: int = eqx.field(static=True)
    input_shape: tuple[int, ...] = eqx.field(static=True)
    policy: Policy = eqx.field(static=True)
    axis_name: str | None = eqx.field(static=True)

    def __init__(
        self,
        nodes: Sequence[Node],
        input_shape: Sequence[int],
        *,
        output: int | None = None,
        policy: Policy | None = None,
        axis_name: str | None = None,
    ) -> None:
        nodes = tuple(nodes)
        self.output = len(nodes) if output is None else output
        _check_graph(nodes, self.output)
        self.nodes = _name_states(nodes)
        self.input_shape = tuple(input_shape)
        self.policy = Policy() if policy is None else policy
        self.axis_name = axis_name

    def __call__(
        self,
        x: Float[Array, "..."],
        state: eqx.nn.State | None = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Any:
        """Run the model on one example; `jax.vmap(model)` runs it on many.

        Arguments:
            x: one example of shape `input_shape`.
            state: running statistics, `eqx.nn.State(model)`, for models with batch norm.
            key: randomness, for models with dropout in training.

        Returns: the output of the example; with a state, the pair of output and new state.

        Raises:
            ShapeError: an example of another shape.
            DataError: a missing state or key, or batch norm in training without a batch.
        """
        _check_input("one example", x.shape, self.input_shape)
        self._check_alone()
        values, state_after = self._run(x[None], state, key, self.axis_name)
        return self._answer(values[self.output][0], state, state_after)

    def batched(
        self,
        xs: Float[Array, "batch ..."],
        state: eqx.nn.State | None = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Any:
        """Run the model on a batch; what training and K-FAC call.

        Arguments:
            xs: examples of shape (batch, *input_shape).
            state, key: as for one example.

        Returns: the outputs, (batch, ...); with a state, the pair of outputs and new state.

        Raises:
            ShapeError: examples of another shape.
            DataError: a missing state or key.
        """
        _check_input("a batch of examples", xs.shape[1:], self.input_shape)
        values, state_after = self._run(xs, state, key, None)
        return self._answer(values[self.output], state, state_after)

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
        _check_input("one example", x.shape, self.input_shape)
        self._check_alone()
        values, _ = self._run(x[None], state, key, self.axis_name)
        return {n.name: y[0] for n, y in zip(self.nodes, values[1:], strict=True)}

    @property
    def parameters_count(self) -> int:
        """Number of trained parameters."""
        return sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(self, eqx.is_inexact_array)))

    def _run(
        self,
        xs: Array,
        state: eqx.nn.State | None,
        key: PRNGKeyArray | None,
        axis_name: str | None,
    ) -> tuple[list[Array], eqx.nn.State | None]:
        # Setting a state invalidates it; through a copy the caller's one stays usable.
        state = jax.tree.map(lambda leaf: leaf, state)
        dtype = self.policy.compute_dtype or self.policy.param_dtype
        values = [as_dtype(jnp.asarray(xs), dtype)]
        for position, node in enumerate(self.nodes):
            inputs = tuple(values[i] for i in node.inputs)
            node_key = None if key is None else jax.random.fold_in(key, position)
            module = cast(node.module, dtype)
            try:
                value, state = module(inputs, state, node_key, axis_name)
            except KernelcError as error:
                where = f"node {node.name!r} ({error.where})"
                raise type(error)(where, error.found, error.law, error.remedy) from error
            values.append(value)
        return values, state

    def _answer(self, y: Array, given: Any, after: Any) -> Any:
        y = as_dtype(y, self.policy.output_dtype or self.policy.param_dtype)
        return y if given is None else (y, after)

    def _check_alone(self) -> None:
        for node in self.nodes:
            if node.module.needs_batch and not _bound(self.axis_name):
                raise DataError(
                    where=f"node {node.name!r}",
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


def _check_input(what: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    if found != wanted:
        raise ShapeError(
            where="model input",
            found=f"{what} of shape {found}",
            law=f"this model takes {what} of shape {wanted}",
            remedy="call model(x) on one example and model.batched(xs) on a batch",
        )


def _check_graph(nodes: tuple[Node, ...], output: int) -> None:
    names = [node.name for node in nodes]
    for position, node in enumerate(nodes):
        late = [i for i in node.inputs if not 0 <= i <= position]
        if late or not node.inputs or names.index(node.name) != position:
            raise GraphError(
                where=f"node {node.name!r}",
                found=f"inputs {node.inputs} at position {position} of nodes {names}",
                law="names are unique and a node takes values that come before it",
                remedy="order the nodes by dependence; value 0 is the input, i + 1 is node i",
            )
    if not 0 <= output <= len(nodes):
        raise GraphError(
            where="output",
            found=f"index {output} with {len(nodes)} nodes",
            law="the output is the input or the value of a node",
            remedy=f"give an index from 0 to {len(nodes)}",
        )


def _name_states(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Mark states by node name, so that models built alike share structure and checkpoints."""

    def is_index(leaf: Any) -> bool:
        return isinstance(leaf, eqx.nn.StateIndex)

    def renamed(node: Node) -> Node:
        found = jax.tree_util.tree_leaves_with_path(node, is_leaf=is_index)
        leaves = []
        for path, leaf in found:
            if is_index(leaf):
                fresh = eqx.nn.StateIndex(leaf.init)
                # The marker is Equinox's own identity of a state, replaced the same way in
                # `eqx.nn.make_with_state`.
                object.__setattr__(fresh, "marker", node.name + jax.tree_util.keystr(path))
                leaf = fresh
            leaves.append(leaf)
        return jax.tree.unflatten(jax.tree.structure(node, is_leaf=is_index), leaves)

    return tuple(renamed(node) for node in nodes)
