"""Duals of values that are zero whatever the input, as behind weights of zero."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from ..activations import ScalarFunction
from ._line import at_zero
from ._pair import Pair
from ._rule import DualRule


class ConstantRule(DualRule):
    """phi(0) for all inputs.

    Arguments:
        phi: the function.
    """

    bounded = False

    def __init__(self, phi: ScalarFunction) -> None:
        self.phi, self.name = phi, phi.name

    def mean(self, q: Any, order: int) -> Any:
        return _like(q, at_zero(self.phi, order))

    def second(self, q: Any) -> Any:
        return _like(q, at_zero(self.phi) ** 2)

    def value(self, pair: Pair, order: int) -> Any:
        return jnp.full_like(pair.drop, at_zero(self.phi, order) ** 2)

    def drop(self, pair: Pair) -> Any:
        return jnp.zeros_like(pair.drop)

    def describe(self) -> str:
        return f"{self.name}: the constant {at_zero(self.phi):.6g}"


def _like(q: Any, value: float) -> Any:
    return value if isinstance(q, float) else jnp.full_like(q, value)
