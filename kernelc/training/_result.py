"""The result of a training run, and the log of a run in progress."""

from __future__ import annotations

import math
import os
import time
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, PyTree

from .._packages import needed
from .._writing import written


if TYPE_CHECKING:
    from matplotlib.axes import Axes

JSONObject = dict[str, Any]
"""What JSON has in braces."""


@dataclass(frozen=True)
class Metrics:
    """Mean loss and accuracy over `count` examples.

    Accuracy is the share of labels met by the largest output, or of answers of
    `"binary_cross_entropy"` met by the sign of theirs; None where targets are numbers.

    Of cross-entropy, mean −ln p of a label in nats, two more forms are told, None of other losses:
    `bits_per_byte` = loss / ln 2, where labels are bytes (bits per label where they are others),
    and `perplexity` = exp(loss).

    Example:
        >>> Metrics(loss=1.3863, accuracy=0.25, count=8, nats=True).perplexity
        4.0000225...
    """

    loss: float
    accuracy: float | None
    count: int
    nats: bool = field(default=False, repr=False)

    @property
    def bits_per_byte(self) -> float | None:
        """loss / ln 2 of cross-entropy."""
        return self.loss / math.log(2) if self.nats else None

    @property
    def perplexity(self) -> float | None:
        """exp(loss) of cross-entropy; infinity where that is beyond all floats."""
        return float(np.exp(np.float64(self.loss))) if self.nats else None


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
    """A trained model and the record of its training.

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

    # The repr of a deep model has thousands of lines.
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
        told = (each.name for each in fields(self) if each.name not in ("model", "state"))
        return {name: _plain(getattr(self, name)) for name in told}

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draws loss and accuracy over steps into a file (png, svg or pdf by its ending)."""
        # Imported here: matplotlib takes long to load, and training does not need it.
        needed("matplotlib", extra="plot", use="pictures")
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        # Figure with its own canvas: pyplot would keep every figure and may ask for a display.
        scored = any(record.train_accuracy is not None for record in self.history)
        figure = Figure(figsize=(9 if scored else 5, 3.5), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(1, 2 if scored else 1, squeeze=False)[0]
        panels[0].plot(np.arange(1, len(self.losses) + 1), self.losses, lw=0.7, label="batch")
        for part in ("validation", "test"):
            self._curve(panels[0], f"{part}_loss", part)
        panels[0].set(xlabel="step", ylabel="loss")
        # A logarithmic axis shows loss over decades, and cannot show zero.
        finite = self.losses[np.isfinite(self.losses)]
        if finite.size and finite.min() > 0:
            panels[0].set_yscale("log")
        for part in ("train", "validation", "test") if scored else ():
            self._curve(panels[1], f"{part}_accuracy", part)
            panels[1].set(xlabel="step", ylabel="accuracy", ylim=(-0.02, 1.02))
        for axes in panels:
            axes.legend(frameon=False)
        figure.suptitle(self.message, fontsize=9)
        written(path, lambda: figure.savefig(path))

    def _curve(self, axes: Axes, name: str, label: str) -> None:
        """One number of the records against steps, where there is one."""
        found = [(record.step, getattr(record, name)) for record in self.history]
        found = [(step, value) for step, value in found if value is not None]
        if found:
            axes.plot(*zip(*found, strict=True), "o-", ms=3, label=label)


def _plain(value: object) -> object:
    """Dataclasses, tuples and arrays as JSON holds them; None for what is not finite."""
    if isinstance(value, np.ndarray):
        value = tuple(value.tolist())
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Record | Metrics):
        found = {name: _plain(each) for name, each in asdict(value).items()}
        if found.pop("nats", False):
            for name in ("bits_per_byte", "perplexity"):
                found[name] = _plain(getattr(value, name))
        return found
    return None if isinstance(value, float) and not math.isfinite(value) else value


@dataclass
class Log:
    """The numbers of a run up to now, which a checkpoint stores beside the arrays."""

    start: float = field(default_factory=time.perf_counter)
    losses: list[float] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    history: list[Record] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.start

    @property
    def diverged(self) -> bool:
        """Whether the last loss is not finite."""
        return bool(self.losses) and not np.isfinite(self.losses[-1])

    @property
    def noted(self) -> int:
        """The step of the last record."""
        return self.history[-1].step if self.history else 0

    @property
    def best(self) -> int:
        """Which record has the lowest validation loss, the first of equals; -1 where none has."""
        losses = [_finite(record.validation_loss) for record in self.history]
        return int(np.argmin(losses)) if losses and min(losses) < np.inf else -1

    @property
    def best_step(self) -> int | None:
        """The step of that record."""
        return self.history[self.best].step if self.best >= 0 else None

    def waited(self) -> int:
        """The number of records since the best."""
        return len(self.history) - 1 - self.best

    def stored(self) -> JSONObject:
        """As JSON."""
        return {
            "seconds": self.seconds,
            "losses": self.losses,
            "right": self.right,
            "history": [asdict(record) for record in self.history],
        }

    @classmethod
    def of(cls, stored: JSONObject) -> Log:
        """The inverse of `stored`; the clock goes on."""
        history = [Record(**record) for record in stored["history"]]
        start = time.perf_counter() - stored["seconds"]
        return cls(start, stored["losses"], stored["right"], history)


def _finite(loss: float | None) -> float:
    return loss if loss is not None and np.isfinite(loss) else np.inf
