"""Rules of ATen operations that apply a function to each entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import sympy

from ..operations import UnknownOperation
from ..recording import Value
from ._call import Call, Function, Rule, number_of


def _function(function: Function, *parameters: str) -> Rule:
    """A function of one value and of the numbers that the arguments `parameters` are."""

    def rule(call: Call) -> Value:
        numbers = [call.number(name) for name in parameters]
        return call.applied(function, call.value("self"), *numbers)

    return rule


def _selu(x: sympy.Expr) -> sympy.Expr:
    alpha, scale = 1.6732632423543772, 1.0507009873554805
    return scale * _elu(x, sympy.Float(alpha))


def _elu(
    x: sympy.Expr,
    alpha: sympy.Expr,
    scale: sympy.Expr = sympy.S.One,
    inside: sympy.Expr = sympy.S.One,
) -> sympy.Expr:
    low = alpha * (sympy.exp(inside * sympy.Min(x, 0)) - 1)
    return scale * (sympy.Max(x, 0) + low)


def _celu(x: sympy.Expr, alpha: sympy.Expr) -> sympy.Expr:
    return sympy.Max(x, 0) + alpha * (sympy.exp(sympy.Min(x, 0) / alpha) - 1)


def _gelu(call: Call) -> Value:
    functions: Mapping[object, Function] = {"none": _erf_gelu, "tanh": _tanh_gelu}
    return call.applied(functions[call.arguments["approximate"]], call.value("self"))


def _erf_gelu(x: sympy.Expr) -> sympy.Expr:
    return x * (1 + sympy.erf(x / sympy.sqrt(2))) / 2


def _tanh_gelu(x: sympy.Expr) -> sympy.Expr:
    return x * (1 + sympy.tanh(sympy.sqrt(2 / sympy.pi) * (x + 0.044715 * x**3))) / 2


def _sigmoid(x: sympy.Expr) -> sympy.Expr:
    return 1 / (1 + sympy.exp(-x))


def _hard_sigmoid(x: sympy.Expr) -> sympy.Expr:
    return sympy.Max(0, sympy.Min(6, x + 3)) / 6


def _softplus(x: sympy.Expr, beta: sympy.Expr = sympy.S.One) -> sympy.Expr:
    return sympy.log(1 + sympy.exp(beta * x)) / beta


def _leaky(x: sympy.Expr, slope: sympy.Expr) -> sympy.Expr:
    return sympy.Max(x, 0) + slope * sympy.Min(x, 0)


def _prelu(call: Call) -> Value:
    slope = number_of(call.array("weight"))
    if slope is None:
        raise UnknownOperation("a slope for each channel")
    return call.applied(_leaky, call.value("self"), slope)


def _clamp(call: Call) -> Value:
    value, low, high = call.value("self"), call.arguments["min"], call.arguments["max"]
    if low is not None:
        value = call.applied(lambda x, bound: sympy.Max(x, bound), value, call.number("min"))
    if high is not None:
        value = call.applied(lambda x, bound: sympy.Min(x, bound), value, call.number("max"))
    return value


def _power(call: Call) -> Value:
    """x to the power of a number, which is taken as a whole one where it is."""
    exponent = call.number("exponent")
    whole = sympy.Integer(round(exponent)) if exponent == round(exponent) else exponent
    return call.applied(lambda x: x**whole, call.value("self"))


def _two(function: Function, names: Sequence[str] = ("self", "other")) -> Rule:
    """A function of two arguments that are one value and a number, or the same value twice."""

    def rule(call: Call) -> Value:
        given = [call.arguments[name] for name in names]
        known = [x if isinstance(x, Value) else number_of(x) for x in given]
        terms = [x for x in known if x is not None]
        found = call.recorder.apply(function, terms) if len(terms) == len(given) else None
        if found is None or found.shape != call.shape:
            raise UnknownOperation("a function of two values")
        return found

    return rule


def _masked_fill(call: Call) -> Value:
    mask = call.array("mask")
    if np.any(mask):
        raise UnknownOperation("entries that are replaced")
    return call.value("self")


ELEMENTWISE_RULES: Mapping[str, Rule] = {
    "aten.relu": _function(lambda x: sympy.Max(x, 0)),
    "aten.relu6": _function(lambda x: sympy.Min(sympy.Max(x, 0), 6)),
    "aten.hardtanh": _function(
        lambda x, low, high: sympy.Min(sympy.Max(x, low), high), "min_val", "max_val"
    ),
    "aten.leaky_relu": _function(_leaky, "negative_slope"),
    "aten.prelu": _prelu,
    "aten.elu": _function(_elu, "alpha", "scale", "input_scale"),
    "aten.celu": _function(_celu, "alpha"),
    "aten.selu": _function(_selu),
    "aten.gelu": _gelu,
    "aten.silu": _function(lambda x: x * _sigmoid(x)),
    "aten.mish": _function(lambda x: x * sympy.tanh(_softplus(x))),
    "aten.sigmoid": _function(_sigmoid),
    "aten.log_sigmoid": _function(lambda x: -_softplus(-x)),
    "aten.tanh": _function(sympy.tanh),
    "aten.softplus": _function(_softplus, "beta"),
    "aten.softsign": _function(lambda x: x / (1 + sympy.Abs(x))),
    "aten.hardswish": _function(lambda x: x * _hard_sigmoid(x)),
    "aten.hardsigmoid": _function(_hard_sigmoid),
    "aten.clamp": _clamp,
    "aten.clamp_min": _function(lambda x, low: sympy.Max(x, low), "min"),
    "aten.clamp_max": _function(lambda x, high: sympy.Min(x, high), "max"),
    "aten.abs": _function(sympy.Abs),
    "aten.neg": _function(lambda x: -x),
    "aten.square": _function(lambda x: x**2),
    "aten.exp": _function(sympy.exp),
    "aten.log": _function(sympy.log),
    "aten.log1p": _function(lambda x: sympy.log(1 + x)),
    "aten.expm1": _function(lambda x: sympy.exp(x) - 1),
    "aten.sin": _function(sympy.sin),
    "aten.cos": _function(sympy.cos),
    "aten.atan": _function(sympy.atan),
    "aten.asinh": _function(sympy.asinh),
    "aten.erf": _function(sympy.erf),
    "aten.sign": _function(sympy.sign),
    "aten.sqrt": _function(sympy.sqrt),
    "aten.rsqrt": _function(lambda x: 1 / sympy.sqrt(x)),
    "aten.reciprocal": _function(lambda x: 1 / x),
    "aten.pow": _power,
    "aten.maximum": _two(lambda a, b: sympy.Max(a, b)),
    "aten.minimum": _two(lambda a, b: sympy.Min(a, b)),
    "aten.masked_fill": _masked_fill,
}
