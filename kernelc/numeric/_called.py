"""Models of any library in the form that empirical kernels read: called on one example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._errors import DataError, KernelcError, reason
from ..modules import Model, first_state


class Called(eqx.Module):
    """A function of one example, its output an array (*locations, channels).

    Arguments:
        function: a pytree that is called on one example; a number becomes one channel.
        input_shape: the shape of an example.
        where: what errors call it.

    Raises: DataError for a function that does not take such an example.
    """

    function: Any
    input_shape: tuple[int, ...] = eqx.field(static=True)
    output_shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, function: Callable[..., Any], input_shape: tuple[int, ...], where: str):
        self.function = function
        self.input_shape = input_shape
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


def require_parameters(tree: Any, where: str) -> None:
    """KernelcError where there is nothing to take gradients along."""
    if not any(eqx.is_inexact_array(leaf) for leaf in jax.tree.leaves(tree)):
        raise KernelcError(
            where=where,
            found="no floating-point parameters",
            law="a tangent kernel is a product of gradients along parameters",
            remedy="pass an equinox.Module, or jax.tree_util.Partial(f, params) for f(params, x)",
        )
