"""Checkpoints of a run: all that changes while training, stored by Orbax."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from kernelc._errors import KernelcError, LoadError
from kernelc._packages import needed
from kernelc.data import Rows
from kernelc.training._step import Carry


_KEPT = 2


class Checkpoints:
    """The checkpoints of one run in one folder.

    Stored are the arrays of the carry (parameters, optimiser state, model state, step) and the
    losses and records so far. Batches and keys are functions of seed and step, so nothing else
    is needed for the continued run to equal the uninterrupted one bit for bit. Nothing in a
    checkpoint is evaluated or unpickled.

    Arguments:
        folder: where they are; made when the first one is saved.
        identity: what a run must share with the one that was stored: seed, batch size, data.

    Raises: PackageError when Orbax is not installed.
    """

    def __init__(self, folder: str | os.PathLike[str], identity: Mapping[str, Any]) -> None:
        self.folder, self.identity = Path(folder).resolve(), dict(identity)
        self._orbax = _orbax()

    def latest(self, carry: Carry) -> tuple[Carry, dict[str, Any]] | None:
        """The carry and the log last saved; None where there is nothing yet.

        Arguments:
            carry: one of the same structure, shapes and placement.

        Raises: LoadError when the folder holds another run, or no readable checkpoint.
        """
        if not self.folder.exists():
            return None
        args = self._orbax.args
        with self._manager() as manager:
            step = manager.latest_step()
            if step is None:
                return None
            try:
                log = manager.restore(step, args=args.Composite(log=args.JsonRestore())).log
                self._require_same(log["identity"], carry)
                like = args.StandardRestore(_named(carry, _description))
                found = manager.restore(step, args=args.Composite(carry=like)).carry
            except KernelcError:
                raise
            except Exception as error:
                # Orbax, its storage and its parsers raise errors of many kinds on damaged files:
                # the folder at fault is told, and the original stays attached.
                raise LoadError(
                    where=f"checkpoint {self.folder}, step {step}",
                    found=f"{type(error).__name__}: {str(error)[:200]}",
                    law="a checkpoint is read back as it was written",
                    remedy=f"delete the folder {step} in it to go on from an earlier one",
                ) from error
        leaves = [found[name] for name in _named(carry, lambda leaf: None)]
        return jax.tree.unflatten(jax.tree.structure(carry), leaves), log["run"]

    def save(self, step: int, carry: Carry, log: Mapping[str, Any]) -> None:
        """Stores a carry and a log that JSON can hold; the two newest are kept."""
        args = self._orbax.args
        identity = {**self.identity, "arrays": _digest(carry)}
        arrays = args.StandardSave(_named(carry, lambda leaf: leaf))
        text = args.JsonSave({"identity": identity, "run": dict(log)})
        with self._manager() as manager:
            manager.save(step, args=args.Composite(carry=arrays, log=text))

    def _manager(self) -> Any:
        options = self._orbax.CheckpointManagerOptions(
            max_to_keep=_KEPT, enable_async_checkpointing=False
        )
        return self._orbax.CheckpointManager(self.folder, options=options)

    def _require_same(self, stored: Mapping[str, Any], carry: Carry) -> None:
        wanted = {**self.identity, "arrays": _digest(carry)}
        unlike = [name for name, value in wanted.items() if stored.get(name) != value]
        if unlike:
            told = ", ".join(f"{name} {stored.get(name)!r} for {wanted[name]!r}" for name in unlike)
            raise LoadError(
                where=f"checkpoint {self.folder}",
                found=told,
                law="a run goes on with the model, optimiser, seed, batch size and data it had",
                remedy="choose another folder, or delete this one to start over",
            )


def _named(carry: Carry, value: Any) -> dict[str, Any]:
    """The arrays by path, which also says what they are: /params/nodes/3/module/weight."""
    found, _ = jax.tree_util.tree_flatten_with_path(carry)
    return {f"{i:05d}{_path(path)}": value(leaf) for i, (path, leaf) in enumerate(found)}


def _path(path: tuple[Any, ...]) -> str:
    text = jax.tree_util.keystr(path, simple=True, separator=".")
    # Names are folders or keys of a store: letters, digits, dots and underscores only.
    return "." + "".join(c if c.isalnum() or c == "." else "_" for c in text)


def _description(leaf: jax.Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding)


def _digest(carry: Carry) -> str:
    """Of the names, shapes and types of all arrays."""
    arrays = _named(carry, lambda leaf: [list(leaf.shape), str(leaf.dtype)])
    return hashlib.sha256(json.dumps(arrays).encode()).hexdigest()[:16]


def data_digest(x: np.ndarray | Rows, y: np.ndarray) -> str:
    """Of the values of data, or of what they depend on where they are made on demand."""
    total = hashlib.sha256()
    parts = (x.where, str(x.shape), *x.depends) if isinstance(x, Rows) else (x,)
    for part in (*parts, y):
        if isinstance(part, str):
            total.update(repr(part).encode())
        else:
            total.update(str((part.shape, str(part.dtype))).encode())
            total.update(np.ascontiguousarray(part).data)
    return total.hexdigest()[:16]


def _orbax() -> Any:
    # Takes seconds to import, and only runs with checkpoints need it.
    return needed("orbax.checkpoint", extra="checkpoint", use="fit(checkpoint=...)")
