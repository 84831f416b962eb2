"""How weights were drawn, measured from their values."""

from __future__ import annotations

import math
from typing import TypedDict

import numpy as np

from ...modules import BiasInitializer, Initializer


class Drawn(TypedDict):
    """What layers of weights are told about how they are drawn."""

    weight_std: float
    init: Initializer
    bias_std: float
    bias_init: BiasInitializer


_HALFWAY = 2.4
"""Between E x^4 / (E x^2)^2 of a uniform law, 1.8, and of a Gaussian one, 3."""
_ERRORS = 4.0
"""Standard errors within which a standard deviation is taken for one with a short formula."""


def initial_weights(weight: np.ndarray, bias: np.ndarray | None) -> Drawn:
    """Standard deviations of weights and biases, in the scale of fan-in.

    A standard deviation that agrees with a common one (1, sqrt(2), 1/sqrt(3), Glorot's, or a
    round number of weights) within its standard error is taken as that.

    Arguments:
        weight: (fan-in, out).
        bias: (out,), or None.

    Example:
        >>> drawn = np.random.default_rng(0).normal(0, 0.1, (100, 50))
        >>> initial_weights(drawn, np.zeros(50))["weight_std"]
        1.0
    """
    fan_in, fan_out = weight.shape
    std, error = _std(weight)
    known = (1.0, math.sqrt(2), 1 / math.sqrt(3), math.sqrt(2 * fan_in / (fan_in + fan_out)))
    weight_std = _snapped(std * math.sqrt(fan_in), error * math.sqrt(fan_in), known)
    drawn = Drawn(weight_std=weight_std, init=_law(weight, std), bias_std=0.0, bias_init="gaussian")
    if bias is not None and np.any(bias):
        bias_std, bias_error = _std(bias)
        drawn["bias_std"] = _snapped(bias_std, bias_error, (1 / math.sqrt(3 * fan_in),))
        drawn["bias_init"] = "uniform" if _law(bias, bias_std) == "uniform" else "gaussian"
    return drawn


def initial_table(table: np.ndarray) -> float:
    """The standard deviation of the entries of a table of vectors."""
    std, error = _std(table)
    return _snapped(std, error, (1.0, 0.02, 0.01))


def _std(values: np.ndarray) -> tuple[float, float]:
    """Root of the mean square, and its standard error."""
    squares = np.square(np.asarray(values, np.float64)).ravel()
    std = math.sqrt(squares.mean())
    spread = float(squares.std()) if squares.size > 1 else float(squares[0])
    return std, spread / (2 * max(std, 1e-300) * math.sqrt(squares.size))


def _snapped(value: float, error: float, known: tuple[float, ...]) -> float:
    near = [each for each in known if abs(value - each) <= _ERRORS * error]
    return min(near, key=lambda each: abs(each - value)) if near else value


def _law(values: np.ndarray, std: float) -> Initializer:
    if std == 0:
        return "zero"
    squares = np.square(values, dtype=np.float64) / std**2
    kurtosis = float(np.mean(np.square(squares)))
    bounded = squares.max() <= 3 * 1.02**2
    return "uniform" if kurtosis < _HALFWAY and bounded else "gaussian"
