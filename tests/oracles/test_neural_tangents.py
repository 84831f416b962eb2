"""Derived kernels against the neural-tangents cases, through references of 40 digits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sympy

import kernelc as kc


CASES = json.loads(Path(__file__).with_name("neural_tangents.json").read_text())["cases"]
X = sympy.Symbol("x")


def number(value: float) -> sympy.Expr:
    return sympy.Float(value) if value != int(value) else sympy.Integer(int(value))


def activation(op: dict[str, Any]) -> kc.Layer:
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
        case "Exp":
            return kc.Activation(a * sympy.exp(b * X))
        case "Gaussian":
            return kc.Activation(a * sympy.exp(b * X**2))
        case "Monomial":
            return kc.Activation(X ** op["degree"])
        case "Polynomial":
            return kc.Activation(sum(number(v) * X**i for i, v in enumerate(op["coef"])))
    raise AssertionError(op)


def applied(layers: list[dict[str, Any]], node: kc.Node, nodes: list[kc.Node]) -> kc.Node:
    """The layers on `node`; `nodes` holds the branches between FanOut and FanIn."""
    for op in layers:
        match op["op"]:
            case "repeat":
                for _ in range(op["n"]):
                    node = applied(op["layers"], node, [])
            case "Dense":
                width = op.get("width", 512)
                node = kc.Dense(width, weight_std=op["W_std"], bias_std=op["b_std"] or 0.0)(node)
            case "LayerNorm":
                node = kc.LayerNorm()(node)
            case "Scale":
                node = kc.Scale(op["s"])(node)
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
                node = activation(op)(node)
    return node


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_derived_kernels_agree_with_the_reference(case: dict[str, Any]) -> None:
    x = kc.Input((10,))
    kernel = kc.derive(kc.Network(x, applied(case["layers"], x, [])))
    largest = max(abs(pair["nngp"]) for pair in case["pairs"])
    steepest = max(abs(pair["ntk"]) for pair in case["pairs"])
    for pair in case["pairs"]:
        found = kernel.evaluate(c=pair["c"], q=case["q"])
        # Odd activations with a bias amplify rounding layer by layer; layer norm in the
        # reference adds an epsilon of 1e-12 to q. Both stay well below 1e-9.
        assert found.nngp == pytest.approx(pair["nngp"], rel=1e-9, abs=1e-9 * largest)
        assert found.ntk == pytest.approx(pair["ntk"], rel=1e-9, abs=1e-9 * steepest)
