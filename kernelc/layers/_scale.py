"""Scale: multiplication by one number."""

from __future__ import annotations

import dataclasses
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ..ir import Real, Shape, Shapes
from ..modules import MapModule
from ._fields import boolean, numeric
from ._gain_layer import GainLayer


@final
@dataclasses.dataclass(frozen=True)
class Scale(GainLayer):
    """Multiplication by `value`: K <- value^2 K, Theta <- value^2 Theta.

    Arguments:
        value: a number or a SymPy symbol.
        trainable: whether the finite layer learns it (SkipInit, ReZero). Its own gradient is
            one parameter among many and vanishes from the NTK in the infinite-width limit
            taken here.

    Example:
        >>> import kernelc as kc
        >>> kc.Scale(0.5).text()
        'Scale(0.5)'
    """

    value: Real
    trainable: bool = True

    problem = "a scale of {} changes q"
    remedy = "start it at 1"

    def __post_init__(self) -> None:
        super().__post_init__()
        boolean("Scale", "trainable", self.trainable)

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> ScaleModule:
        value = numeric("Scale", "value", self.value)
        return ScaleModule(jnp.asarray(value, dtype) if self.trainable else value)


class ScaleModule(MapModule):
    """value · x.

    Arguments:
        value: an array is trained, a number is fixed.

    Example:
        >>> ScaleModule(3.0)((jnp.ones((1, 1)),))[0].tolist()
        [[3.0]]
    """

    value: Float[Array, ""] | None
    fixed: float | None = eqx.field(static=True)

    def __init__(self, value: Float[Array, ""] | float) -> None:
        trained = isinstance(value, jax.Array)
        self.value = value if trained else None
        self.fixed = None if trained else float(value)

    def apply(self, x: Array) -> Array:
        factor = self.fixed if self.value is None else self.value
        assert factor is not None  # one of the two is set
        return factor * x
