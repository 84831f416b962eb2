"""Calls of the public API that work, to be spoiled one argument at a time."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import sympy

import kernelc as kc


class Odd:
    """An object whose own text raises."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")


BAD: dict[str, Any] = {
    "None": None,
    "text": "text",
    "bytes": b"bytes",
    "minus one": -1,
    "zero": 0,
    "fraction": 1.5,
    "nan": math.nan,
    "infinity": math.inf,
    "huge": 10**5000,
    "true": True,
    "complex": 1j,
    "object": Odd(),
    "class": int,
    "function": lambda *_: None,
    "empty list": [],
    "nested list": [[1, 2], [3]],
    "empty dict": {},
    "nan array": np.array([math.nan, 1.0]),
    "empty array": np.empty((0, 3)),
    "text array": np.array(["a", "b"]),
    "object array": np.array([Odd(), None], dtype=object),
    "jax array": jnp.ones(3),
    "symbol": sympy.Symbol("z"),
    "infinite number": sympy.oo,
}


@functools.cache
def network() -> kc.Network:
    x = kc.Input((3,))
    return kc.Network(x, kc.chain(kc.Dense(4), kc.Activation("tanh"), kc.Dense(2))(x))


@functools.cache
def model() -> Any:
    return kc.lower(network(), key=jax.random.key(0))


@functools.cache
def kernel() -> Any:
    return kc.kernel_fn(network())


X = np.random.default_rng(0).normal(size=(6, 3))
Y = np.array([0, 1, 0, 1, 0, 1])
Call = tuple[Callable[..., Any], dict[str, Any], dict[str, str]]
"""A function, arguments that work, and for some of them which bad values are good ones."""

OPTIONAL = "None"
NUMBERS = "minus one, zero, fraction"


def layers() -> Iterator[tuple[str, Call]]:
    """Every layer kind with fields that are checked when it is made."""
    drawn = {"weight_std": "zero, fraction, symbol", "bias_std": "zero, fraction, symbol"}
    flags = {"bias": "true"}
    for kind, width in (("Dense", "width"), ("LooksLinear", "width")):
        given = {width: 4, "weight_std": 1.0, "bias_std": 0.0, "init": "gaussian", "bias": True}
        yield kind, (getattr(kc, kind), given, drawn | flags)
    strict = {"weight_std": "fraction, symbol", "bias_std": drawn["bias_std"]} | flags
    given = {"width": 4, "weight_std": 1.0, "bias_std": 0.0, "bias": True}
    yield "StandardizedDense", (kc.StandardizedDense, given, strict)
    conv = {"channels": 4, "padding": "SAME", "weight_std": 1.0, "bias_std": 0.0, "bias": True}
    yield "Conv", (kc.Conv, conv | {"groups": 1, "delta": True}, drawn | flags | {"delta": "true"})
    yield "LocalConv", (kc.LocalConv, conv, drawn | flags)
    transform = dict.fromkeys(("beta", "delta"), NUMBERS)
    scales = dict.fromkeys(("alpha", "gamma"), "minus one, fraction")
    given = {"function": "tanh", "alpha": 1.0, "beta": 0.0, "gamma": 1.0, "delta": 0.0}
    good = transform | scales | {"function": "symbol"}
    yield "Activation", (kc.Activation, given, good)
    norm = {"axis": -1, "center": True, "eps": 1e-6, "affine": True}
    good = {"axis": "minus one", "center": "true", "eps": "zero, fraction", "affine": "true"}
    yield "LayerNorm", (kc.LayerNorm, norm, good)
    good = {"momentum": "zero", "eps": "zero, fraction"}
    yield "BatchNorm", (kc.BatchNorm, {"momentum": 0.9, "eps": 1e-5}, good)
    yield "Dropout", (kc.Dropout, {"rate": 0.1}, {"rate": "zero"})
    good = {"value": f"{NUMBERS}, symbol", "trainable": "true"}
    yield "Scale", (kc.Scale, {"value": 1.0, "trainable": True}, good)
    yield "PLN", (kc.PLN, {"mode": "one"}, {})
    yield "WeightedSum", (kc.WeightedSum, {"weights": (1.0, 1.0)}, {})
    for kind in ("MeanPool", "MaxPool", "WeightedMeanPool"):
        yield kind, (getattr(kc, kind), {"padding": "SAME"}, {})


def graphs() -> Iterator[tuple[str, Call]]:
    """Nodes, blocks and networks."""
    x = kc.Input((3,))
    image, net = kc.Input((4, 4, 2)), network()
    yield "Input", (kc.Input, {"shape": (3,), "name": "x"}, {"name": "text"})
    given = {"x": x, "output": kc.Dense(2)(x), "name": "n"}
    yield "Network", (kc.Network, given, {"name": "text"})
    yield "layer on nodes", (lambda node: kc.Dense(2)(node), {"node": x}, {})
    yield "chain", (lambda block: kc.chain(block)(x), {"block": kc.Dense(2)}, {})
    good = {"block": "function", "times": "zero"}
    yield "repeat", (kc.repeat, {"block": kc.Dense(2), "times": 2}, good)
    given = {"branch": kc.Dense(3), "shortcut_weight": 0.5, "shortcut": None}
    good = {"branch": "function", "shortcut": "None, function"}
    yield "residual", (kc.residual, given, good | {"shortcut_weight": "None, zero, symbol"})
    sizes: dict[str, Any] = {"window": 3, "stride": 1}
    for kind in (kc.MeanPool, kc.MaxPool, kc.WeightedMeanPool):
        yield f"{kind.__name__} on a node", (_on(kind, image), sizes, {"stride": OPTIONAL})
    for kind in (kc.Conv, kc.LocalConv):
        layer = functools.partial(kind, 2)
        yield f"{kind.__name__} on a node", (_on(layer, image), sizes, {})
    yield "from_json", (kc.Network.from_json, {"text": net.to_json()}, {})
    given = {"name": "x", "layer": kc.Input((3,)).layer, "inputs": ()}
    yield "from_specs", (_from_spec, given, {"name": "text", "inputs": ""})
    yield "node by name", (net.__getitem__, {"name": "input"}, {})


def _on(layer: Any, x: kc.Node) -> Callable[..., kc.Network]:
    return lambda **fields: kc.Network(x, layer(**fields)(x))


def _from_spec(name: Any, layer: Any, inputs: Any) -> kc.Network:
    return kc.Network.from_specs([(name, layer, inputs)])


def passes() -> Iterator[tuple[str, Call]]:
    """What is made of a network."""
    net = network()
    yield "derive", (kc.derive, {"network": net, "q": 1}, {"q": "None, fraction"})
    good = {"c": "minus one, zero, jax array", "q": "None, fraction, jax array"}
    given: dict[str, Any] = {"c": 0.5, "q": 1.0, "dps": 15}
    yield "evaluate a kernel", (kc.derive(net).evaluate, given, good)
    given = {"network": net, "target": kc.DKS(), "rewrite": False}
    given |= {"pln": "one", "shortcut_weight": None}
    good = {"target": OPTIONAL, "rewrite": "true", "pln": OPTIONAL, "shortcut_weight": "None, zero"}
    yield "shape", (kc.shape, given, good)
    good = {"zeta": "fraction", "q_slope": "fraction"}
    yield "DKS", (kc.DKS, {"zeta": 1.5, "q_slope": 1.0}, good)
    yield "TAT", (kc.TAT, {"tau": 0.3}, {"tau": "fraction"})
    good = {"q": "None, fraction"}
    yield "EdgeOfChaos", (kc.EdgeOfChaos, {"q": 1.0, "init": "gaussian"}, good)
    given = {"network": net, "key": jax.random.key(0), "policy": None, "axis_name": "batch"}
    good = {"key": "zero, minus one", "policy": OPTIONAL, "axis_name": "None, text"}
    yield "lower", (kc.lower, given, good)
    given = {"param_dtype": "float32", "layers": "auto", "remat": "none"}
    yield "Policy", (kc.Policy, given, {})
    yield "call of a model", (model().batched, {"xs": jnp.ones((2, 3))}, {"xs": "empty array"})
    yield "kernel_fn", (kc.kernel_fn, {"network": net, "q": 1.0}, {"q": "None, fraction"})
    given = {"x1": X, "x2": X, "get": ("nngp",)}
    yield "call of a kernel function", (kernel(), given, {"x2": OPTIONAL})
    given = {"model": model(), "x1": X, "x2": X}
    yield "empirical_kernel", (kc.empirical_kernel, given, {"x2": OPTIONAL})


def training() -> Iterator[tuple[str, Call]]:
    """Runs and predictions: everything is refused before the first step."""
    linear = eqx.nn.Linear(3, 2, key=jax.random.key(0))
    given = {"model": linear, "data": (X, Y), "optimizer": None, "steps": 1, "batch_size": 2}
    given |= {"key": 0, "loss": "cross_entropy", "eval_every": 1, "train_examples": 4}
    given |= {"progress": False, "mesh": None}
    good = {
        "optimizer": "*",
        "batch_size": OPTIONAL,
        "key": "zero, minus one",
        "eval_every": OPTIONAL,
    }
    yield "fit", (kc.fit, given, good | {"progress": "*", "mesh": OPTIONAL})
    given = {"model": linear, "x": X, "y": Y, "batch_size": 4, "loss": "cross_entropy"}
    yield "evaluate", (kc.evaluate, given, {})
    given = {"k": kernel(), "x_train": X, "y_train": X, "x_test": X, "ridge": 0.1}
    yield "predict", (kc.predict, given, {"ridge": "zero, fraction"})
    yield "diagnose", (kc.diagnose, {"network": network()}, {})
    yield "CrossEntropy", (kc.CrossEntropy, {"label_smoothing": 0.1}, {"label_smoothing": "zero"})


CALLS: dict[str, Call] = {}
for group in (layers, graphs, passes, training):
    CALLS.update(group())
