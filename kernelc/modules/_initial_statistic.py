"""Start: what a state holds before the first step, without being a parameter."""

from __future__ import annotations

import dataclasses
from typing import Any

import equinox as eqx
import jax
import numpy as np


@dataclasses.dataclass(frozen=True)
class InitialStatistic:
    """One number everywhere, that becomes an array only inside `eqx.nn.State`.

    As an array it would be a leaf of the model, and so taken for a parameter to train.

    Arguments:
        value: the number.
        shape: of the array.
    """

    value: float
    shape: tuple[int, ...]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.full(self.shape, self.value, np.float32)

    def stacked(self, count: int) -> InitialStatistic:
        """This for `count` layers, on a new first axis."""
        return InitialStatistic(self.value, (count, *self.shape))

    def __getitem__(self, index: Any) -> InitialStatistic:
        """This for one of the layers that were stacked."""
        return InitialStatistic(self.value, self.shape[1:])


def is_index(leaf: Any) -> bool:
    """Whether this is the place of a state in a model."""
    return isinstance(leaf, eqx.nn.StateIndex)


def one_of(stacked: Any, index: Any) -> Any:
    """The layers at `index` among stacked ones."""
    return jax.tree.map(
        lambda leaf: (
            leaf[index] if eqx.is_array(leaf) or isinstance(leaf, InitialStatistic) else leaf
        ),
        stacked,
    )
