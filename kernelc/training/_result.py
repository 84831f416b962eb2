"""What a training run leaves behind."""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, PyTree

from kernelc.training._plot import loss_curves


JSONObject = dict[str, Any]
"""What JSON has in braces."""


@dataclass(frozen=True)
class Metrics:
    """Mean loss and accuracy over `count` examples.

    Accuracy is the share of labels met by the largest output, or of answers of
    `"binary_cross_entropy"` met by the sign of theirs; None where targets are numbers.
    """

    loss: float
    accuracy: float | None
    count: int


@dataclass(frozen=True)
class Record:
    """One line of a run's history.

    Arguments:
        step: steps done.
        loss, train_accuracy: means over the training batches since the last record, each
            batch measured as it was trained on.
        test_loss, test_accuracy: over the whole test part; None when there is none.
        seconds: since the start of the run, compilation included.
        validation_loss, validation_accuracy: over the whole validation part; None when there is
            none.

    An accuracy is None where targets are numbers, see `Metrics`.
    """

    step: int
    loss: float
    train_accuracy: float | None
    test_loss: float | None
    test_accuracy: float | None
    seconds: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None


@dataclass(frozen=True, eq=False)
class FitResult:
    """A trained model and how it came about.

    Arguments:
        model: the trained model, of the structure of the one given.
        state: its final state, None for a model without.
        history: one `Record` every `eval_every` steps and one for the last step.
        losses: the loss of every step, shape (steps run,).
        train: final metrics on the training part (the first `train_examples` of it).
        test: final metrics on the test part, None when there is none.
        steps: steps run; fewer than asked when the run diverged, was interrupted, or was ended
            by the callback or by patience.
        seconds: the whole run, compilation included.
        diverged: whether the loss stopped being finite.
        message: one sentence on how the run ended.
        validation: final metrics on the validation part, None when there is none.
        best_step: the step of the record with the lowest validation loss; None without one. With
            `keep="best"` model, state and metrics are those of this step.
        interrupted: whether Ctrl-C ended the run.
    """

    # Printed whole, a deep model is thousands of lines.
    model: PyTree = field(repr=False)
    state: PyTree = field(repr=False)
    history: tuple[Record, ...]
    losses: Float[np.ndarray, " steps"] = field(repr=False)
    train: Metrics
    test: Metrics | None
    steps: int
    seconds: float
    diverged: bool
    message: str
    validation: Metrics | None = None
    best_step: int | None = None
    interrupted: bool = False

    def to_dict(self) -> JSONObject:
        """All but model and state as plain values that JSON can hold; NaN becomes None."""
        return {
            "history": [_plain(asdict(record)) for record in self.history],
            "losses": [_finite(float(loss)) for loss in self.losses],
            "train": _plain(asdict(self.train)),
            "validation": None if self.validation is None else _plain(asdict(self.validation)),
            "test": None if self.test is None else _plain(asdict(self.test)),
            "best_step": self.best_step,
            "steps": self.steps,
            "seconds": self.seconds,
            "diverged": self.diverged,
            "interrupted": self.interrupted,
            "message": self.message,
        }

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draws loss and accuracy over steps into a file (png, svg or pdf by its ending)."""
        loss_curves(self, path)


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(values: JSONObject) -> JSONObject:
    return {name: _finite(value) for name, value in values.items()}
