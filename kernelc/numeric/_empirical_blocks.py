"""Kernel matrices of one finite model, in blocks of bounded size."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float64

from ..modules import Model
from ._tangent import Called, Tangent, outputs


# Numbers held for one block of examples (128 MiB in float32). Two blocks meet at a time, and
# JAX holds about as much again while it computes one.
_NUMBERS = 2**25


@dataclasses.dataclass(frozen=True, eq=False)
class Task:
    """The pairs of examples and the outputs that a kernel is asked for.

    Arguments:
        left: examples, (n1, *input_shape).
        right: the same, (n2, *input_shape); None for those of `left`.
        shape: of the output for one example, (*locations, channels).
        channels: indices of the output channels to average over.
    """

    left: Float[np.ndarray, "n1 ..."]
    right: Float[np.ndarray, "n2 ..."] | None
    shape: tuple[int, ...]
    channels: tuple[int, ...]

    @property
    def places(self) -> int:
        """Number of locations of the output."""
        return math.prod(self.shape[:-1])

    def sides(self, most: int) -> tuple[list[Array], list[Array]]:
        """Both sets of examples in blocks of at most `most`."""
        left = _blocks(self.left, most)
        return left, left if self.right is None else _blocks(self.right, most)

    def finish(
        self, sums: Float64[np.ndarray, "places rows columns"]
    ) -> Float64[np.ndarray, "n1 n2 *locations"]:
        """The mean over channels, without the rows and columns that filled up blocks."""
        n1, n2 = len(self.left), len(self.left if self.right is None else self.right)
        mean = sums[:, :n1, :n2] / len(self.channels)
        if self.right is None:
            mean = np.triu(mean) + np.triu(mean, 1).swapaxes(1, 2)
        return np.moveaxis(mean, 0, -1).reshape(n1, n2, *self.shape[:-1])


def nngp_matrix(model: Model | Called, task: Task) -> Float64[np.ndarray, "n1 n2 *locations"]:
    """mean_c f_c(x) f_c(x') for all pairs, at equal locations."""
    most = max(1, _NUMBERS // _activations(model))

    def values(blocks: list[Array]) -> np.ndarray:
        parts = [np.asarray(_outputs(model, block), np.float64) for block in blocks]
        flat = np.concatenate(parts).reshape(-1, task.places, task.shape[-1])
        return flat[..., task.channels].swapaxes(0, 1)

    left, right = task.sides(most)
    first = values(left)
    second = first if right is left else values(right)
    # Outputs that overflowed are reported by the caller.
    with np.errstate(invalid="ignore", over="ignore"):
        return task.finish(first @ second.swapaxes(1, 2))


def ntk_steps(model: Model | Called, tangent: Tangent, task: Task) -> int:
    """How often `ntk_matrix` ticks."""
    most = _rows(model, tangent)
    left = -(-len(task.left) // most)
    right = None if task.right is None else -(-len(task.right) // most)
    pairs = left * (left + 1) // 2 if right is None else left * right
    return pairs * task.places * len(task.channels)


def ntk_matrix(
    model: Model | Called, tangent: Tangent, task: Task, tick: Callable[[], object]
) -> Float64[np.ndarray, "n1 n2 *locations"]:
    """mean_c Σ_θ scale_θ² ∂f_c(x)/∂θ ∂f_c(x')/∂θ for all pairs, at equal locations."""
    left, right = task.sides(_rows(model, tangent))
    height, width = len(left[0]), len(right[0])
    sums = np.zeros((task.places, len(left) * height, len(right) * width))
    # On the host: XLA's CPU backend runs convolutions inside a loop of its own far slower.
    for place, channel, i in itertools.product(range(task.places), task.channels, range(len(left))):
        output = np.asarray(place * task.shape[-1] + channel, np.int32)
        rows = tangent.gradients(left[i], output)
        for j in range(i if right is left else 0, len(right)):
            same = right is left and i == j
            columns = rows if same else tangent.gradients(right[j], output)
            part = sums[place, i * height : (i + 1) * height, j * width : (j + 1) * width]
            part += np.asarray(_products(rows, columns))
            tick()
    return task.finish(sums)


def _rows(model: Model | Called, tangent: Tangent) -> int:
    """Examples in a block; a backward pass keeps about two numbers for each activation."""
    return max(1, _NUMBERS // (tangent.size + 2 * _activations(model)))


def _activations(model: Model | Called) -> int:
    """Numbers that a pass over one example computes."""
    one: Any = model.input_format.like()
    if isinstance(model, Model):
        values = jax.tree.leaves(jax.eval_shape(model.activations, one))
    else:
        program = eqx.filter_make_jaxpr(model)(one)[0]
        values = [var.aval for equation in program.eqns for var in equation.outvars]
    return max(1, sum(math.prod(value.shape) for value in values))


def _blocks(xs: Float[np.ndarray, "n ..."], most: int) -> list[Array]:
    """Blocks of one size, so that one program serves all; the last repeats an example."""
    count = -(-len(xs) // most)
    size = -(-len(xs) // count)
    rows = np.minimum(np.arange(count * size), len(xs) - 1)
    return [jnp.asarray(xs[part]) for part in np.split(rows, count)]


@eqx.filter_jit
def _outputs(model: Model | Called, xs: Float[Array, "n ..."]) -> Float[Array, "n ..."]:
    return outputs(model, xs)


@jax.jit
def _products(
    rows: tuple[Float[Array, "n1 ..."], ...], columns: tuple[Float[Array, "n2 ..."], ...]
) -> Float[Array, "n1 n2"]:
    total = jnp.zeros((), jnp.float32)
    for left, right in zip(rows, columns, strict=True):
        left, right = (side.reshape(len(side), -1) for side in (left, right))
        total = total + jnp.matmul(left, right.T, precision="highest")
    return total
