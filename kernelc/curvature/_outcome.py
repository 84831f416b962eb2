"""What a model makes of a batch, and how kfac-jax is told of the loss of it."""

from __future__ import annotations

from types import ModuleType
from typing import Literal, NamedTuple

import jax
from jaxtyping import Array, Float, PyTree

from kernelc._errors import UnsupportedError


Curvature = Literal["softmax", "squares", "sigmoid"]


class Outcome(NamedTuple):
    """What a model makes of a batch.

    Arguments:
        outputs: (batch, *locations, k).
        targets: labels (batch, *locations), or rows like the outputs; None where the loss is
            another one of that curvature.
        weight: of each location: the loss is Σ weight · loss of a location / batch.
        loss: what is minimized.
        state: the new state of the model.
        passed_on: a pytree of numbers.
    """

    outputs: Array
    targets: Array | None
    weight: float
    loss: Float[Array, ""]
    state: PyTree
    passed_on: PyTree


def register(kfac_jax: ModuleType, kind: Curvature, estimation: str, made: Outcome) -> None:
    """Tells kfac-jax, while it traces, what the Gauss-Newton matrix is that of.

    Raises: UnsupportedError for an estimation that needs more than is known.
    """
    outputs, y, weight = made.outputs, made.targets, made.weight
    if y is None and estimation == "fisher_empirical":
        raise UnsupportedError(
            where="K-FAC: estimation",
            found='"fisher_empirical" with a loss that is known by its curvature alone',
            law="The empirical Fisher matrix is that of the gradients of a loss with a name",
            remedy='Use estimation="ggn_curvature_prop", the default',
        )
    if kind == "softmax":
        # The exact factor of a softmax of kfac-jax mixes the locations of an example.
        if outputs.ndim > 2 and estimation.endswith("_exact"):
            raise UnsupportedError(
                where="K-FAC: estimation",
                found=f"{estimation!r} with outputs of shape {outputs.shape[1:]}",
                law="The exact factor of the softmax is that of one row of logits per example",
                remedy='Use estimation="ggn_curvature_prop", the default',
            )
        kfac_jax.register_softmax_cross_entropy_loss(outputs, y, weight=weight)
    elif kind == "sigmoid":
        kfac_jax.register_sigmoid_cross_entropy_loss(outputs, y, weight=weight)
    else:
        labels = y is not None and y.ndim < outputs.ndim
        target = jax.nn.one_hot(y, outputs.shape[-1]) if labels else y
        # kfac-jax means weight · Σ (f − t)² by a squared error.
        kfac_jax.register_squared_error_loss(outputs, target, weight=0.5 * weight)
