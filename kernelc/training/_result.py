"""What a training run leaves behind."""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, PyTree

from kernelc.training._plot import loss_curves


@dataclass(frozen=True)
class Metrics:
    """Mean loss and accuracy over `count` examples; accuracy is NaN without labels."""

    loss: float
    accuracy: float
    count: int


@dataclass(frozen=True)
class Record:
    """One line of a run's history.

    Arguments:
        step: steps done.
        loss, train_accuracy: means over the training batches since the last record, each
            batch measured as it was trained on.
        test_loss, test_accuracy: over the whole test part; NaN when there is none.
        seconds: since the start of the run, compilation included.
    """

    step: int
    loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    seconds: float


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
        steps: steps run; fewer than asked when the run diverged or the callback ended it.
        seconds: the whole run, compilation included.
        diverged: whether the loss stopped being finite.
        message: one sentence on how the run ended.
    """

    # Printed whole, a deep model is thousands of lines.
    model: PyTree = field(repr=False)
    state: Any = field(repr=False)
    history: tuple[Record, ...]
    losses: Float[np.ndarray, " steps"] = field(repr=False)
    train: Metrics
    test: Metrics | None
    steps: int
    seconds: float
    diverged: bool
    message: str

    def to_dict(self) -> dict[str, Any]:
        """All but model and state as plain values that JSON can hold; NaN becomes None."""
        return {
            "history": [_plain(asdict(record)) for record in self.history],
            "losses": [_finite(float(loss)) for loss in self.losses],
            "train": _plain(asdict(self.train)),
            "test": None if self.test is None else _plain(asdict(self.test)),
            "steps": self.steps,
            "seconds": self.seconds,
            "diverged": self.diverged,
            "message": self.message,
        }

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draws loss and accuracy over steps into a file (png, svg or pdf by its ending)."""
        loss_curves(self, path)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _finite(value) for name, value in values.items()}
