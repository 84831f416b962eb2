"""Deviations that depend on the sizes of a layer, as formulas in fan_in and fan_out."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

import sympy


L = TypeVar("L", bound=Any)

fan_in = sympy.Symbol("fan_in", integer=True, positive=True)
"""How many numbers each output of a layer sums over."""
fan_out = sympy.Symbol("fan_out", integer=True, positive=True)
"""How many outputs read each number, on average: output channels times taps of the window."""


def with_fans(layer: L, inputs: int, outputs: int) -> L:
    """The layer with its values where weight_std and bias_std are formulas in the fans."""
    changed = {}
    for field in ("weight_std", "bias_std"):
        formula = getattr(layer, field)
        if isinstance(formula, sympy.Expr) and formula.has(fan_in, fan_out):
            changed[field] = formula.subs({fan_in: inputs, fan_out: outputs})
    return dataclasses.replace(layer, **changed) if changed else layer
