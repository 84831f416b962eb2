"""Activations as NumPy functions with their kinks and scales, independent of kernelc."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import special


class Fn:
    """f, its derivative, kinks, jumps [(where, size)], distance of poles from the real line.

    growth: how many standard deviations the mass of f(u) moves out, per unit of scale.
    steep: 1 / the length over which it bends.
    """

    def __init__(
        self,
        f: Callable[[Any], Any],
        df: Callable[[Any], Any] | None = None,
        kinks: Sequence[float] = (),
        jumps: Sequence[tuple[float, float]] = (),
        strip: float | None = None,
        growth: float = 0.0,
        steep: float = 1.0,
    ) -> None:
        self.f, self.df, self.kinks, self.jumps = f, df, list(kinks), list(jumps)
        self.analytic = not self.kinks
        self.strip, self.growth, self.steep = 1e9 if strip is None else strip, growth, steep
        self.marks = np.array(self.kinks if self.kinks else [0.0])

    def __call__(self, x: Any) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.asarray(self.f(np.asarray(x, float)), float) + np.zeros_like(x)

    @property
    def slope(self):
        return Fn(
            self.df,
            None,
            self.kinks,
            (),
            None if self.strip == 1e9 else self.strip,
            self.growth,
            self.steep,
        )


def _sig(x: Any) -> Any:
    return special.expit(x)


def _softplus(x: Any) -> Any:
    return np.logaddexp(0, x)


def _mish_slope(x: Any) -> Any:
    t = np.tanh(_softplus(x))
    return t + x * (1 - t * t) * _sig(x)


def _gelu_tanh(x: Any) -> Any:
    return x * _sig(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))


def _gelu_tanh_slope(x: Any) -> Any:
    a = 2 * math.sqrt(2 / math.pi)
    s = _sig(a * (x + 0.044715 * x**3))
    return s + x * s * (1 - s) * a * (1 + 3 * 0.044715 * x * x)


def _clip(low: float, high: float) -> Callable[[Any], Any]:
    return lambda x: (x > low) & (x < high)


def _elu(scale: float, height: float, width: float) -> Fn:
    return Fn(
        lambda x: np.where(x > 0, scale * x, scale * height * np.expm1(np.minimum(x, 0) / width)),
        lambda x: np.where(x > 0, scale, scale * height / width * np.exp(np.minimum(x, 0) / width)),
        [0],
        steep=max(1.0, 1 / width),
    )


def _leaky(a: float) -> Fn:
    return Fn(lambda x: np.where(x > 0, x, a * x), lambda x: np.where(x > 0, 1.0, a), [0])


def _swish_slope(x: Any) -> Any:
    return _sig(x) * (1 + x * (1 - _sig(x)))


ROOT = math.sqrt(2 * math.pi)
NAMED: dict[str, Callable[..., Fn]] = {
    "identity": lambda: Fn(lambda x: x, lambda x: np.ones_like(x)),
    "relu": lambda: _leaky(0.0),
    "leaky_relu": lambda negative_slope=0.01: _leaky(negative_slope),
    "abs": lambda: Fn(np.abs, np.sign, [0]),
    "sign": lambda: Fn(np.sign, np.zeros_like, [0], [(0.0, 2.0)]),
    "step": lambda: Fn(lambda x: np.heaviside(x, 0.5), np.zeros_like, [0], [(0.0, 1.0)]),
    "tanh": lambda: Fn(
        np.tanh, lambda x: np.cosh(np.clip(x, -300, 300)) ** -2.0, strip=math.pi / 2
    ),
    "sigmoid": lambda: Fn(_sig, lambda x: _sig(x) * _sig(-x), strip=math.pi),
    "softplus": lambda: Fn(_softplus, _sig, strip=math.pi),
    "swish": lambda: Fn(lambda x: x * _sig(x), _swish_slope, strip=math.pi),
    "mish": lambda: Fn(lambda x: x * np.tanh(_softplus(x)), _mish_slope, strip=1.5),
    "softsign": lambda: Fn(lambda x: x / (1 + abs(x)), lambda x: (1 + abs(x)) ** -2.0, [0]),
    "atan": lambda: Fn(np.arctan, lambda x: 1 / (1 + x * x), strip=1.0),
    "asinh": lambda: Fn(np.arcsinh, lambda x: 1 / np.sqrt(1 + x * x), strip=1.0),
    "bentid": lambda: Fn(
        lambda x: (np.sqrt(x * x + 1) - 1) / 2 + x,
        lambda x: x / np.sqrt(x * x + 1) / 2 + 1,
        strip=1.0,
    ),
    "erf": lambda: Fn(special.erf, lambda x: 2 / math.sqrt(math.pi) * np.exp(-x * x), strip=2.0),
    "gelu": lambda: Fn(
        lambda x: x * special.ndtr(x),
        lambda x: special.ndtr(x) + x * np.exp(-x * x / 2) / ROOT,
        strip=2.5,
    ),
    "gelu_tanh": lambda: Fn(_gelu_tanh, _gelu_tanh_slope, strip=0.8),
    "sin": lambda: Fn(np.sin, np.cos, strip=2.0),
    "cos": lambda: Fn(np.cos, lambda x: -np.sin(x), strip=2.0),
    "exp": lambda: Fn(np.exp, np.exp, strip=2.0, growth=2.0),
    "gaussian": lambda: Fn(
        lambda x: np.exp(-x * x / 2), lambda x: -x * np.exp(-x * x / 2), strip=2.0
    ),
    "square": lambda: Fn(lambda x: x * x, lambda x: 2 * x),
    "polynomial": lambda coefficients: Fn(
        np.polynomial.Polynomial(coefficients), np.polynomial.Polynomial(coefficients).deriv()
    ),
    "relu6": lambda: Fn(lambda x: np.clip(x, 0, 6), _clip(0, 6), [0, 6]),
    "hard_tanh": lambda: Fn(lambda x: np.clip(x, -1, 1), _clip(-1, 1), [-1, 1]),
    "hard_sigmoid": lambda: Fn(
        lambda x: np.clip(x + 3, 0, 6) / 6, lambda x: _clip(-3, 3)(x) / 6, [-3, 3]
    ),
    "hard_swish": lambda: Fn(
        lambda x: x * np.clip(x + 3, 0, 6) / 6,
        lambda x: np.where(x > 3, 1.0, np.where(x < -3, 0.0, (2 * x + 3) / 6)),
        [-3, 3],
    ),
    "elu": lambda elu_alpha=1.0: _elu(1, elu_alpha, 1),
    "selu": lambda: _elu(1.0507009873554805, 1.6732632423543772, 1),
    "celu": lambda celu_alpha=1.0: _elu(1, celu_alpha, celu_alpha),
}
NAMED["silu"] = NAMED["swish"]

# SymPy text (symbol x) beside the same function by hand.
EXPRESSIONS: dict[str, Fn] = {
    "Piecewise((x, x > 1), (0, True))": Fn(
        lambda x: np.where(x > 1, x, 0), _clip(1, np.inf), [1], [(1.0, 1.0)]
    ),
    "Piecewise((-1, x < -Rational(1, 2)), (x**2, x < 1), (2 - x, True))": Fn(
        lambda x: np.where(x < -0.5, -1, np.where(x < 1, x * x, 2 - x)),
        lambda x: np.where(x < -0.5, 0, np.where(x < 1, 2 * x, -1)),
        [-0.5, 1],
        [(-0.5, 1.25)],
    ),
    "Abs(x - 1) + x/3": Fn(lambda x: abs(x - 1) + x / 3, lambda x: np.sign(x - 1) + 1 / 3, [1]),
    "Abs(x**2 - 1)": Fn(lambda x: abs(x * x - 1), lambda x: 2 * x * np.sign(x * x - 1), [-1, 1]),
    "Max(x, -x/2, 1)": Fn(
        lambda x: np.maximum(np.maximum(x, -x / 2), 1),
        lambda x: np.where(x > 1, 1, np.where(x < -2, -0.5, 0)),
        [-2, 1],
    ),
    "Min(Max(x, 0), 1)**2": Fn(
        lambda x: np.clip(x, 0, 1) ** 2, lambda x: 2 * x * _clip(0, 1)(x), [0, 1]
    ),
    "sign(x) + x": Fn(lambda x: np.sign(x) + x, np.ones_like, [0], [(0.0, 2.0)]),
    "sign(x - 1)*x": Fn(lambda x: np.sign(x - 1) * x, lambda x: np.sign(x - 1), [1], [(1.0, 2.0)]),
    "exp(-x**2)": Fn(lambda x: np.exp(-x * x), lambda x: -2 * x * np.exp(-x * x), strip=1.5),
    "sqrt(1 + x**2)": Fn(lambda x: np.sqrt(1 + x * x), lambda x: x / np.sqrt(1 + x * x), strip=1.0),
    "log(1 + exp(x))": Fn(_softplus, _sig, strip=math.pi),
    "log(1 + x**2)": Fn(lambda x: np.log1p(x * x), lambda x: 2 * x / (1 + x * x), strip=1.0),
    "x**3": Fn(lambda x: x**3, lambda x: 3 * x * x),
    "x**3 - 3*x": Fn(lambda x: x**3 - 3 * x, lambda x: 3 * x * x - 3),
    "x**4/10 - x": Fn(lambda x: x**4 / 10 - x, lambda x: 0.4 * x**3 - 1),
    "x/(1 + x**2)": Fn(
        lambda x: x / (1 + x * x), lambda x: (1 - x * x) / (1 + x * x) ** 2, strip=1.0
    ),
    "(x**2 - 2)/(x**4 + 3)": Fn(
        lambda x: (x * x - 2) / (x**4 + 3),
        lambda x: (2 * x * (x**4 + 3) - (x * x - 2) * 4 * x**3) / (x**4 + 3) ** 2,
        strip=0.9,
    ),
    "Heaviside(x)": Fn(lambda x: np.heaviside(x, 0.5), np.zeros_like, [0], [(0.0, 1.0)]),
    "Heaviside(x + 1)*exp(-x**2)": Fn(
        lambda x: (x > -1) * np.exp(-x * x),
        lambda x: (x > -1) * -2 * x * np.exp(-x * x),
        [-1],
        [(-1.0, math.exp(-1))],
    ),
    "x*tanh(x)": Fn(
        lambda x: x * np.tanh(x),
        lambda x: np.tanh(x) + x * np.cosh(np.clip(x, -300, 300)) ** -2.0,
        strip=math.pi / 2,
    ),
    "x*exp(-x**2/2)": Fn(
        lambda x: x * np.exp(-x * x / 2), lambda x: (1 - x * x) * np.exp(-x * x / 2), strip=2.0
    ),
    "sin(x)**2": Fn(lambda x: np.sin(x) ** 2, lambda x: np.sin(2 * x), strip=1.0),
    "x + sin(3*x)": Fn(lambda x: x + np.sin(3 * x), lambda x: 1 + 3 * np.cos(3 * x), strip=0.7),
    "atan(5*x)": Fn(lambda x: np.arctan(5 * x), lambda x: 5 / (1 + 25 * x * x), strip=0.2),
    "tanh(x)**2": Fn(
        lambda x: np.tanh(x) ** 2,
        lambda x: 2 * np.tanh(x) * np.cosh(np.clip(x, -300, 300)) ** -2.0,
        strip=math.pi / 2,
    ),
    "Max(x, 0)**3": Fn(lambda x: np.maximum(x, 0) ** 3, lambda x: 3 * np.maximum(x, 0) ** 2, [0]),
    "x*Abs(x)": Fn(lambda x: x * abs(x), lambda x: 2 * abs(x), [0]),
    "sech(x)": Fn(
        lambda x: np.cosh(np.clip(x, -300, 300)) ** -1.0,
        lambda x: -np.tanh(x) * np.cosh(np.clip(x, -300, 300)) ** -1.0,
        strip=math.pi / 2,
    ),
    "sinh(x)": Fn(np.sinh, np.cosh, strip=2.0, growth=2.0),
    "(1 + x**2)**Rational(1, 3)": Fn(
        lambda x: np.cbrt(1 + x * x), lambda x: 2 * x / 3 * np.cbrt(1 + x * x) ** -2, strip=1.0
    ),
    "Abs(x)**3": Fn(lambda x: abs(x) ** 3, lambda x: 3 * x * abs(x), [0]),
    "exp(-Abs(x))": Fn(lambda x: np.exp(-abs(x)), lambda x: -np.sign(x) * np.exp(-abs(x)), [0]),
    "log(1 + Abs(x))": Fn(lambda x: np.log1p(abs(x)), lambda x: np.sign(x) / (1 + abs(x)), [0]),
}


def function(node: dict[str, Any]) -> Fn:
    """The Fn of {"name" or "expr", "params", "affine": (alpha, beta, gamma, delta)}."""
    base = (
        EXPRESSIONS[node["expr"]]
        if "expr" in node
        else NAMED[node["name"]](**node.get("params", {}))
    )
    a, b, c, d = node.get("affine", (1.0, 0.0, 1.0, 0.0))
    if (a, b, c, d) == (1.0, 0.0, 1.0, 0.0):
        return base
    return Fn(
        lambda x: c * (base(a * x + b) + d),
        lambda x: c * a * base.slope(a * x + b),
        [(k - b) / a for k in base.kinks],
        [((at - b) / a, c * size * math.copysign(1, a)) for at, size in base.jumps],
        None if base.strip == 1e9 else base.strip / abs(a),
        base.growth * abs(a),
        base.steep * abs(a),
    )
