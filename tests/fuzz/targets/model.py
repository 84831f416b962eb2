"""Files of models: damaged bytes, and headers with other values under a checksum that is right."""

from __future__ import annotations

import functools
import json
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import equinox as eqx
import jax

import kernelc as kc
from kernelc.lowering._container import Container, read_container, write_container

from ..case import Target, Wrong
from ..mutate import altered, damaged


@functools.cache
def _seeds() -> tuple[bytes, ...]:
    """One model of each form, small: an image net with statistics, and a loop."""
    x, pixels = kc.Input((3,)), kc.Input((3, 3, 1))
    block = kc.repeat(kc.chain(kc.Dense(3), kc.Activation("tanh")), 3)
    norms = kc.chain(kc.Conv(2), kc.BatchNorm(), kc.Dropout(0.5), kc.Flatten(), kc.Dense(2))
    found = []
    for net, options in (
        (kc.Network(x, block(x)), {"policy": kc.Policy("bfloat16"), "layers": "scan"}),
        (kc.Network(pixels, norms(pixels)), {}),
    ):
        model = kc.lower(net, key=jax.random.key(0), **options)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model"
            kc.save(path, model, eqx.nn.State(model))
            found.append(path.read_bytes())
    return tuple(found)


def draw(generator: Random) -> bytes:
    whole = generator.choice(_seeds())
    if generator.random() < 0.3:
        return damaged(generator, whole)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        path.write_bytes(whole)
        content = read_container(path)
        metadata, arrays = dict(content.metadata), dict(content.arrays)
        entry = generator.choice(("model", "model", "network", "metadata", "arrays"))
        if entry == "arrays":
            names = list(arrays)
            arrays[generator.choice(names)] = arrays[generator.choice(names)]
        elif entry == "metadata":
            changed = json.loads(_strict(altered(generator, metadata)))
            metadata = {str(key): str(value) for key, value in changed.items()}
        else:
            metadata[entry] = altered(generator, json.loads(metadata[entry]))
        write_container(path, Container(metadata, arrays))
        return path.read_bytes()


def _strict(text: str) -> str:
    """The text where it is an object, else an empty one."""
    try:
        return text if isinstance(json.loads(text), dict) else "{}"
    except (ValueError, RecursionError):
        return "{}"


def run(case: bytes, folder: Path) -> None:
    path, again = folder / "model", folder / "again"
    path.write_bytes(case)
    found: Any = kc.load(path)
    kc.save(again, found.model, found.state)
    if not eqx.tree_equal(tuple(kc.load(again, network=found.model.network)), tuple(found)):
        raise Wrong("what was loaded does not come back from a file of its own")


TARGET = Target("model", draw, run)
