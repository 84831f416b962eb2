"""What K-FAC is told of a loss: the kind of its curvature, and the share of each output in it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from .._errors import DataError, UnsupportedError, shown
from ..curvature import Curvature
from ..data import Targets, Weighted, values_of
from ._losses import Loss, is_answers, is_cross_entropy, is_squares


@dataclass(frozen=True)
class LossWithCurvature:
    """A loss of one's own that K-FAC takes: it is told the curvature.

    K-FAC minimizes the loss itself. Its Gauss-Newton matrix is Jᵀ H J, with the derivative J of
    the outputs f and the curvature H in f, which this names.

    Arguments:
        function: a JAX function of outputs (batch, *locations, k) and targets, as `fit` takes. It
            returns one number per location, of which the mean is taken, or one per example, which
            is then the sum over locations.
        curvature: H at each location: "squares" for the identity, as of ½ Σ_k (f_k − t_k)²;
            "softmax" for diag(p) − p pᵀ with p = softmax(f), as of cross-entropy; "sigmoid" for
            diag(p (1 − p)) with p = sigmoid(f).

    Raises: DataError for another curvature, or what is no function.

    Example:
        >>> import jax.numpy as jnp, kernelc as kc, numpy as np
        >>> log_cosh = LossWithCurvature(lambda f, y: jnp.log(jnp.cosh(f - y)).sum(-1), "squares")
        >>> x = kc.Input((2,))
        >>> model = kc.lower(kc.Network(x, kc.Dense(1)(x)), key=0)
        >>> kc.evaluate(model, np.ones((3, 2)), np.ones(3), loss=log_cosh).accuracy is None
        True
    """

    function: Loss
    curvature: Curvature

    def __post_init__(self) -> None:
        known = isinstance(self.curvature, str) and self.curvature in get_args(Curvature)
        if not callable(self.function) or not known:
            raise DataError(
                where="LossWithCurvature",
                found=f"{shown(self.function)} with curvature {shown(self.curvature)}",
                law=f"It is a function, with a curvature of {', '.join(get_args(Curvature))}",
                remedy='Pass for example LossWithCurvature(function, "squares")',
            )

    def __call__(self, outputs: Float[Array, "batch ..."], y: Shaped[Array, "batch ..."]) -> Array:
        return self.function(outputs, y)


class Registered(NamedTuple):
    """Outputs, targets and weight as `kernelc.curvature.Outcome` has them."""

    outputs: Float[Array, "batch *locations k"]
    targets: Array | None
    weight: float


def curvature_of(loss: Loss) -> Curvature:
    """The kind of the Gauss-Newton matrix of a loss; UnsupportedError where none is known."""
    # The curvature of the softmax does not depend on the targets.
    if is_cross_entropy(loss):
        return "softmax"
    if is_squares(loss):
        return "squares"
    if is_answers(loss):
        return "sigmoid"
    if isinstance(loss, LossWithCurvature):
        return loss.curvature
    raise UnsupportedError(
        where="K-FAC: loss",
        found=getattr(loss, "__name__", type(loss).__name__),
        law="K-FAC approximates the Gauss-Newton matrix of a loss that it knows",
        remedy='Say which it is, as in LossWithCurvature(loss, "squares"), or use a loss by name '
        "or an Optax optimizer",
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
    targets = None if isinstance(loss, LossWithCurvature) else values
    if not isinstance(y, Weighted):
        return Registered(outputs, targets, 1 / math.prod(shape[1:]))
    weights = jnp.asarray(y.weights, outputs.dtype)
    total = jnp.sum(weights)
    share = jnp.sqrt(weights * len(outputs) / jnp.where(total > 0, total, 1))
    share = share.reshape(share.shape + (1,) * (outputs.ndim - share.ndim))
    fixed = jax.lax.stop_gradient(outputs)
    scaled = fixed + share * (outputs - fixed)
    return Registered(scaled, targets, 1 / math.prod(shape[np.ndim(y.weights) :]))
