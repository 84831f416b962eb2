"""Networks of the neural-tangents cases, built from their lists of layers."""

from __future__ import annotations

import math
from typing import Any

import sympy

import kernelc as kc


X = sympy.Symbol("x")
Op = dict[str, Any]


def number(value: float) -> sympy.Expr:
    """A SymPy float, or an integer if the value is whole."""
    return sympy.Float(value) if value != int(value) else sympy.Integer(int(value))


def activation(op: Op) -> kc.Layer:
    """The activation of one entry of a list of layers."""
    a, b, c = (number(op.get(key, default)) for key, default in (("a", 1), ("b", 1), ("c", 0)))
    match op["op"]:
        case "Relu":
            return kc.Activation("relu")
        case "Gelu":
            return kc.Activation("gelu")
        case "Abs":
            return kc.Activation("abs")
        case "TanhNumerical":
            return kc.Activation("tanh")
        case "LeakyRelu":
            return kc.Activation("leaky_relu", negative_slope=op["alpha"])
        case "ABRelu":
            return kc.Activation(a * sympy.Min(X, 0) + b * sympy.Max(X, 0))
        case "Erf":
            return kc.Activation(a * sympy.erf(b * X) + c)
        case "Sin":
            return kc.Activation(a * sympy.sin(b * X + c))
        case "Cos":
            return kc.Activation(a * sympy.cos(b * X + c))
        case "Rbf":
            slope = number(math.sqrt(2 * op["gamma"]))
            return kc.Activation(sympy.sqrt(2) * sympy.sin(slope * X + sympy.pi / 4))
        case "Exp":
            return kc.Activation(a * sympy.exp(b * X))
        case "Gaussian":
            return kc.Activation(a * sympy.exp(b * X**2))
        case "Monomial":
            return kc.Activation(X ** op["degree"])
        case "Polynomial":
            return kc.Activation(sum(number(v) * X**i for i, v in enumerate(op["coef"])))
    raise AssertionError(op)


def weights(op: Op) -> dict[str, Any]:
    """The standard deviations; `b_std` null means that there are no biases."""
    bias = op["b_std"] is not None
    return {"weight_std": op["W_std"], "bias_std": op["b_std"] if bias else 0.0, "bias": bias}


def layer(op: Op) -> kc.Layer:
    """The layer of one entry that has one input and one output."""
    match op["op"]:
        case "Dense":
            width = op.get("width", 512)
            return kc.Dense(width, **weights(op))
        case "Conv" | "ConvLocal":
            sizes = tuple(op["filter"]), tuple(op["strides"]), op["padding"]
            if op["op"] == "Conv":
                return kc.Conv(512, *sizes, delta=False, **weights(op))
            return kc.LocalConv(512, *sizes, **weights(op))
        case "LayerNorm":
            return kc.LayerNorm(axis=-1 if op["axis"] == [-1] else "all")
        case "Flatten":
            return kc.Flatten()
        case "GlobalAvgPool":
            return kc.GlobalMeanPool()
        case "AvgPool":
            return kc.MeanPool(tuple(op["window"]), tuple(op["strides"]), op["padding"])
        case "Scale":
            return kc.Scale(op["s"])
    return activation(op)


def applied(layers: list[Op], node: kc.Node, nodes: list[kc.Node]) -> kc.Node:
    """The layers on `node`; `nodes` holds the branches between FanOut and FanIn."""
    for op in layers:
        match op["op"]:
            case "repeat":
                for _ in range(op["n"]):
                    node = applied(op["layers"], node, [])
            case "FanOut":
                nodes = [node] * op["n"]
            case "parallel":
                pairs = zip(op["branches"], nodes, strict=True)
                nodes = [applied(branch, start, []) for branch, start in pairs]
            case "FanInSum":
                node = kc.WeightedSum((1.0,) * len(nodes))(*nodes)
            case "FanInProd":
                node = kc.Product()(*nodes)
            case "FanInConcat":
                node = kc.Concat()(*nodes)
            case "Identity":
                pass
            case _:
                node = layer(op)(node)
    return node


def network(layers: list[Op], shape: tuple[int, ...]) -> kc.Network:
    """The network of a list of layers, on inputs of this shape."""
    x = kc.Input(shape)
    return kc.Network(x, applied(layers, x, []))
