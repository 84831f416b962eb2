"""Product: gating."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar, final

from jax.typing import DTypeLike
from jaxtyping import Array

from ..ir import KernelAlgebra, Layer, S, Shape, Shapes
from ..modules import JoinModule, alike
from ._fields import same_shape


@final
@dataclasses.dataclass(frozen=True)
class Product(Layer):
    """Elementwise product of independent branches: K = prod K_i, Theta = sum_i Theta_i prod K_j.

    Raises:
        DependenceError: on deriving, when factors share random weights.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((8,))
        >>> gate = kc.chain(kc.Dense(8), kc.Activation("sigmoid"))
        >>> kc.Product()(kc.Dense(8)(x), gate(x))
        <node Product()>
    """

    arity: ClassVar[int | None] = None

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        return same_shape(shapes, where, "a product")

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        return algebra.product(inputs)

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> ProductModule:
        return ProductModule()


class ProductModule(JoinModule):
    """The entry by entry product of all inputs, which have one shape.

    Example:
        >>> import jax.numpy as jnp
        >>> ProductModule()((jnp.full((1, 1), 2.0), jnp.full((1, 1), 3.0)))[0].tolist()
        [[6.0]]
    """

    def apply(self, inputs: tuple[Array, ...]) -> Array:
        alike(self.kind, inputs)
        product = inputs[0]
        for x in inputs[1:]:
            product = product * x
        return product
