"""Targets with weights: which of them count, and how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int, Shaped

from kernelc._errors import DataError

from ._arrays import examples, labels, plain, targets


@jax.tree_util.register_pytree_node_class
@dataclass(frozen=True, eq=False)
class Weighted:
    """Targets of which some do not count, or count more than others.

    The loss of a batch is Σ w · loss / Σ w over all its targets, accuracy likewise. The loss and
    the gradient of a batch without any that counts are 0. `fit`, `evaluate`, `make_step`,
    `Dataset` and `Stream` take it in place of an array of targets.

    Arguments:
        values: targets, as in `Dataset`. Those of weight 0 may be any numbers, NaN too.
        weights: w, numbers that are not negative, or truth values: of shape (n,) for examples, or
            (n, *locations) for the locations of outputs (n, *locations, k).

    Raises: DataError for weights that are negative, not finite, or of another shape.

    Example:
        >>> labels = np.array([[2, 0, -1], [1, -1, -1]])
        >>> y = Weighted(labels, labels != -1)
        >>> y.values.tolist(), y.weights.tolist()
        ([[2, 0, 0], [1, 0, 0]], [[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    """

    values: Shaped[np.ndarray, "n ..."]
    weights: Float[np.ndarray, "n ..."]

    def __post_init__(self) -> None:
        values = plain(self.values, "Weighted: values")
        weights = examples(self.weights, "Weighted: weights").astype(np.float32)
        if weights.shape != values.shape[: weights.ndim] or weights.min() < 0:
            raise DataError(
                where="Weighted: weights",
                found=f"shape {weights.shape}, from {float(weights.min()):g}, for targets of "
                f"shape {values.shape}",
                law="Every example, or every location of it, has a weight that is not negative",
                remedy="Pass for example Weighted(y, y != -1)",
            )
        if (weights == 0).any():
            counted = weights.reshape(weights.shape + (1,) * (values.ndim - weights.ndim)) > 0
            values = np.where(counted, values, np.zeros((), values.dtype))
        values = targets(values, "Weighted: values")
        # A column of labels is read as a row of them.
        weights = weights[:, 0] if weights.ndim > values.ndim else weights
        weights.flags.writeable = False
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "weights", weights)

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the targets."""
        return self.values.shape

    @property
    def dtype(self) -> np.dtype:
        """That of the targets."""
        return self.values.dtype

    @property
    def ndim(self) -> int:
        """That of the targets."""
        return self.values.ndim

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice | Int[np.ndarray, " m"]) -> Weighted:
        return _made(self.values[rows], self.weights[rows])

    def tree_flatten(self) -> tuple[tuple[Any, Any], None]:
        """For JAX: the arrays."""
        return (self.values, self.weights), None

    @classmethod
    def tree_unflatten(cls, aux: None, children: tuple[Any, Any]) -> Weighted:
        """For JAX: the inverse of `tree_flatten`, of anything that stands for arrays."""
        del aux
        return _made(*children)


Targets = np.ndarray | Weighted
"""Targets in memory."""


def _made(values: Any, weights: Any) -> Weighted:
    # Nothing is checked: parts of what was checked, or placeholders of JAX.
    made = object.__new__(Weighted)
    object.__setattr__(made, "values", values)
    object.__setattr__(made, "weights", weights)
    return made


def given_targets(y: object, where: str, classes: int | None = None) -> Targets:
    """Checked targets, read-only; with `classes` they are labels. Weights stay with them."""
    if not isinstance(y, Weighted):
        return targets(y, where) if classes is None else labels(y, where, classes)
    return y if classes is None else _made(labels(y.values, where, classes), y.weights)


def values_of(y: Targets) -> np.ndarray:
    """The targets without their weights."""
    return y.values if isinstance(y, Weighted) else y


def nothing_counts(y: Targets) -> bool:
    """Whether all weights are 0."""
    return isinstance(y, Weighted) and not bool((y.weights > 0).any())
