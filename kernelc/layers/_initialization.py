"""initialization: weights as frameworks draw them, by the names people know."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NoReturn, TypedDict, get_args

import sympy

from .._errors import GraphError
from ..activations import ScalarFunction
from ..gaussian import moments
from ..ir import Real
from ..modules import BiasInitializer, Initializer
from ._activation import Activation


fan_in = sympy.Symbol("fan_in", integer=True, positive=True)
"""How many numbers each output of a layer sums over."""
fan_out = sympy.Symbol("fan_out", integer=True, positive=True)
"""How many outputs read each number, on average: output channels times taps of the window."""


class Arguments(TypedDict, total=False):
    """What layers of weights take that says how they draw."""

    weight_std: Real
    bias_std: Real
    init: Initializer
    bias: bool
    bias_init: BiasInitializer


# Mean squares of this kind are exact: 1/2 for ReLU, whose gain is then printed as sqrt(2).
_LARGEST_DENOMINATOR = 1024
_AVERAGE = sympy.sqrt(2 * fan_in / (fan_in + fan_out))
_SCALES: dict[str, sympy.Expr] = {
    "lecun": sympy.S.One,
    "he": sympy.S.One,
    "kaiming": sympy.S.One,
    "glorot": _AVERAGE,
    "xavier": _AVERAGE,
}
"""σ_w for gain 1. He is LeCun with the gain of the activation, ReLU unless it is said."""
_RECTIFIED = ("he", "kaiming")
# PyTorch's normal distribution is whole; that of Keras and JAX ends at two deviations.
_NORMAL: dict[str, Initializer] = {"kaiming": "gaussian", "xavier": "gaussian"}
_THIRD: Arguments = {"weight_std": 1 / sympy.sqrt(3), "init": "uniform"}
_FRAMEWORKS: dict[str, tuple[Arguments, Arguments]] = {
    # Weights and biases uniform in ±1/√fan_in.
    "pytorch": (_THIRD, {"bias_std": 1 / sympy.sqrt(3 * fan_in), "bias_init": "uniform"}),
    "equinox": (_THIRD, {"bias_std": 1 / sympy.sqrt(3 * fan_in), "bias_init": "uniform"}),
    "keras": ({"weight_std": _AVERAGE, "init": "uniform"}, {"bias_std": 0.0}),
    "flax": ({"weight_std": 1.0, "init": "truncated_normal"}, {"bias_std": 0.0}),
}


def initialization(
    name: str, activation: object = None, *, gain: object = None, bias: bool = True
) -> Arguments:
    """Arguments of a layer of weights that draw them as a paper or a framework does.

    The variance of a weight is gain² / fan_in ("lecun"; LeCun et al. 1998), the same with the
    gain of ReLU unless another activation is named ("he", "kaiming"; He et al. 2015), or
    2 gain² / (fan_in + fan_out) ("glorot", "xavier"; Glorot & Bengio 2010). With "_uniform" or
    "_normal" behind the name they are uniform or normal, where "he_normal", "glorot_normal" and
    "lecun_normal" end at two deviations as in Keras and JAX, and "kaiming_normal" and
    "xavier_normal" do not, as in PyTorch; without, they are Gaussian. "gaussian", "uniform",
    "truncated_normal", "orthogonal" and "suo" have variance gain² / fan_in.

    "pytorch", "equinox", "keras" and "flax" are what their dense layers do when nothing is said;
    so do their convolutions, beside `delta=False`.

    Arguments:
        name: one of these.
        activation: what the layer reads: a name, a SymPy expression or an `Activation`.
        gain: the gain, in place of that of the activation.
        bias: whether the layer has biases.

    Returns: weight_std, init and, where they are set, bias_std, bias_init and bias. Where
        weight_std or bias_std depends on sizes, it is a formula in `kernelc.fan_in` and
        `kernelc.fan_out`, and the layer has the number once it is in a network.

    Raises:
        GraphError: an unknown name, or an activation or gain where the name leaves no choice.
        ActivationError: an unknown activation.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((100,))
        >>> he = kc.Dense(50, **kc.initialization("he_uniform"))
        >>> net = kc.Network(x, kc.chain(kc.Dense(50), kc.Activation("relu"), he)(x))
        >>> net["dense_2"].layer.text(), kc.derive(net).q_map
        ("Dense(50, weight_std=sqrt(2), init='uniform')", q)
        >>> kc.Dense(50, **kc.initialization("pytorch"))(x).layer.text()
        "Dense(50, weight_std=sqrt(3)/3, bias_std=sqrt(3)/(3*sqrt(fan_in)), init='uniform', \
bias_init='uniform')"
    """
    if name in _FRAMEWORKS:
        if activation is not None or gain is not None:
            _refuse(f"an activation or gain beside {name!r}", "frameworks ask for neither")
        weights, biases = _FRAMEWORKS[name]
        return weights | (biases if bias else {"bias": False})
    family, init = _parsed(name)
    if gain is None:
        assumed = "relu" if family in _RECTIFIED else None
        gain = _exact_gain(assumed if activation is None else activation)
    elif activation is not None:
        _refuse("an activation and a gain", "the gain is that of the activation, or another")
    std = _plain(gain * _SCALES.get(family, sympy.S.One))
    found: Arguments = {"weight_std": std, "init": init}
    return found if bias else found | {"bias": False}


def gain(activation: object) -> float:
    """The factor that makes up for an activation: 1 / sqrt(E phi(z)^2), z standard normal.

    With it q = 1 is kept: weights of variance gain^2 / fan_in behind phi give outputs of mean
    square 1. (PyTorch's `calculate_gain` has 5/3 for tanh and 3/4 for selu, which are not this.)

    Arguments:
        activation: a name, a SymPy expression, a `ScalarFunction` or an `Activation`.

    Raises:
        ActivationError: an unknown activation, or one whose mean square is not known.

    Example:
        >>> import kernelc as kc
        >>> round(kc.gain("relu") ** 2, 12), round(kc.gain("tanh"), 4), round(kc.gain("selu"), 4)
        (2.0, 1.5925, 1.0)
    """
    return float(_exact_gain(activation))


def _exact_gain(activation: object) -> Real:
    if activation is None:
        return sympy.S.One
    phi = _scalar(activation)
    if phi.homogeneity is not None:
        one = sympy.S.One
        second = phi.closed_dual(one, one, one)
        short = None if second is None else Fraction(float(second))
        if short is not None and short.denominator <= _LARGEST_DENOMINATOR:
            return 1 / sympy.sqrt(sympy.Rational(short.numerator, short.denominator))
    return 1 / math.sqrt(moments(phi, 1.0).second)


def _scalar(activation: object) -> ScalarFunction:
    layer = activation if isinstance(activation, Activation) else Activation(activation)
    return layer.scalar


def _parsed(name: object) -> tuple[str, Initializer]:
    """The family and the distribution."""
    for init in get_args(Initializer):
        if name == init:
            return init, init
    family, _, ending = name.partition("_") if isinstance(name, str) else ("", "", "")
    if family in _SCALES and ending in ("", "uniform", "normal"):
        if ending == "normal":
            return family, _NORMAL.get(family, "truncated_normal")
        return family, "uniform" if ending else "gaussian"
    _refuse(f"{str(name)[:64]!r}", f"names are {', '.join(names())}")


def names() -> list[str]:
    """What `initialization` knows by name."""
    endings = [f"{family}{end}" for family in _SCALES for end in ("", "_uniform", "_normal")]
    return [*endings, *get_args(Initializer), *_FRAMEWORKS]


def _plain(value: Real) -> Real:
    """Rational numbers, and those that SymPy would print with fifteen digits, as floats."""
    expr: sympy.Expr = sympy.sympify(value)
    plain = expr.is_Rational or (expr.is_number and expr.has(sympy.Float))
    return float(value) if plain else value


def _refuse(found: str, law: str) -> NoReturn:
    raise GraphError(
        where="initialization",
        found=found,
        law=law,
        remedy="choose one of the names, or give weight_std, bias_std and init by themselves",
    )
