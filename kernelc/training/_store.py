"""Checkpoints as files: arrays and a text by step, written by Orbax and checked when read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
from jaxtyping import PyTree

from kernelc._errors import LoadError
from kernelc._packages import needed
from kernelc.training._identity import digest
from kernelc.training._lock import unwritable
from kernelc.training._result import JSONObject


_KEPT = 2


class Store:
    """The checkpoints in a folder. Nothing in them is evaluated or unpickled.

    Arguments:
        folder: where they are.

    Raises: PackageError when Orbax is not installed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._orbax = _orbax()

    def write(self, step: int, trees: Mapping[str, PyTree], text: JSONObject) -> None:
        """Stores a step, whole or not at all; the two newest are kept.

        Raises: KernelcError when it cannot be written.
        """
        args = self._orbax.args
        named = {name: _named(tree) for name, tree in trees.items()}
        digests = {
            name: {path: digest(leaf) for path, leaf in leaves.items()}
            for name, leaves in named.items()
        }
        content = {"text": dict(text), "digests": digests}
        log = {"content": content, "digest": _of_text(content)}
        items = {name: args.StandardSave(leaves) for name, leaves in named.items()}
        try:
            with self._manager(writes=True) as manager:
                manager.save(step, args=args.Composite(log=args.JsonSave(log), **items))
        except Exception as error:
            # Full disks and folders that are gone come as errors of many kinds, from Orbax, its
            # storage and the system: the reason is told, and the original stays attached.
            raise unwritable(self.folder, error) from error

    def latest(self) -> int | None:
        """The newest step; None where there is no checkpoint."""
        if not self.folder.is_dir():
            return None
        with _Reading(self.folder), self._manager() as manager:
            return manager.latest_step()

    def text(self, step: int) -> JSONObject:
        """The text of a step. Raises: LoadError when it cannot be read."""
        return self._log(step)["text"]

    def read(self, step: int, like: Mapping[str, PyTree]) -> dict[str, PyTree]:
        """Trees of arrays of a step.

        Arguments:
            step: one that is there.
            like: trees of the same structure, shapes and placement.

        Raises: LoadError when they cannot be read, or are not what was written.
        """
        args = self._orbax.args
        digests = self._log(step)["digests"]
        items = {name: args.StandardRestore(_described(tree)) for name, tree in like.items()}
        with _Reading(self.folder, step), self._manager() as manager:
            found = manager.restore(step, args=args.Composite(**items))
            trees = {}
            for name, tree in like.items():
                leaves = found[name]
                for path, leaf in leaves.items():
                    if digest(leaf) != digests[name][path]:
                        raise ValueError(f"{path} holds other values than were written")
                ordered = [leaves[path] for path in _named(tree)]
                trees[name] = jax.tree.unflatten(jax.tree.structure(tree), ordered)
        return trees

    def _log(self, step: int) -> JSONObject:
        args = self._orbax.args
        with _Reading(self.folder, step), self._manager() as manager:
            log = manager.restore(step, args=args.Composite(log=args.JsonRestore())).log
            if _of_text(log["content"]) != log["digest"]:
                raise ValueError("the log is not what was written")
            return log["content"]

    def _manager(self, writes: bool = False) -> Any:
        options = self._orbax.CheckpointManagerOptions(
            max_to_keep=_KEPT if writes else None,
            enable_async_checkpointing=False,
            # What a killed run has left unfinished is removed, but not beside one that writes.
            cleanup_tmp_directories=writes,
            create=writes,
        )
        return self._orbax.CheckpointManager(self.folder, options=options)


class _Reading:
    """Turns what Orbax, its storage and its parsers raise on damaged files into one error."""

    def __init__(self, folder: Path, step: int | None = None) -> None:
        self._folder, self._step = folder, step

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not isinstance(error, Exception):
            return
        step = "" if self._step is None else f", step {self._step}"
        remedy = "check the path, or choose another folder"
        if self._step is not None:
            remedy = f"delete the folder {self._step} in it to go on from an earlier one"
        raise LoadError(
            where=f"checkpoint {self._folder}{step}",
            found=f"{type(error).__name__}: {str(error)[:200]}",
            law="a checkpoint is read back as it was written",
            remedy=remedy,
        ) from error


def _named(tree: PyTree) -> JSONObject:
    """The arrays by path, which also says what they are: /params/nodes/3/module/weight."""
    found, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {f"{i:05d}{_path(path)}": leaf for i, (path, leaf) in enumerate(found)}


def _path(path: tuple[object, ...]) -> str:
    text = jax.tree_util.keystr(path, simple=True, separator=".")
    # Names are folders or keys of a store: letters, digits, dots and underscores only.
    return "." + "".join(c if c.isalnum() or c == "." else "_" for c in text)


def _described(tree: PyTree) -> dict[str, jax.ShapeDtypeStruct]:
    return {
        path: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding)
        for path, leaf in _named(tree).items()
    }


def _of_text(content: JSONObject) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def _orbax() -> Any:
    # Takes seconds to import, and only runs with checkpoints need it.
    return needed("orbax.checkpoint", extra="checkpoint", use="checkpoints")
