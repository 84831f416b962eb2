"""Losses of one example each: those with a name, their settings, and the user's own."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Literal, cast

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Shaped

from .._arguments import integer
from .._errors import DataError, shown
from .._limits import real


Loss = Callable[[Float[Array, "batch ..."], Shaped[Array, "batch ..."]], Array]
Named = Literal[
    "cross_entropy",
    "squared_error",
    "squared_error_per_location",
    "binary_cross_entropy",
    "multi_label",
    "huber",
]


def cross_entropy(
    logits: Float[Array, "batch ... classes"], y: Int[Array, "batch ..."]
) -> Float[Array, "batch ..."]:
    """−log softmax(logits)_y of every label."""
    return optax.softmax_cross_entropy_with_integer_labels(logits, y)


@dataclasses.dataclass(frozen=True)
class CrossEntropy:
    """Cross-entropy with smoothed labels, or labels that do not count: −Σ_k t_k log softmax(f)_k.

    t = (1 − s) onehot(y) + s/K for K classes (Szegedy et al. 2016, section 7). Called with logits
    (n, *locations, K) and labels (n, *locations), it has a value for each label.

    Arguments:
        label_smoothing: s in [0, 1).
        ignore: a label that does not count, such as -1: the loss of a batch is the mean over the
            others, and accuracy likewise. None when all do.

    Raises: DataError for another s, or a label that is no whole number.

    Example:
        >>> import jax.numpy as jnp
        >>> loss = CrossEntropy(label_smoothing=0.1)
        >>> round(float(loss(jnp.array([[2.0, 0.0]]), jnp.array([0]))[0]), 4)
        0.2269
        >>> import kernelc as kc, numpy as np
        >>> kc.evaluate(lambda x: x, np.eye(2), [0, -1], loss=CrossEntropy(ignore=-1)).accuracy
        1.0
    """

    label_smoothing: float = 0.0
    ignore: int | None = None

    def __post_init__(self) -> None:
        if self.ignore is not None:
            ignored = integer(self.ignore, "CrossEntropy: ignore", least=-(2**31))
            object.__setattr__(self, "ignore", ignored)
        if not 0 <= real(self.label_smoothing) < 1:
            raise DataError(
                where="CrossEntropy: label_smoothing",
                found=shown(self.label_smoothing),
                law="The share of the target that all classes split is at least 0, below 1",
                remedy="Pass for example 0.1",
            )

    def __call__(
        self,
        logits: Float[Array, "batch ... classes"],
        y: Int[Array, "batch ..."],
    ) -> Float[Array, "batch ..."]:
        if not self.label_smoothing:
            return cross_entropy(logits, y)
        targets = optax.smooth_labels(jax.nn.one_hot(y, logits.shape[-1]), self.label_smoothing)
        return optax.softmax_cross_entropy(logits, targets)


def squared_error(
    outputs: Float[Array, "batch ..."], y: Shaped[Array, "batch ..."]
) -> Float[Array, " batch"]:
    """½ Σ_k (f_k − t_k)² of every example; t is y itself, or its one-hot row for labels."""
    target = y if y.ndim == outputs.ndim else jax.nn.one_hot(y, outputs.shape[-1])
    return _sum(0.5 * (outputs - target) ** 2)


def squared_error_per_location(
    outputs: Float[Array, "batch ... k"], y: Shaped[Array, "batch ..."]
) -> Float[Array, "batch ..."]:
    """½ Σ_k (f_k − t_k)² of every location; t is y itself, or its one-hot row for labels."""
    target = y if y.ndim == outputs.ndim else jax.nn.one_hot(y, outputs.shape[-1])
    return jnp.sum(0.5 * (outputs - target) ** 2, axis=-1)


@dataclasses.dataclass(frozen=True)
class Huber:
    """Huber's loss Σ_k h(f_k − t_k), which grows linearly beyond δ.

    h(r) = ½ r² for |r| ≤ δ, else δ (|r| − ½ δ) (Huber 1964, Robust estimation of a location
    parameter). t is y itself, or its one-hot row for labels.

    Arguments:
        delta: δ, positive and finite, in the unit of the targets.

    Raises: DataError for another δ.

    Example:
        >>> import jax.numpy as jnp
        >>> Huber(1.0)(jnp.array([[0.5], [3.0]]), jnp.array([[0.0], [0.0]])).tolist()
        [0.125, 2.5]
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.delta) and self.delta > 0):
            raise DataError(
                where="Huber: delta",
                found=repr(self.delta),
                law="The residual where the loss turns linear is positive and finite",
                remedy="Pass for example 1.0",
            )

    def __call__(
        self, outputs: Float[Array, "batch ..."], y: Shaped[Array, "batch ..."]
    ) -> Float[Array, " batch"]:
        target = y if y.ndim == outputs.ndim else jax.nn.one_hot(y, outputs.shape[-1])
        return _sum(optax.huber_loss(outputs, target, delta=self.delta))


def binary_cross_entropy(
    logits: Float[Array, "batch ..."], y: Shaped[Array, "batch ..."]
) -> Float[Array, " batch"]:
    """−Σ_k [t_k log σ(f_k) + (1 − t_k) log(1 − σ(f_k))] of every example, t_k = y_k in [0, 1]."""
    return _sum(optax.sigmoid_binary_cross_entropy(logits, y))


def multi_label(
    logits: Float[Array, "batch ... k"], y: Shaped[Array, "batch ... k"]
) -> Float[Array, "batch ..."]:
    """`binary_cross_entropy` of every location: the sum over its k labels."""
    return jnp.sum(optax.sigmoid_binary_cross_entropy(logits, y), axis=-1)


_LOSSES: dict[str, Loss] = {
    "cross_entropy": cross_entropy,
    "squared_error": squared_error,
    "squared_error_per_location": squared_error_per_location,
    "binary_cross_entropy": binary_cross_entropy,
    "multi_label": multi_label,
    "huber": Huber(),
}


def resolve(loss: Named | Loss) -> Loss:
    """The loss of that name, or the callable itself; DataError for anything else."""
    if callable(loss):
        return loss
    if not isinstance(loss, str) or loss not in _LOSSES:
        raise DataError(
            where="loss",
            found=shown(loss),
            law=f"A loss is one of {', '.join(_LOSSES)} or a function",
            remedy="Pass a name, or a function of (outputs, y) that gives one loss per example",
        )
    return cast(Loss, _LOSSES[loss])


def is_answers(loss: Loss) -> bool:
    """Whether targets are answers yes or no to each output."""
    return loss is binary_cross_entropy or loss is multi_label


def is_squares(loss: Loss) -> bool:
    """Whether it is a sum of ½ (f_k − t_k)²."""
    return loss is squared_error or loss is squared_error_per_location


def is_cross_entropy(loss: Loss) -> bool:
    """Whether it is −log softmax, of smoothed labels or not."""
    return loss is cross_entropy or isinstance(loss, CrossEntropy)


def in_nats(loss: Loss) -> bool:
    """Whether it is mean −ln p of a label, whatever the outputs."""
    smoothed = isinstance(loss, CrossEntropy) and loss.label_smoothing > 0
    return is_cross_entropy(loss) and not smoothed


def is_named(loss: Loss) -> bool:
    """Whether the loss is one of this package."""
    known = any(loss is each for each in _LOSSES.values())
    return known or isinstance(loss, CrossEntropy | Huber)


def by_example(
    loss: Loss, outputs: Float[Array, "batch ..."], y: Shaped[Array, "batch ..."]
) -> Float[Array, " batch"]:
    """The loss of every example; of a loss with a value for each output their mean."""
    return over_the_rest(loss(outputs, y), 1)


def _sum(values: Float[Array, "batch ..."]) -> Float[Array, " batch"]:
    return jnp.sum(values, axis=tuple(range(1, values.ndim)))


def over_the_rest(values: Float[Array, "..."], axes: int) -> Float[Array, "..."]:
    """The mean over all but the first axes."""
    return jnp.mean(values, axis=tuple(range(axes, values.ndim))) if values.ndim > axes else values
