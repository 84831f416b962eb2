"""Checkpoints as files: arrays and a text by step, written by Orbax and checked when read."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import jax
from jaxtyping import PyTree

from .._errors import KernelcError, LoadError, reason, shown
from .._packages import needed
from ._identity import digest
from ._result import JSONObject


if TYPE_CHECKING:
    from orbax.checkpoint import CheckpointManager

try:
    import fcntl
except ImportError:  # Windows, where folders are not locked
    fcntl = None

_KEPT = 2
_LOCK = "run.lock"
# Seconds for arrays that are read while another one turns out to be damaged.
_PATIENCE = 60.0


def place_of(folder: object) -> Path:
    """The absolute path of a folder of checkpoints, which need not be there.

    Raises: LoadError for what is no path.
    """
    cause, found = None, f"a folder of type {type(folder).__name__}"
    if isinstance(folder, str | os.PathLike):
        try:
            return Path(folder).resolve()
        except (OSError, TypeError, ValueError) as error:
            cause, found = error, f"{shown(folder)}: {reason(error)}"
    raise LoadError(
        where="checkpoint",
        found=found,
        law="Checkpoints are in a folder",
        remedy="Pass the path of one, a string or a pathlib.Path",
    ) from cause


class Store:
    """The checkpoints in a folder. Nothing in them is evaluated or unpickled.

    Raises: PackageError when Orbax is not installed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Takes seconds to import, and only runs with checkpoints need it.
        self._orbax = needed("orbax.checkpoint", extra="checkpoint", use="checkpoints")

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
            # Full disks and missing folders raise errors of many kinds, from Orbax, its storage and
            # the system; the original error is attached.
            raise unwritable(self.folder, error) from error

    def latest(self) -> int | None:
        """The newest step; None where there is no checkpoint."""
        if not os.path.isdir(self.folder):
            return None
        with _reading(self.folder), self._manager() as manager:
            return manager.latest_step()

    def text(self, step: int) -> JSONObject:
        """The text of a step. Raises: LoadError when it cannot be read."""
        return self._log(step)["text"]

    def read(self, step: int, like: Mapping[str, PyTree]) -> dict[str, PyTree]:
        """Trees of arrays of a step, of the structure, shapes and placement of those in `like`.

        Raises: LoadError when they cannot be read, or are not what was written.
        """
        args = self._orbax.args
        digests = self._log(step)["digests"]
        items = {name: args.StandardRestore(_described(tree)) for name, tree in like.items()}
        with _reading(self.folder, step), self._manager() as manager:
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
        with _reading(self.folder, step), self._manager() as manager:
            log = manager.restore(step, args=args.Composite(log=args.JsonRestore())).log
            if _of_text(log["content"]) != log["digest"]:
                raise ValueError("the log is not what was written")
            return log["content"]

    def _manager(self, writes: bool = False) -> CheckpointManager:
        options = self._orbax.CheckpointManagerOptions(
            max_to_keep=_KEPT if writes else None,
            enable_async_checkpointing=False,
            # Removes what a killed run left unfinished; readers must not, beside a run that writes.
            cleanup_tmp_directories=writes,
            create=writes,
        )
        return self._orbax.CheckpointManager(self.folder, options=options)


@contextmanager
def _reading(folder: Path, step: int | None = None) -> Iterator[None]:
    """Turns what Orbax, its storage and its parsers raise on damaged files into one error."""
    made = asyncio.new_event_loop
    asyncio.new_event_loop = WaitingLoop
    try:
        yield
    except Exception as error:
        remedy = "check the path, or choose another folder"
        if step is not None:
            remedy = f"delete the folder {step} in it to go on from an earlier one"
        raise LoadError(
            where=f"checkpoint {folder}" + ("" if step is None else f", step {step}"),
            found=f"{type(error).__name__}: {str(error)[:200]}",
            law="a checkpoint is read back as it was written",
            remedy=remedy,
        ) from error
    finally:
        asyncio.new_event_loop = made


class WaitingLoop(asyncio.SelectorEventLoop):
    """An event loop that waits for what still runs before it closes.

    Orbax reads all arrays at once, on a loop that it closes as soon as one of them is damaged.
    The threads that read the others would then print "Event loop is closed", one by one.
    """

    def close(self) -> None:
        under_way = set() if self.is_closed() else asyncio.all_tasks(self)
        if under_way and not self.is_running():
            self.run_until_complete(asyncio.wait(under_way, timeout=_PATIENCE))
            for task in under_way:
                # Asyncio prints an error that nobody has asked for.
                if task.done() and not task.cancelled():
                    task.exception()
        super().close()


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


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Makes the folder and locks it; the system unlocks it when the process ends, killed or not.

    Raises:
        LoadError: another run has locked the folder.
        KernelcError: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        _hold(file, folder)
        yield
    finally:
        os.close(file)


def _hold(file: int, folder: Path) -> None:
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
    except BlockingIOError as error:
        raise LoadError(
            where=f"checkpoint {folder}",
            found=f"another run that is under way, in process {os.read(file, 20).decode().strip()}",
            law="A folder holds one run, and one process writes it",
            remedy="Wait for its end, or choose another folder",
        ) from error
    except OSError as error:
        raise unwritable(folder, error) from error


def unwritable(folder: Path, error: BaseException) -> KernelcError:
    """The error for a checkpoint that cannot be written."""
    said = getattr(error, "strerror", None) or reason(error)[:200]
    return KernelcError(
        where=f"checkpoint {folder}",
        found=f"{type(error).__name__}: {said}",
        law="A checkpoint is written to a folder that takes it, whole or not at all",
        remedy="Free space or choose another folder; what was stored before is kept",
    )
