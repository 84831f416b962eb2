"""Expressions in JSON: weights and activations, drawn from the grammar and past its bounds."""

from __future__ import annotations

import json
import math
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

import kernelc as kc

from ..case import Target, Wrong
from ..mutate import altered, encoded
from .networks import examined


_UNARY = (
    *("exp", "log", "sin", "cos", "sinh", "cosh", "tanh", "sech", "atan", "asinh", "erf", "erfc"),
    *("softplus", "sigmoid", "normal_cdf", "Abs", "sign", "Heaviside"),
)
_UNKNOWN = ("tan", "gamma", "zeta", "Dense", "")
_MANY = ("Add", "Mul", "Max", "Min")
_COMPARE = ("<", "<=", ">", ">=", "==", "!=")
_INTEGERS = (
    *("0", "1", "-1", "2", "3", "7", "-12", "100", "1000", "9999", "10000", "10001", "100000"),
    *("1000000000", str(10**18), str(2**64), "9" * 100, "9" * 1199, "9" * 1201, "9" * 6000),
    *("١", "0x10", " 7 ", "1_0", "", "x", "-", "--1", "1e5"),
)
_FLOATS = (
    *(0.1, 0.5, 1.5, -2.25, 1e-300, 5e-324, 1e16, 1e150, 1.7e308, -1e308, 3.0),
    *("nan", "inf", "-inf", "0x1p+2000", "0x1p-1074", "1", "x", "0x" + "f" * 1000 + "p0"),
)


def draw(generator: Random) -> bytes:
    kind = generator.random()
    if kind < 0.1:
        return json.dumps(_deep(generator)).encode()
    expression = _expression(generator, generator.choice((1, 2, 2, 3, 3, 4, 6)))
    document = {"role": generator.choice(("activation", "activation", "weight")), "e": expression}
    if kind < 0.7:
        return json.dumps(document).encode()
    return encoded(generator, altered(generator, document))


def _deep(generator: Random) -> dict[str, Any]:
    """Towers: functions of functions, powers of powers, long sums and products."""
    role = generator.choice(("activation", "weight"))
    size = generator.choice((3, 5, 10, 20, 40, 59, 61, 200, 900))
    value: Any = generator.choice(("x", ["integer", "10"], ["symbol", "w", {}]))
    kind = generator.choice(("unary", "power", "tower", "sum", "nested sums", "pieces"))
    if kind == "sum":
        parts = [_expression(generator, 1) for _ in range(size)]
        return {"role": role, "e": [generator.choice(_MANY), *parts]}
    if kind == "pieces":
        cases = [[_leaf(generator), [generator.choice(_COMPARE), "x", _leaf(generator)]]] * size
        return {"role": role, "e": ["Piecewise", *cases, ["x", "true"]]}
    name = generator.choice(_UNARY)
    for i in range(size):
        if kind == "unary":
            value = [name, value]
        elif kind == "power":
            value = ["Pow", value, ["integer", generator.choice(("2", "3", "10", "-1"))]]
        elif kind == "tower":
            value = ["Pow", ["integer", "10"], value]
        else:
            value = [_MANY[i % 2], value, value if i < 8 else "x", _leaf(generator)]
    return {"role": role, "e": value}


def _expression(generator: Random, depth: int) -> Any:
    if depth <= 0 or generator.random() < 0.15:
        return _leaf(generator)
    kind = generator.random()
    if kind < 0.35:
        names = _UNARY if generator.random() < 0.98 else _UNKNOWN
        return [generator.choice(names), _expression(generator, depth - 1)]
    if kind < 0.6:
        count = generator.choice((2, 2, 3, 5))
        parts = [_expression(generator, depth - 1) for _ in range(count)]
        return [generator.choice(_MANY), *parts]
    if kind < 0.8:
        exponent = generator.choice((_leaf, lambda g: _expression(g, depth - 1)))(generator)
        return ["Pow", _expression(generator, depth - 1), exponent]
    if kind < 0.95:
        condition = [generator.choice(_COMPARE), "x", _leaf(generator)]
        value = _expression(generator, depth - 1)
        return ["Piecewise", [value, condition], [_expression(generator, depth - 1), "true"]]
    return ["and", ["<", "x", _leaf(generator)], "true"]


def _leaf(generator: Random) -> Any:
    kind = generator.random()
    if kind < 0.45:
        return "x"
    if kind < 0.47:
        return generator.choice(("pi", "e", "true", "y", ["symbol", "w", {"positive": True}]))
    if kind < 0.75:
        return ["integer", generator.choice(_INTEGERS[:8] if kind < 0.73 else _INTEGERS)]
    if kind < 0.85:
        pool = _INTEGERS[1:8] if kind < 0.84 else _INTEGERS
        return ["rational", generator.choice(pool), generator.choice(pool)]
    value = generator.choice(_FLOATS if generator.random() < 0.2 else _FLOATS[:4])
    if generator.random() < 0.1:
        return ["float", generator.choice(_INTEGERS), generator.choice(_INTEGERS), "200"]
    return ["float", value.hex() if isinstance(value, float) else value]


def run(case: bytes, folder: Path) -> None:
    path = folder / "net.json"
    try:
        document = json.loads(case)
        role, expression = document["role"], document["e"]
        text = json.dumps(expression)
    except (ValueError, KeyError, TypeError, RecursionError):
        path.write_bytes(case)
        kc.Network.load(path)
        return
    path.write_text(_file(role, text), encoding="utf-8")
    network = kc.Network.load(path)
    examined(network, deep=len(case) % 4 == 0)
    phi = network.nodes[-1].layer.nonlinearity()
    if phi is not None:
        values = phi.numpy()(np.array([-2.0, -0.5, 0.0, 0.5, 2.0]))
        if np.isnan(values).any():
            raise Wrong("an activation that is NaN")
        if not all(math.isfinite(point) for point in phi.breakpoints):
            raise Wrong("a break point that is not finite")


def _file(role: Any, text: str) -> str:
    start = '{"format": "kernelc.network", "version": 1, "name": "n", "nodes": [{"name": "input", '
    start += '"kind": "InputLayer", "inputs": [], "fields": {"shape": [3]}}, {"name": "a", '
    if role == "weight":
        return (
            f'{start}"kind": "Scale", "inputs": [0], "fields": {{"value": {{"expr": {text}}}}}}}]}}'
        )
    function = f'{{"function": {{"name": "phi", "expr": {text}}}}}'
    return f'{start}"kind": "Activation", "inputs": [0], "fields": {{"function": {function}}}}}]}}'


TARGET = Target("expression", draw, run)
