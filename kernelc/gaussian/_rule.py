"""What a dual rule answers: Gaussian means of one activation over arrays of pairs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..activations import ScalarFunction
from ._pair import Pair


class DualRule(ABC):
    """E phi(u) phi(v) and its kin for one activation, as functions of arrays.

    q values are floats where all inputs share one that is known while compiling; scalars or
    arrays of any shape otherwise. Derivatives are of order 0 or 1.
    """

    name: str
    grows: bool = False
    """Whether Q grows faster than q, so that q values of a pair move ever further apart."""
    bounded: bool = True
    """Whether it holds only within the q values it was made for."""

    @abstractmethod
    def mean(self, q: Any, order: int) -> Any:
        """E phi^(order)(u)."""

    @abstractmethod
    def second(self, q: Any) -> Any:
        """Q(q) = E phi(u)^2."""

    @abstractmethod
    def value(self, pair: Pair, order: int) -> Any:
        """E phi^(order)(u) phi^(order)(v)."""

    def drop(self, pair: Pair) -> Any:
        """(Q(q) + Q(q'))/2 - E phi(u) phi(v), exactly 0 where both are one input."""
        left, right = self.second(pair.left), self.second(pair.right)
        drop = (left + right) / 2 - self.value(pair, 0)
        # Never below what the q values alone make it: Cauchy and Schwarz, up to rounding.
        return jnp.where(pair.same, 0.0, jnp.maximum(drop, 0.0))

    def describe(self) -> str:
        """One line for `explain`."""
        return self.name


def derivative(phi: ScalarFunction, order: int) -> Callable[[Any], Any]:
    """phi or phi' on JAX arrays; at a kink, the value JAX gives."""
    if order == 0:
        return phi.jax
    return lambda x: jax.jvp(phi.jax, (x,), (jnp.ones_like(x),))[1]
