"""Dual rules: Gaussian means of one activation over arrays of pairs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import jax
import jax.numpy as jnp

from ..activations import ScalarFunction
from ._moments import at_zero
from ._pair import Number, Pair


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
    def mean(self, q: Number, order: int) -> Number:
        """E phi^(order)(u)."""

    @abstractmethod
    def second(self, q: Number) -> Number:
        """Q(q) = E phi(u)^2."""

    @abstractmethod
    def value(self, pair: Pair, order: int) -> Number:
        """E phi^(order)(u) phi^(order)(v)."""

    def drop(self, pair: Pair) -> Number:
        """(Q(q) + Q(q'))/2 - E phi(u) phi(v), exactly 0 where both are one input."""
        left, right = self.second(pair.left), self.second(pair.right)
        drop = (left + right) / 2 - self.value(pair, 0)
        # Never below what the q values alone make it: Cauchy and Schwarz, up to rounding.
        return jnp.where(pair.same, 0.0, jnp.maximum(drop, 0.0))

    def describe(self) -> str:
        """One line for `explain`."""
        return self.name


def derivative(phi: ScalarFunction, order: int) -> Callable[[jax.Array], jax.Array]:
    """phi or phi' on JAX arrays; at a kink, the value JAX gives."""
    if order == 0:
        return phi.jax
    return lambda x: jax.jvp(phi.jax, (x,), (jnp.ones_like(x),))[1]


class ConstantRule(DualRule):
    """phi(0) for all inputs: values that are zero whatever the input, as behind weights of zero."""

    bounded = False

    def __init__(self, phi: ScalarFunction) -> None:
        self.phi, self.name = phi, phi.name

    def mean(self, q: Number, order: int) -> Number:
        return _like(q, at_zero(self.phi, order))

    def second(self, q: Number) -> Number:
        return _like(q, at_zero(self.phi) ** 2)

    def value(self, pair: Pair, order: int) -> jax.Array:
        return jnp.full_like(pair.drop, at_zero(self.phi, order) ** 2)

    def drop(self, pair: Pair) -> jax.Array:
        return jnp.zeros_like(pair.drop)

    def describe(self) -> str:
        return f"{self.name}: the constant {at_zero(self.phi):.6g}"


def _like(q: Number, value: float) -> Number:
    return value if isinstance(q, float) else jnp.full_like(q, value)
