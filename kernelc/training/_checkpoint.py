"""Checkpoints of a run: everything that changes during training."""

from __future__ import annotations

import os
from typing import NamedTuple

from jaxtyping import PyTree

from .._errors import LoadError
from ._compare import differences
from ._identity import Identity
from ._result import JSONObject
from ._step import Carry
from ._store import Store, place_of


Best = tuple[PyTree, PyTree] | None
"""Parameters and state of the best record."""


class Stored(NamedTuple):
    """A run as it was stored."""

    carry: Carry
    best: Best
    log: JSONObject


class Checkpoints:
    """The checkpoints of one run in one folder, which is to be `locked` during the run.

    Stored are the arrays of the carry (parameters, optimizer state, model state, step), those of
    the best record where it is kept, and the losses and records so far. Batches and keys are
    functions of seed and step, so nothing else is needed for the continued run to equal the
    uninterrupted one bit for bit. `known` is what a run must share with the one that was stored.

    Raises: PackageError when Orbax is not installed.
    """

    def __init__(self, folder: str | os.PathLike[str], known: Identity) -> None:
        self.folder, self.known = place_of(folder), known
        self._store = Store(self.folder)

    def latest(self, carry: Carry, best: Best, steps: int) -> Stored | None:
        """What was last saved, in the structure of `carry` and `best`; None where there is nothing.

        Raises: LoadError when the folder holds another run, more than `steps` steps, or no
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

    def save(self, step: int, carry: Carry, best: Best, log: JSONObject) -> None:
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


def _trees(carry: Carry, best: Best) -> dict[str, PyTree]:
    found = {"model": (carry.params, carry.state), "optimizer": (carry.opt_state, carry.step)}
    return found if best is None else {**found, "best": best}
