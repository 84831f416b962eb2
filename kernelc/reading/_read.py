"""read: a model of another framework as a network."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import math
import operator
from collections.abc import Mapping, Sequence
from typing import get_args

import equinox as eqx
import numpy as np
from jaxtyping import PRNGKeyArray

from .._errors import GraphError, UnsupportedError
from .._limits import NAMES, bad_name
from ..ir import Network, NetworkCarrier
from ..modules import Model
from ._answer import Answer, Level, answered
from ._build import Built, build
from ._frameworks import seen_by
from ._replay import TOLERANCE, replayed, with_weights
from ._shared import with_sharing
from .operations import Arrays


@dataclasses.dataclass(frozen=True, eq=False)
class ReadNetwork(NetworkCarrier):
    """What `read` returns: the network of a model, its weights, and how well each node is known.

    Every entry point takes it in place of its network.

    Arguments:
        network: the graph. `AssumeGaussian` nodes in it are assumptions of its kernel.
        weights: the arrays of the model by node and by field of its finite layer: what
            `kernelc.lower(network, key=0, weights=weights)` takes.
        answers: how well the kernel of each node is known, by name.
        sources: the path of the module in the model that each node comes from.
        replay: the largest difference between the outputs of the model and of the network with
            these weights, relative to the root of the mean square; None where an opaque node
            leaves the network without output.
        built: the layouts of inputs and outputs, and running statistics.
    """

    network: Network
    weights: Mapping[str, Arrays]
    answers: Mapping[str, Answer]
    sources: Mapping[str, str]
    replay: float | None
    built: Built

    def model(self, key: PRNGKeyArray | int = 0) -> tuple[Model, eqx.nn.State | None]:
        """The finite network with the weights and running statistics of the model.

        Arguments:
            key: as in `kernelc.lower`, for what the model has no weights for.

        Returns:
            The model in inference mode, and its state; None for the state without batch norm.

        Raises:
            UnsupportedError: an opaque node.
        """
        return with_weights(self.built, key)

    def examples(self, x: np.ndarray) -> np.ndarray:
        """Examples of the model in the layout of the network.

        Arguments:
            x: (n, ...) inputs in the layout of the model, such as channels first; or in that of
                the network, which are returned as they are. So are arrays of other shapes.
        """
        layout = self.built.inputs
        if not _is_coarser(x.shape[1:], layout.factors):
            return x
        parts = x.reshape(len(x), *layout.factors)
        return parts.transpose(0, *(1 + i for i in layout.order)).reshape(len(x), *layout.shape)

    def counts(self) -> dict[str, int]:
        """How many nodes are known how well."""
        found = collections.Counter(answer.level for answer in self.answers.values())
        return {level: found[level] for level in get_args(Level)}

    def __str__(self) -> str:
        counts = ", ".join(f"{n} {level}" for level, n in self.counts().items() if n)
        lines = [f"{self.network.name}: {len(self.network)} nodes, {counts}", self._replayed()]
        for name, answer in self.answers.items():
            if answer.reason is not None:
                lines.append(f"  {name}: {answer}")
        return "\n".join(lines)

    def _replayed(self) -> str:
        if self.replay is None:
            return "not replayed: an opaque node has no finite layer"
        return f"replayed: outputs differ by {self.replay:.1e} of their size"


def read(
    model: object,
    example: object,
    *,
    state: eqx.nn.State | None = None,
    batched: bool | None = None,
    name: str | None = None,
) -> ReadNetwork:
    """The network of a model as it is: Equinox, Flax, PyTorch, or a function of arrays.

    The model is traced on the example in inference mode. Its operations become layers, its arrays
    the weights of nodes, and standard deviations are measured from the arrays. Then the network is
    lowered with these weights and its output compared with the model's.

    Arguments:
        model: an `eqx.Module`, an `nnx.Module` of Flax or any function of one JAX array; a
            `torch.nn.Module`.
        example: one input of the model, an array; a batch of them where `batched`, of which the
            first is used. Integers stand for tokens.
        state: the state of an Equinox model with running statistics, which returns pairs.
        batched: whether the first axis of the example is the batch: true for PyTorch and Flax and
            false for Equinox and functions unless given.
        name: of the network; the class of the model unless given.

    Returns:
        A `ReadNetwork`: the network, its weights, and an answer for every node.

    Raises:
        UnsupportedError: a model that cannot be traced, or whose network computes something else.
        DataError: an example that is no array of numbers, or does not fit the model.
        GraphError: a name that is no short text.
        PackageError: PyTorch is not installed.

    Example:
        >>> import equinox as eqx, jax, jax.numpy as jnp, kernelc as kc
        >>> mlp = eqx.nn.MLP(4, 3, 64, 2, activation=jnp.tanh, key=jax.random.key(0))
        >>> found = kc.read(mlp, jnp.ones(4))
        >>> [type(node.layer).__name__ for node in found.network][1:]
        ['Dense', 'Activation', 'Dense', 'Activation', 'Dense']
        >>> found.replay < 1e-4, found.counts()["exact"]
        (True, 6)
    """
    problem = None if name is None else bad_name(name)
    if problem is not None:
        raise GraphError("read: name", problem, NAMES, "leave the name out")
    seen = seen_by(model, example, state, batched)
    built = build(seen.steps, name or type(model).__name__)
    network, answers = answered(built.network)
    answers = with_sharing(answers, built.weights)
    built = dataclasses.replace(built, network=network)
    error = replayed(built, seen.example, seen.output)
    if error is not None and not error <= TOLERANCE:
        raise _differs(built.network.name, error)
    return ReadNetwork(network, built.weights, answers, built.sources, error, built)


def _is_coarser(shape: Sequence[int], factors: Sequence[int]) -> bool:
    """Whether the axes of a shape are products of neighbors among these factors."""
    ends = set(itertools.accumulate(factors, operator.mul, initial=1))
    sizes = list(itertools.accumulate(shape, operator.mul, initial=1))
    return sizes[-1] == math.prod(factors) and set(sizes) <= ends


def _differs(name: str, error: float) -> UnsupportedError:
    return UnsupportedError(
        where=f"read: {name}",
        found=f"outputs of the network that differ by {error:.2g} of their size",
        law=f"a network that was read computes what its model computes, to {TOLERANCE:g}",
        remedy="read a smaller part of the model, to find the operation that is read wrongly",
    )
