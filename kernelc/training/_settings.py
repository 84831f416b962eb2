"""How a run is asked for: the arguments of `fit` beside model and data, checked once."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import optax
from jax.sharding import Mesh
from jaxtyping import PyTree

from kernelc._errors import DataError
from kernelc.curvature import KFAC
from kernelc.training._check import check_callback, check_count
from kernelc.training._losses import Loss, Named, resolve
from kernelc.training._result import Record


Optimizer = optax.GradientTransformation | KFAC
Callback = Callable[[Record, PyTree, Any], Any]
Keep = Literal["last", "best"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Settings:
    """A run as `fit` describes it; `adjust` changes the optimizer's initial state."""

    optimizer: Optimizer
    steps: int
    batch_size: int | None
    seed: int
    loss: Named | Loss
    eval_every: int | None
    train_examples: int
    progress: bool | None
    state: Any
    callback: Callback | None = None
    mesh: Mesh | None = None
    checkpoint: str | os.PathLike[str] | None = None
    validation: Any = None
    keep: Keep = "last"
    patience: int | None = None
    adjust: Callable[[PyTree], PyTree] = lambda opt_state: opt_state

    @property
    def function(self) -> Loss:
        """The loss."""
        return resolve(self.loss)

    @property
    def usual_batch(self) -> int:
        """Examples in a step where no number is asked for."""
        return getattr(self.optimizer, "default_batch_size", 128)

    def checked(self) -> Settings:
        """The settings with their numbers as plain ones; DataError for values out of range."""
        resolve(self.loss)
        steps = check_count("steps", self.steps)
        every = max(1, steps // 10) if self.eval_every is None else self.eval_every
        if self.keep not in ("last", "best"):
            raise DataError(
                where="keep",
                found=repr(self.keep),
                law='A run keeps the parameters of its "last" or of its "best" step',
                remedy='Pass "best" for the step of the lowest validation loss',
            )
        check_callback(self.callback)
        return dataclasses.replace(
            self,
            steps=steps,
            seed=check_count("seed", self.seed, least=0),
            eval_every=check_count("eval_every", every),
            train_examples=check_count("train_examples", self.train_examples),
            patience=None if self.patience is None else check_count("patience", self.patience),
        )

    @property
    def share(self) -> float | None:
        """The share of the training part to validate on, where one is asked for."""
        number = isinstance(self.validation, int | float | np.number)
        return float(self.validation) if number else None
