"""The mean of a loss and the right answers of a batch, where targets have weights or none."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from .._errors import DataError
from ..data import Targets, Weighted
from ._losses import Loss, by_example, over_the_rest
from ._scoring import correct, right


class Sums(NamedTuple):
    """Over the targets of a batch: Σ w · loss, Σ w · [right], Σ w."""

    loss: Float[Array, ""]
    right: Float[Array, ""]
    weight: Float[Array, ""]


def mean_loss(loss: Loss, outputs: Float[Array, "batch ..."], y: Targets) -> Float[Array, ""]:
    """What a step minimizes: the mean over examples, or Σ w · loss / Σ w, 0 where nothing counts.

    `y` is what `fitted` returned, as an array or with weights.
    """
    if not isinstance(y, Weighted):
        return jnp.mean(by_example(loss, outputs, jnp.asarray(y)))
    found = weighed(loss, outputs, y)
    return _share(found.loss, found.weight)


def hits(loss: Loss, outputs: Float[Array, "batch ..."], y: Targets) -> Array:
    """How many answers of the batch are right; with weights their share times all answers."""
    if not isinstance(y, Weighted):
        return jnp.sum(right(loss, outputs, jnp.asarray(y)))
    good = correct(loss, outputs, jnp.asarray(y.values))
    if good is None:
        return jnp.zeros((), jnp.float32)
    found = weighed(loss, outputs, y)
    return _share(found.right, found.weight) * good.size


def weighed(
    loss: Loss,
    outputs: Float[Array, "batch ..."],
    y: Weighted,
    counts: Bool[Array, " batch"] | None = None,
) -> Sums:
    """The sums over a batch, of those examples that count."""
    targets = jnp.asarray(y.values)
    values = over_the_rest(loss(outputs, targets), np.ndim(y.weights))
    weights = jnp.asarray(y.weights, values.dtype)
    if counts is not None:
        weights = jnp.where(counts.reshape(-1, *(1,) * (weights.ndim - 1)), weights, 0)
    # A loss that is not finite must not count by 0 times it.
    total = jnp.sum(jnp.where(weights > 0, weights * values, 0))
    good = correct(loss, outputs, targets)
    shares = 0.0 if good is None else over_the_rest(good.astype(values.dtype), weights.ndim)
    return Sums(total, jnp.sum(weights * shares), jnp.sum(weights))


def check_weights(loss: Loss, outputs: tuple[int, ...], y: Targets) -> None:
    """DataError for weights of locations and a loss that has no value for each of them."""
    if not isinstance(y, Weighted) or y.weights.ndim == 1:
        return
    like = jax.ShapeDtypeStruct((len(y), *outputs), jnp.float32)
    targets = jax.ShapeDtypeStruct(y.shape, jax.dtypes.canonicalize_dtype(y.dtype))
    found = jax.eval_shape(loss, like, targets).shape
    if found[: y.weights.ndim] != y.weights.shape:
        raise DataError(
            where="data and loss",
            found=f"weights of shape {y.weights.shape} for losses of shape {found}",
            law="A weight belongs to one value of the loss: of an example, or of a location",
            remedy="Use a loss of locations, such as squared_error_per_location, or one weight "
            "for each example",
        )


def _share(total: Array, weight: Array) -> Array:
    return total / jnp.where(weight > 0, weight, 1)
