"""A model and the gradients of its outputs along the parameters that count."""

from __future__ import annotations

from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from ..modules import Model
from ._called import Called, outputs


Parameterization = Literal["ntk", "standard"]

_Box = tuple[tuple[int, int | None], ...]


class Tangent(eqx.Module):
    """A model split into the parameters that gradients are taken along, and the rest.

    Arguments:
        counted: the model with None in the place of all but those parameters.
        rest: the model with None in their place.
        scales: for each of them, the factor of its gradient in its box.
        boxes: for each of them, the range on leading axes outside which the factor is 0: of a
            Delta convolution only the center tap is kept.
    """

    counted: PyTree
    rest: PyTree
    scales: tuple[np.ndarray, ...]
    boxes: tuple[_Box, ...] = eqx.field(static=True)

    @staticmethod
    def of(model: Model | Called, parameterization: Parameterization) -> Tangent:
        """The split whose products of gradients make up the NTK in this parameterization."""
        parameters, rest = eqx.partition(model, eqx.is_inexact_array)
        variances = jax.tree.map(lambda _: 1.0, parameters)
        if parameterization == "ntk" and isinstance(model, Model):
            nodes = [node.parameter_variances() for node in model.nodes]
            variances = jax.tree.unflatten(jax.tree.structure(parameters), jax.tree.leaves(nodes))
        counts = jax.tree.map(lambda variance: bool(np.any(variance)), variances)
        counted, fixed = eqx.partition(parameters, counts)
        kept = [np.atleast_1d(v) for v in jax.tree.leaves(variances) if np.any(v)]
        boxes = tuple(_box(variance) for variance in kept)
        scales = tuple(np.sqrt(v[_slices(box)]) for v, box in zip(kept, boxes, strict=True))
        return Tangent(counted, eqx.combine(fixed, rest), scales, boxes)

    @property
    def size(self) -> int:
        """Number of parameters that gradients are taken along."""
        return sum(leaf.size for leaf in jax.tree.leaves(self.counted))

    def gradients(
        self, xs: Float[Array, "n ..."], output: Int[Any, ""]
    ) -> tuple[Float[Array, "n ..."], ...]:
        """Scaled gradients of one entry of the flattened output, for each example.

        Arguments:
            xs: examples.
            output: index of the entry.

        Returns: for each parameter that counts, its gradients, (n, ...).
        """
        return _gradients(self, xs, output)


@eqx.filter_jit
def _gradients(tangent: Tangent, xs: Array, output: Array) -> tuple[Array, ...]:
    def one(x: Array) -> tuple[Array, ...]:
        def entry(counted: PyTree) -> Array:
            model = eqx.combine(counted, tangent.rest)
            return outputs(model, x[None]).ravel()[output]

        found = jax.tree.leaves(jax.grad(entry)(tangent.counted))
        parts = zip(found, tangent.boxes, tangent.scales, strict=True)
        return tuple(_scaled(jnp.atleast_1d(g)[_slices(box)], scale) for g, box, scale in parts)

    return jax.vmap(one)(xs)


def _scaled(gradient: Array, scale: Any) -> Array:
    # Sums over all parameters follow, and those lose too much in 16 bits.
    dtype = jnp.promote_types(gradient.dtype, jnp.float32)
    return gradient.astype(dtype) * jnp.asarray(scale, dtype)


def _box(variance: np.ndarray) -> _Box:
    """The smallest range on each axis that holds all that is not 0; axes of length 1 broadcast."""
    ends = [(int(at.min()), int(at.max()) + 1) for at in np.nonzero(variance)]
    return tuple(
        (0, None) if length == 1 else (low, high)
        for (low, high), length in zip(ends, variance.shape, strict=True)
    )


def _slices(box: _Box) -> tuple[slice, ...]:
    return tuple(slice(low, high) for low, high in box)
