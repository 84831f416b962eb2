"""Kernels as functions of the standard deviations of weights and biases."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float
from numpy.typing import ArrayLike

from ..activations import ScalarFunction
from ..ir import Layer, Network, NetworkNode, Weights, runs
from ._array_backend import ArrayBackend
from ._ends import answered, entered, frame_of
from ._gram import BlankAlgebra, DataState
from ._inputs import checked
from ._program import SMALLER, numeric_key
from ._reach import Span, spans


Part = Literal["nngp", "ntk"]
Logs = Mapping[str, Array]
"""By node name: the logarithms of factors on its weight_std and bias_std, (2,)."""

# Rows of a block: the backward pass keeps some arrays of pairs for each layer.
_ROWS = 128
# Numbers of inputs are filled up to multiples of this, at least.
_FEWEST = 16
# Ends of q ranges are rounded to powers of this: programs for close factors are one.
_STEP = 1.5


@dataclasses.dataclass(frozen=True, eq=False)
class _Plan:
    """What a compiled program depends on beside the arrays."""

    network: Network
    part: Part
    standard: bool
    reach: Mapping[ScalarFunction, Span]


class _ScaledAlgebra(BlankAlgebra):
    """The rules on data with weights and biases of each node multiplied by numbers of their own."""

    def __init__(self, backend: ArrayBackend, same: Array, standard: bool, logs: Logs) -> None:
        super().__init__(backend, same, standard=standard)
        self.logs = logs

    def fresh(
        self,
        s: DataState,
        weights: Weights,
        read: DataState | None = None,
        trained: Callable[[], DataState] | None = None,
    ) -> DataState:
        if self.site.name not in self.logs:
            return super().fresh(s, weights, read, trained)
        weight, bias = jnp.exp(2 * self.logs[self.site.name])
        number = self.backend.number
        scaled = dataclasses.replace(
            weights,
            variance=number(weights.variance) * weight,
            bias_variance=number(weights.bias_variance) * bias,
        )
        return super().fresh(s, scaled, read, trained)


class StdKernel:
    """A kernel of a network with its standard deviations of weights and biases as variables.

    Everything is folded layer by layer, in float64, without loops over repeats. Inputs are filled
    up to one of a few sizes, so that a program serves many numbers of inputs.

    Arguments:
        network: the network.
        part: which kernel.
        standard: whether the NTK is that of the standard parameterization.
    """

    def __init__(self, network: Network, part: Part = "nngp", standard: bool = False) -> None:
        self.network, self.standard = network, standard
        self.part: Part = part
        self.stds = {
            node.name: (float(layer.weight_std), float(layer.bias_std))
            for node in network
            if (layer := _drawing(node)) is not None
        }
        self._plans: dict[tuple[object, ...], _Plan] = {}

    def matrix(
        self, x1: ArrayLike, x2: ArrayLike | None, weight: float, bias: float
    ) -> Float[np.ndarray, "n1 n2"]:
        """K with all weight_std and bias_std multiplied by two factors; x2 None for those of x1."""
        plan, left, right = self._plan(x1, x2, weight, bias)
        logs = _logs(weight, bias)
        with jax.enable_x64(True), np.errstate(all="ignore"):
            others = _filled(right, _size(len(right)))
            blocks = [
                _value(plan, tuple(self.stds), logs, rows, others, i if x2 is None else -_ROWS)
                for i, rows in _blocks(left)
            ]
            return _joined(blocks, len(left), len(right), x2 is None)

    def slopes(self, x: ArrayLike, weight: float, bias: float) -> tuple[np.ndarray, np.ndarray]:
        """K at two factors, (n, n), and its derivatives in their logarithms, (n, n, 2)."""
        plan, left, right = self._plan(x, None, weight, bias)
        logs = _logs(weight, bias)
        with jax.enable_x64(True), np.errstate(all="ignore"):
            others = _filled(right, _size(len(right)))
            blocks = [
                _pushed(plan, tuple(self.stds), logs, rows, others, i) for i, rows in _blocks(left)
            ]
            parts = zip(*blocks, strict=True)
            value, *along = (_joined(list(part), len(left), len(left), True) for part in parts)
        return value, np.stack(along, axis=-1)

    def gradients(
        self, x: ArrayLike, along: Float[np.ndarray, "n n"]
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Σ_ij along_ij ∂K_ij/∂σ in each weight_std and each bias_std, by node name.

        Arguments:
            x: inputs.
            along: a symmetric matrix.
        """
        plan, left, right = self._plan(x, None, 1.0, 1.0)
        total = {name: np.zeros(2) for name in self.stds}
        with jax.enable_x64(True), np.errstate(all="ignore"):
            logs = {name: jnp.zeros(2) for name in self.stds}
            others = _filled(right, _size(len(right)))
            for i, rows in _blocks(left):
                # Pairs of what was filled in count for nothing.
                weights = np.zeros((len(rows), len(others)))
                weights[: len(left) - i, : len(left)] = along[i : i + len(rows)]
                found = _pulled(plan, logs, rows, others, i, jnp.asarray(weights))
                for name, slope in found.items():
                    total[name] += np.asarray(slope)
        # A factor e^t moves a std of σ by σ t; at σ = 0 the kernel is even in σ.
        weight, bias = (
            {
                name: float(total[name][j] / stds[j]) if stds[j] else 0.0
                for name, stds in self.stds.items()
            }
            for j in (0, 1)
        )
        return weight, bias

    def _plan(
        self, x1: ArrayLike, x2: ArrayLike | None, weight: float, bias: float
    ) -> tuple[_Plan, np.ndarray, Any]:
        takes = self.network.input_format
        inputs = checked(self.network.name, x1, x2, takes)
        left = np.asarray(takes.converted(inputs.x1, True))
        right = left if inputs.symmetric else np.asarray(takes.converted(inputs.x2, True))
        bound = _rounded(inputs.q_range()[1] or 1.0, up=True)
        network = self.network.rebuild(lambda node: _scaled(node, weight, bias))
        found = spans(network, tuple(runs(network, numeric_key)), [bound * s for s in SMALLER])
        reach = {
            phi: (_rounded(low, up=False), _rounded(high, up=True))
            for phi, (low, high) in found.items()
        }
        key = tuple(sorted((repr(phi), span) for phi, span in reach.items()))
        if key not in self._plans:
            self._plans[key] = _Plan(self.network, self.part, self.standard, reach)
        return self._plans[key], left, right


def _drawing(node: NetworkNode) -> Any:
    """The layer of a node, where it draws weights with standard deviations of its own."""
    layer: Any = node.layer
    return layer if hasattr(layer, "weight_std") and hasattr(layer, "bias_std") else None


def _scaled(node: NetworkNode, weight: float, bias: float) -> Layer:
    layer = _drawing(node)
    if layer is None:
        return node.layer
    return layer.with_weights(weight_std=weight * layer.weight_std, bias_std=bias * layer.bias_std)


def _rounded(q: float, up: bool) -> float:
    whole = (math.ceil if up else math.floor)(math.log(q, _STEP))
    return _STEP**whole


def _logs(weight: float, bias: float) -> np.ndarray:
    return np.log(np.array([weight, bias]))


def _size(count: int) -> int:
    """One of a few sizes for a number of inputs: up to 16 more of them, or an eighth."""
    step = max(_FEWEST, 2 ** (count.bit_length() - 4))
    return -(-count // step) * step


def _filled(x: np.ndarray, count: int) -> Array:
    """Inputs, and the last of them again until there are so many."""
    return jnp.asarray(x[np.minimum(np.arange(count), len(x) - 1)])


def _blocks(x: np.ndarray) -> list[tuple[int, Array]]:
    """Where blocks of rows start, and the rows, all blocks of one size."""
    count = _size(-(-len(x) // -(-len(x) // _ROWS)))
    return [(i, _filled(x[i : i + count], count)) for i in range(0, len(x), count)]


def _joined(blocks: list[Array], rows: int, columns: int, symmetric: bool) -> np.ndarray:
    whole = np.concatenate([np.asarray(block) for block in blocks])[:rows, :columns]
    return (whole + whole.T) / 2 if symmetric else whole


def _rows(plan: _Plan, logs: Logs, x1: Array, x2: Array, row: int) -> Array:
    """Rows of the kernel; `row` is where x1 lies in x2, negative when it does not."""
    same = (row + jnp.arange(x1.shape[0]))[:, None] == jnp.arange(x2.shape[0])[None, :]
    backend = ArrayBackend(frame_of(plan.network, paired=False, sharp=False), plan.reach)
    algebra = _ScaledAlgebra(backend, same, plan.standard, logs)
    takes = plan.network.input_format
    start = entered(algebra, takes, x1, x2, same, None, ntk=plan.part == "ntk", sharp=False)
    out = plan.network.fold(algebra, start)[plan.network.last]
    return getattr(answered(plan.network, algebra.frame, out, (plan.part,), None), plan.part)


@partial(jax.jit, static_argnames=("plan", "names"))
def _value(
    plan: _Plan, names: tuple[str, ...], logs: Array, x1: Array, x2: Array, row: int
) -> Array:
    return _rows(plan, dict.fromkeys(names, logs), x1, x2, row)


@partial(jax.jit, static_argnames=("plan", "names"))
def _pushed(
    plan: _Plan, names: tuple[str, ...], logs: Array, x1: Array, x2: Array, row: int
) -> tuple[Array, ...]:
    def rows(both: Array) -> Array:
        return _rows(plan, dict.fromkeys(names, both), x1, x2, row)

    value, along = jax.linearize(rows, logs)
    return value, along(jnp.array([1.0, 0.0])), along(jnp.array([0.0, 1.0]))


@partial(jax.jit, static_argnames=("plan",))
def _pulled(
    plan: _Plan, logs: Logs, x1: Array, x2: Array, row: int, along: Array
) -> dict[str, Array]:
    return jax.vjp(lambda logs: _rows(plan, logs, x1, x2, row), logs)[1](along)[0]
