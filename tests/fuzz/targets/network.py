"""JSON networks: damaged text, and documents whose values are replaced."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from random import Random
from typing import Any

import kernelc as kc

from ..case import Target
from ..mutate import altered, encoded
from .layered import layered
from .networks import examined, seeds


_INITS = ("gaussian", "orthogonal", "suo", "SAME", "VALID", "one", "avg_q")


def draw(generator: Random) -> bytes:
    if generator.random() < 0.5:
        document = layered(generator)
        return json.dumps(document).encode()
    document = generator.choice(seeds())
    if generator.random() < 0.2:
        document = _grown(generator, document)
    if generator.random() < 0.5:
        # Without the digest a changed layer is read for what it says.
        document = {key: value for key, value in document.items() if key != "shaped"}
    values = [*_INITS, *(node for seed in seeds() for node in seed["nodes"])]
    return encoded(generator, altered(generator, document, values))


def _grown(generator: Random, document: dict[str, Any]) -> dict[str, Any]:
    """More nodes: copies of one, each reading the last, or all reading one."""
    grown = copy.deepcopy(document)
    nodes = grown["nodes"]
    node = generator.choice(nodes[1:])
    for i in range(generator.choice((1, 5, 300))):
        reads = [len(nodes) - 1] * max(1, len(node["inputs"]))
        nodes.append({**copy.deepcopy(node), "name": f"more_{i}", "inputs": reads})
    return grown


def run(case: bytes, folder: Path) -> None:
    path = folder / "net.json"
    path.write_bytes(case)
    # A kernel and weights cost a hundred times what reading does: one case in four.
    examined(kc.Network.load(path), deep=len(case) % 4 == 0)


TARGET = Target("network", draw, run)
