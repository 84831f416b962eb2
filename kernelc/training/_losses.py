"""Losses of one example each, and which outputs count as right."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal, cast

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Shaped

from kernelc._errors import DataError


Loss = Callable[[Float[Array, "batch classes"], Shaped[Array, "batch ..."]], Array]
Named = Literal["cross_entropy", "squared_error"]


def cross_entropy(
    logits: Float[Array, "batch classes"], y: Shaped[Array, " batch"]
) -> Float[Array, " batch"]:
    """−log softmax(logits)_y of every example."""
    return optax.softmax_cross_entropy_with_integer_labels(logits, y)


@dataclasses.dataclass(frozen=True)
class CrossEntropy:
    """Cross-entropy with smoothed labels: −Σ_k t_k log softmax(logits)_k.

    t = (1 − s) onehot(y) + s/K for K classes (Szegedy et al. 2016, section 7).

    Arguments:
        label_smoothing: s in [0, 1).

    Raises: DataError for another s.

    Example:
        >>> import jax.numpy as jnp
        >>> loss = CrossEntropy(label_smoothing=0.1)
        >>> round(float(loss(jnp.array([[2.0, 0.0]]), jnp.array([0]))[0]), 4)
        0.2269
    """

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise DataError(
                where="CrossEntropy: label_smoothing",
                found=repr(self.label_smoothing),
                law="The share of the target that all classes split is at least 0, below 1",
                remedy="Pass for example 0.1",
            )

    def __call__(
        self, logits: Float[Array, "batch classes"], y: Shaped[Array, " batch"]
    ) -> Float[Array, " batch"]:
        targets = optax.smooth_labels(jax.nn.one_hot(y, logits.shape[-1]), self.label_smoothing)
        return optax.softmax_cross_entropy(logits, targets)


def squared_error(
    outputs: Float[Array, "batch classes"], y: Shaped[Array, "batch ..."]
) -> Float[Array, " batch"]:
    """½ Σ_k (f_k − t_k)² of every example; t is y itself, or its one-hot row for labels."""
    target = y if y.ndim == outputs.ndim else jax.nn.one_hot(y, outputs.shape[-1])
    return 0.5 * jnp.sum((outputs - target) ** 2, axis=-1)


_LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy, "squared_error": squared_error}


def resolve(loss: Named | Loss) -> Loss:
    """The loss of that name, or the callable itself; DataError for anything else."""
    if callable(loss):
        return loss
    if loss not in _LOSSES:
        raise DataError(
            where="loss",
            found=repr(loss),
            law=f"A loss is one of {', '.join(_LOSSES)} or a function",
            remedy="Pass a name, or a function of (logits, y) that gives one loss per example",
        )
    return cast(Loss, _LOSSES[loss])


def right(
    logits: Float[Array, "batch classes"], y: Shaped[Array, "batch ..."]
) -> Bool[Array, " batch"]:
    """Which examples have their largest logit at the label.

    None where y is no label. A row with NaN is wrong: argmax alone would call it class 0.
    """
    if y.ndim != 1:
        return jnp.zeros(len(y), bool)
    return (jnp.argmax(logits, axis=-1) == y) & ~jnp.isnan(logits).any(axis=-1)
