"""A checked run: its data beside each other, and how long it goes."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from kernelc._errors import DataError
from kernelc.data import Parts, Rows, part, parts, split
from kernelc.training._check import compared
from kernelc.training._losses import Loss
from kernelc.training._settings import FitSettings
from kernelc.training._source import Source


@dataclass(frozen=True, eq=False)
class Plan:
    """What to train on, what to choose by, what to test on, and the settings of the run.

    Arguments:
        train, validation, test: the parts of the data, on the device where they fit.
        answers: how many answers of an example are right or wrong; 0 for none.
        batch_size: examples in a step.
        settings: the checked settings.
        convolves: whether the model convolves.
    """

    train: Source
    validation: Source | None
    test: Source | None
    answers: int
    batch_size: int
    settings: FitSettings
    convolves: bool


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
    return Parts(train, *others), answers


def _pair(asked: object) -> tuple[ArrayLike | Rows, ArrayLike]:
    if not isinstance(asked, tuple | list) or len(asked) != 2:
        raise DataError(
            where="validation",
            found=type(asked).__name__,
            law="A validation part is a pair (x, y), or a share of the training part",
            remedy="Pass for example validation=0.2",
        )
    return asked[0], asked[1]
