"""The arguments of `fit`, checked once, and the parts of the data beside each other."""

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

from .._errors import DataError
from ..curvature import KFAC
from ..data import Parts, Rows, Weighted, part, parts, split
from ..modules import as_key, seed_of
from ._check import check_callback, check_count, compared, require_counted
from ._losses import Loss
from ._result import Record
from ._source import Source


Optimizer = optax.GradientTransformation | KFAC
Callback = Callable[[Record, PyTree, PyTree], object]
Keep = Literal["last", "best"]
Validation = float | tuple[ArrayLike | Rows, ArrayLike | Weighted]


@dataclass(frozen=True, eq=False, kw_only=True)
class FitSettings:
    """A run as `fit` describes it; `adjust` changes the optimizer's initial state.

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
        if self.keep not in ("last", "best"):
            raise DataError(
                where="keep",
                found=repr(self.keep),
                law='A run keeps the parameters of its "last" or of its "best" step',
                remedy='Pass "best" for the step of the lowest validation loss',
            )
        check_callback(self.callback)
        object.__setattr__(self, "key", as_key("fit", self.key))
        # Counts may be NumPy's: a file of the run holds plain ones.
        for name in ("steps", "eval_every", "train_examples", "patience"):
            value = getattr(self, name)
            if value is not None or name in ("steps", "train_examples"):
                object.__setattr__(self, name, check_count(name, value))

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
        asked = min(usual, count) if self.batch_size is None else self.batch_size
        size = check_count("batch_size", asked)
        if size > count:
            raise DataError(
                where="batch_size",
                found=f"{size} with {count} examples",
                law="A batch takes every example at most once",
                remedy=f"Choose a batch size of at most {count}",
            )
        return size


@dataclass(frozen=True, eq=False)
class Plan:
    """A checked run: the parts of the data, on the device where they fit, and its settings."""

    train: Source
    validation: Source | None
    test: Source | None
    answers: int  # of an example that are right or wrong; 0 for none
    batch_size: int
    settings: FitSettings
    convolves: bool
    outputs: int  # numbers that an example has as outputs


def read_parts(data: object, settings: FitSettings) -> Parts:
    """The parts of the data, with the validation part that the settings ask for."""
    found = parts(data)
    asked = settings.validation
    if asked is not None and found.validation is not None:
        raise DataError(
            where="validation",
            found="another one beside the validation part of the data",
            law="A run has one validation part",
            remedy="Leave validation= out, or pass data without that part",
        )
    if settings.share is not None:
        train, validation = split(found.train, settings.share, settings.seed)
        found = Parts(train, validation, found.test)
    elif asked is not None:
        found = found._replace(validation=part(*_pair(asked), "validation", like=found.train))
    if found.validation is None and (settings.keep == "best" or settings.patience is not None):
        raise DataError(
            where='keep="best"' if settings.keep == "best" else "patience",
            found="data without a validation part",
            law="The best step is chosen by examples that are neither trained nor tested on",
            remedy="Pass validation=0.2, or validation=(x, y)",
        )
    return found


def compare_parts(found: Parts, outputs: tuple[int, ...], loss: Loss) -> tuple[Parts, int]:
    """The parts as the loss compares them with outputs, and the answers of an example."""
    train, answers = compared(found.train, outputs, loss)
    others = [part and compared(part, outputs, loss)[0] for part in found[1:]]
    for name, each in zip(("train", "validation", "test"), (train, *others), strict=True):
        if each is not None:
            require_counted(each, f"data: {name}")
    return Parts(train, *others), answers


def _pair(asked: object) -> tuple[ArrayLike | Rows, ArrayLike | Weighted]:
    if not isinstance(asked, tuple | list) or len(asked) != 2:
        raise DataError(
            where="validation",
            found=type(asked).__name__,
            law="A validation part is a pair (x, y), or a share of the training part",
            remedy="Pass for example validation=0.2",
        )
    return asked[0], asked[1]
