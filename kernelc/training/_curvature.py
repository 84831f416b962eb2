"""What K-FAC is told of a loss: the kind of its curvature, and the share of each output in it."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._errors import UnsupportedError
from ..curvature import Curvature
from ..data import Targets, Weighted, values_of
from ._losses import CrossEntropy, Loss, cross_entropy, squared_error


class Registered(NamedTuple):
    """Outputs, targets and weight as `kernelc.curvature.Outcome` has them."""

    outputs: Float[Array, "batch *locations k"]
    targets: Array
    weight: float


def curvature_of(loss: Loss) -> Curvature:
    """The kind of the Gauss-Newton matrix of a loss; UnsupportedError where none is known."""
    # The curvature of the softmax does not depend on the targets.
    if loss is cross_entropy or isinstance(loss, CrossEntropy):
        return "softmax"
    if loss is squared_error:
        return "squares"
    raise UnsupportedError(
        where="K-FAC: loss",
        found=getattr(loss, "__name__", type(loss).__name__),
        law="K-FAC approximates the Gauss-Newton matrix of a loss that it knows",
        remedy='Use "cross_entropy", CrossEntropy or "squared_error", or an Optax optimizer',
    )


def registered(loss: Loss, outputs: Float[Array, "batch *locations k"], y: Targets) -> Registered:
    """The loss as a mean over the batch of equally weighted sums over locations.

    Where the loss has a value for each location, the mean over locations is their sum by the
    weight 1 / locations. Σ w · loss / Σ w has the Gauss-Newton matrix of outputs whose derivatives
    are √(batch w / Σ w) times as large, at the values they have.
    """
    if outputs.ndim < 2:
        raise UnsupportedError(
            where="K-FAC: outputs",
            found=f"shape {outputs.shape}",
            law="K-FAC knows the curvature of losses of rows of outputs",
            remedy="Give the network a row of outputs per example, (n, 1) in place of (n,)",
        )
    values = jnp.asarray(values_of(y))
    shape = jax.eval_shape(loss, outputs, values).shape
    if not isinstance(y, Weighted):
        return Registered(outputs, values, 1 / math.prod(shape[1:]))
    weights = jnp.asarray(y.weights, outputs.dtype)
    total = jnp.sum(weights)
    share = jnp.sqrt(weights * len(outputs) / jnp.where(total > 0, total, 1))
    share = share.reshape(share.shape + (1,) * (outputs.ndim - share.ndim))
    fixed = jax.lax.stop_gradient(outputs)
    scaled = fixed + share * (outputs - fixed)
    return Registered(scaled, values, 1 / math.prod(shape[np.ndim(y.weights) :]))
