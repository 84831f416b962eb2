"""Checkpoints of a run: all that changes while training."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from jaxtyping import PyTree

from kernelc._errors import LoadError
from kernelc.training._compare import differences
from kernelc.training._identity import Identity
from kernelc.training._lock import locked
from kernelc.training._result import JSONObject
from kernelc.training._step import Carry
from kernelc.training._store import Store


class Stored(NamedTuple):
    """A run as it was stored: carry, parameters and state of the best record, and log."""

    carry: Carry
    best: tuple[PyTree, PyTree] | None
    log: JSONObject


class Checkpoints:
    """The checkpoints of one run in one folder, which is held while the run is under way.

    Stored are the arrays of the carry (parameters, optimizer state, model state, step), those of
    the best record where it is kept, and the losses and records so far. Batches and keys are
    functions of seed and step, so nothing else is needed for the continued run to equal the
    uninterrupted one bit for bit.

    Arguments:
        folder: where they are; made when it is not there.
        known: what a run must share with the one that was stored.

    Raises: PackageError when Orbax is not installed.
    """

    def __init__(self, folder: str | os.PathLike[str], known: Identity) -> None:
        self.folder, self.known = Path(folder).resolve(), known
        self._store = Store(self.folder)
        self._held = ExitStack()

    def __enter__(self) -> Checkpoints:
        """Holds the folder. Raises: LoadError for one that another run holds."""
        self._held.enter_context(locked(self.folder))
        return self

    def __exit__(self, *raised: object) -> None:
        self._held.close()

    def latest(self, carry: Carry, best: tuple[PyTree, PyTree] | None, steps: int) -> Stored | None:
        """What was last saved; None where there is nothing yet.

        Arguments:
            carry, best: of the same structure, shapes and placement.
            steps: how many are asked for.

        Raises: LoadError when the folder holds another run, more steps than are asked for, or no
            readable checkpoint.
        """
        step = self._store.latest()
        if step is None:
            return None
        text = self._store.text(step)
        self._require_same(text["identity"])
        if step > steps:
            raise LoadError(
                where=f"checkpoint {self.folder}",
                found=f"a run of {step} steps, where {steps} are asked for",
                law="A run goes on from its newest checkpoint, and never back",
                remedy=f"Ask for {step} steps or more, read the model with kernelc.restore, or "
                "choose another folder",
            )
        trees = self._store.read(step, _trees(carry, best))
        params, state = trees["model"]
        opt_state, count = trees["optimizer"]
        return Stored(Carry(params, opt_state, state, count), trees.get("best"), text["run"])

    def save(
        self, step: int, carry: Carry, best: tuple[PyTree, PyTree] | None, log: JSONObject
    ) -> None:
        """Stores a carry and a log that JSON can hold; the two newest are kept.

        Raises: KernelcError when it cannot be written.
        """
        self._store.write(step, _trees(carry, best), {"identity": self.known, "run": log})

    def _require_same(self, stored: Identity) -> None:
        unlike = differences(stored, self.known)
        if unlike:
            raise LoadError(
                where=f"checkpoint {self.folder}",
                found=f"the stored run has {'; '.join(unlike)}",
                law="A folder holds one run, which goes on with the model, initial weights, loss, "
                "optimizer, data, batch size and key it had",
                remedy="Choose another folder, or delete this one to start over",
            )


def _trees(carry: Carry, best: tuple[PyTree, PyTree] | None) -> dict[str, PyTree]:
    found = {"model": (carry.params, carry.state), "optimizer": (carry.opt_state, carry.step)}
    return found if best is None else {**found, "best": best}
