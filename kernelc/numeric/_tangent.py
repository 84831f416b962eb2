"""Finite models, also of other libraries, and gradients along the parameters that count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from .._errors import DataError, KernelcError, reason
from .._input_format import InputFormat, Numbers
from ..modules import Model, first_state


Parameterization = Literal["ntk", "standard"]

_Box = tuple[tuple[int, int | None], ...]


class Called(eqx.Module):
    """A function of one example, its output an array (*locations, channels).

    Arguments:
        function: a pytree that is called on one example; a number becomes one channel.
        input_shape: the shape of an example.
        where: what errors call it.

    Raises: DataError for a function that does not take such an example.
    """

    function: Callable[..., Any]
    input_format: InputFormat = eqx.field(static=True)
    output_shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, function: Callable[..., Any], input_shape: tuple[int, ...], where: str):
        self.function = function
        self.input_format = Numbers(input_shape)
        self.output_shape = output_shape(function, input_shape, where) or (1,)

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.reshape(self.function(x), self.output_shape)

    def batched(self, xs: Float[Array, "n ..."]) -> Float[Array, "n ..."]:
        return jax.vmap(self)(xs)


def outputs(model: Model | Called, xs: Float[Array, "n ..."]) -> Float[Array, "n ..."]:
    """The outputs for a batch; batch norm has the statistics the model was lowered with."""
    state = first_state(model) if isinstance(model, Model) else None
    if state is None or isinstance(model, Called):
        return model.batched(xs)
    return model.batched(xs, state)[0]


def output_shape(
    function: Callable[..., Any], input_shape: tuple[int, ...], where: str
) -> tuple[int, ...]:
    """The shape of the array that the function makes of one example; DataError for others."""
    one = jax.ShapeDtypeStruct(input_shape, jnp.float32)
    cause, found = None, None
    try:
        shape = getattr(eqx.filter_eval_shape(function, one), "shape", None)
        found = None if isinstance(shape, tuple) else "a function that returns no array"
    # The function is anyone's and may raise anything; the original stays attached.
    except Exception as error:
        found, shape, cause = f"a function that does not take one ({reason(error)})", None, error
    if found is not None or shape is None:
        raise DataError(
            where=where,
            found=f"examples of shape {input_shape}, and {found}",
            law="the function is called on one example at a time, without a state",
            remedy="batch norm and dropout run in eqx.nn.inference_mode(model), with their state "
            "in a function of your own; pass examples without the batch axis in the function",
        ) from cause
    return shape


def require_parameters(tree: PyTree, where: str) -> None:
    """KernelcError where there is nothing to take gradients along."""
    if not any(eqx.is_inexact_array(leaf) for leaf in jax.tree.leaves(tree)):
        raise KernelcError(
            where=where,
            found="no floating-point parameters",
            law="a tangent kernel is a product of gradients along parameters",
            remedy="pass an equinox.Module, or jax.tree_util.Partial(f, params) for f(params, x)",
        )


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
        self, xs: Float[Array, "n ..."], output: Int[Array | np.ndarray, ""]
    ) -> tuple[Float[Array, "n ..."], ...]:
        """Scaled gradients of one entry of the flattened output, for each example."""
        return _gradients(self, xs, output)


@eqx.filter_jit
def _gradients(tangent: Tangent, xs: Array, output: Array | np.ndarray) -> tuple[Array, ...]:
    def one(x: Array) -> tuple[Array, ...]:
        def entry(counted: PyTree) -> Array:
            model = eqx.combine(counted, tangent.rest)
            return outputs(model, x[None]).ravel()[output]

        found = jax.tree.leaves(jax.grad(entry)(tangent.counted))
        parts = zip(found, tangent.boxes, tangent.scales, strict=True)
        return tuple(_scaled(jnp.atleast_1d(g)[_slices(box)], scale) for g, box, scale in parts)

    return jax.vmap(one)(xs)


def _scaled(gradient: Array, scale: np.ndarray) -> Array:
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
