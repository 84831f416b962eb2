"""Networks that are well formed and extreme: values have the right type and any size."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

from .networks import seeds


_SIZES = (1, 1, 2, 2, 3, 4, 4, 5, 8, 16, 0, -1, 10**3, 10**6, 2**31 - 1, 2**31, 2**40, 2**53)
_REALS = (
    *(0.0, 0.5, 1.0, 1.0, 2.0, -1.0, 1e-3, 30.0, 1e-8, 1e8, 1e-30, 1e30, 1e-160, 1e160, 1e-320),
    *(1.7e308, -1.7e308, -0.0, 0.999999999, 1.0000000001),
)
_WORDS = (
    "gaussian",
    "orthogonal",
    "suo",
    "SAME",
    "VALID",
    "CIRCULAR",
    "one",
    "avg_q",
    "off",
    "all",
)
_NAMES = (
    *("tanh", "relu", "erf", "sin", "cos", "exp", "gelu", "step", "sign", "square", "identity"),
    *("polynomial", "selu", "silu", "softplus", "gaussian", "cube", "hard_swish", "bentid"),
)
_SHAPES = (
    [4],
    [4, 4, 2],
    [6, 3],
    [1],
    [1, 1, 1],
    [2, 2, 2, 2],
    [2**31 - 1],
    [2**20, 2**20, 3],
    [0],
)


def layered(draw: Random) -> dict[str, Any]:
    """A document of one to six layers, of which a few have extreme values."""
    nodes: list[dict[str, Any]] = [
        {"name": "input", "kind": "InputLayer", "inputs": [], "fields": {"shape": _shape(draw)}}
    ]
    pool = [node for seed in seeds() for node in seed["nodes"][1:]]
    for i in range(draw.randint(1, 6)):
        node = copy.deepcopy(draw.choice(pool))
        count = len(node["inputs"])
        last = len(nodes) - 1
        node["inputs"] = [last] + [draw.randrange(len(nodes)) for _ in range(count - 1)]
        node["name"] = f"n{i}"
        if draw.random() < 0.4 and node["fields"]:
            field = draw.choice(sorted(node["fields"]))
            node["fields"][field] = typed(draw, node["fields"][field])
        nodes.append(node)
    return {"format": "kernelc.network", "version": 1, "name": "n", "nodes": nodes}


def _shape(draw: Random) -> list[int]:
    return draw.choice(_SHAPES[:3] if draw.random() < 0.8 else _SHAPES)


def typed(draw: Random, value: Any) -> Any:
    """Another value of the same JSON type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return draw.choice(_SIZES)
    if isinstance(value, float):
        return draw.choice(_REALS)
    if isinstance(value, str):
        return draw.choice(_WORDS)
    if isinstance(value, list):
        return [typed(draw, each) for each in value] * draw.choice((1, 1, 1, 0, 2))
    if isinstance(value, dict) and set(value) == {"function"}:
        name = draw.choice(_NAMES)
        params = {"negative_slope": draw.choice(_REALS)} if draw.random() < 0.2 else {}
        if name == "polynomial":
            params = {"coefficients": [draw.choice(_REALS) for _ in range(draw.choice((0, 2, 40)))]}
        return {"function": {"name": name, "params": params}}
    return draw.choice((None, 1, 2.0, [2, 2]))
