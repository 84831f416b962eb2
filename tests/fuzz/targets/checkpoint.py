"""Checkpoint folders of `fit`: files damaged, removed, renamed, exchanged and doubled."""

from __future__ import annotations

import base64
import functools
import json
import shutil
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

import kernelc as kc

from ..case import Target, Wrong
from ..mutate import altered, damaged


_DATA = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)
_LABELS = (_DATA[:, 0] > 0).astype(np.int32)
_OPTIMIZER = optax.sgd(0.1)
_STEPS = 6


def _fit(steps: int, folder: Path | None) -> Any:
    return kc.fit(
        eqx.nn.Linear(3, 2, key=jax.random.key(0)),
        (_DATA, _LABELS),
        optimizer=_OPTIMIZER,
        steps=steps,
        batch_size=8,
        eval_every=2,
        progress=False,
        checkpoint=folder,
    )


@functools.cache
def stored() -> dict[str, bytes]:
    """The files of a run of four steps, by their paths in its folder."""
    folder = Path(tempfile.mkdtemp(prefix="checkpoint-"))
    try:
        _fit(4, folder / "run")
        files = (path for path in sorted((folder / "run").rglob("*")) if path.is_file())
        return {str(path.relative_to(folder / "run")): path.read_bytes() for path in files}
    finally:
        shutil.rmtree(folder)


@functools.cache
def _whole() -> list[np.ndarray]:
    return _weights(_fit(_STEPS, None).model)


def _weights(model: Any) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(model) if isinstance(leaf, jnp.ndarray)]


def draw(generator: Random) -> bytes:
    """Edits of the folder as JSON: [path, new content in base64, or null, or another path]."""
    files = stored()
    edits: list[Any] = []
    for _ in range(generator.choice((1, 1, 1, 2, 4))):
        path = generator.choice(sorted(files))
        kind = generator.random()
        if kind < 0.15:
            edits.append([path, None])
        elif kind < 0.25:
            edits.append([path, {"from": generator.choice(sorted(files))}])
        elif kind < 0.3:
            edits.append([generator.choice(("9/log", "x", "5", "99999999999999999999/a")), ""])
        elif kind < 0.5 and _document(files[path]) is not None:
            text = altered(generator, _document(files[path]))
            edits.append([path, base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()])
        else:
            edits.append([path, base64.b64encode(damaged(generator, files[path])).decode()])
    return json.dumps(edits).encode()


def _document(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None


def run(case: bytes, folder: Path) -> None:
    place = folder / "run"
    contents: dict[str, bytes] = dict(stored())
    for path, change in json.loads(case):
        if change is None:
            contents.pop(path, None)
        elif isinstance(change, dict):
            contents[path] = stored().get(change["from"], b"")
        else:
            contents[path] = base64.b64decode(change)
    for path, data in contents.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(data)
    found = _weights(_fit(_STEPS, place).model)
    same = [np.array_equal(one, other) for one, other in zip(found, _whole(), strict=True)]
    if not all(same):
        raise Wrong("a run that goes on to other weights than the uninterrupted one")


TARGET = Target("checkpoint", draw, run)
