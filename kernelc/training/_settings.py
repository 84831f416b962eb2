"""FitSettings: the arguments of `fit` beside model and data, checked once."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import optax
from jax.sharding import Mesh
from jaxtyping import PRNGKeyArray, PyTree
from numpy.typing import ArrayLike

from kernelc._errors import DataError
from kernelc.curvature import KFAC
from kernelc.data import Rows
from kernelc.modules import as_key, seed_of
from kernelc.training._check import check_batch, check_callback, check_count
from kernelc.training._losses import Loss
from kernelc.training._result import Record


Optimizer = optax.GradientTransformation | KFAC
Callback = Callable[[Record, PyTree, PyTree], object]
Keep = Literal["last", "best"]
Validation = float | tuple[ArrayLike | Rows, ArrayLike]


@dataclass(frozen=True, eq=False, kw_only=True)
class FitSettings:
    """A run as `fit` describes it, checked once: whatever a run does reads this value.

    Arguments:
        optimizer, steps, batch_size, key, loss, eval_every, train_examples, progress, state,
            callback, mesh, checkpoint, validation, keep, patience: as in `fit`.
        adjust: changes the optimizer's initial state.

    Raises: DataError for values out of range.
    """

    optimizer: Optimizer
    steps: int
    batch_size: int | None
    key: PRNGKeyArray | int
    loss: Loss
    eval_every: int | None
    train_examples: int
    progress: bool | None
    state: PyTree
    callback: Callback | None = None
    mesh: Mesh | None = None
    checkpoint: str | os.PathLike[str] | None = None
    validation: Validation | None = None
    keep: Keep = "last"
    patience: int | None = None
    adjust: Callable[[PyTree], PyTree] = lambda opt_state: opt_state

    def __post_init__(self) -> None:
        # Counts may be NumPy's: a file of the run holds plain ones.
        self._count("steps")
        if self.keep not in ("last", "best"):
            raise DataError(
                where="keep",
                found=repr(self.keep),
                law='A run keeps the parameters of its "last" or of its "best" step',
                remedy='Pass "best" for the step of the lowest validation loss',
            )
        check_callback(self.callback)
        object.__setattr__(self, "key", as_key("fit", self.key))
        if self.eval_every is not None:
            self._count("eval_every")
        self._count("train_examples")
        if self.patience is not None:
            self._count("patience")

    def _count(self, name: str) -> None:
        object.__setattr__(self, name, check_count(name, getattr(self, name)))

    @property
    def seed(self) -> int:
        """The seed of what is drawn on the host: the order of batches, a share to validate on."""
        return seed_of(as_key("fit", self.key))

    @property
    def record_every(self) -> int:
        """Steps between records of the history."""
        return max(1, self.steps // 10) if self.eval_every is None else self.eval_every

    @property
    def share(self) -> float | None:
        """The share of the training part to validate on, where one is asked for."""
        if isinstance(self.validation, int | float | np.number):
            return float(self.validation)
        return None

    def batch_of(self, count: int) -> int:
        """Examples in a step on a training part of `count`; DataError where there are too few."""
        usual = getattr(self.optimizer, "default_batch_size", 128)
        return check_batch(min(usual, count) if self.batch_size is None else self.batch_size, count)
