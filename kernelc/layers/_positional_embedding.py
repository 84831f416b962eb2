"""PositionalEmbedding: a trained vector for each location, added to what is there."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import final

import equinox as eqx
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PyTree

from .._errors import ShapeError
from ..ir import KernelAlgebra, Layer, OwnWeights, Real, S, Shape, Shapes, ShapingRule, Weights
from ..modules import MapModule
from ._fields import finite_number, numeric
from ._weight_module import biases


@final
@dataclasses.dataclass(frozen=True)
class PositionalEmbedding(Layer):
    """A vector for each location, the same for all inputs: K(p, p') <- K(p, p') + std^2 [p = p'].

    Theta(p, p') <- Theta(p, p') + std^2 [p = p'], or + [p = p'] in the standard parameterization.
    Both also hold between two inputs: what they share is their positions.

    Arguments:
        std: standard deviation of the entries; a number or a SymPy symbol. With 0 they start at
            zero and train.

    Raises:
        GraphError: a std that is negative or not finite.
        ShapeError: an input without locations.

    Example:
        >>> import kernelc as kc, numpy as np
        >>> x = kc.Tokens(2, vocabulary=10)
        >>> net = kc.Network(x, kc.chain(kc.Embedding(64), kc.PositionalEmbedding(0.5))(x))
        >>> kc.kernel_fn(net)(np.array([[7, 9]]), np.array([[7, 8]])).nngp.tolist()
        [[[1.25, 0.25]]]
    """

    std: Real = 1.0

    def __post_init__(self) -> None:
        std = finite_number("PositionalEmbedding", "std", self.std, minimum=0)
        object.__setattr__(self, "std", std)

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        if len(shapes[0]) < 2:
            raise ShapeError(
                where=where,
                found=f"an input of shape {shapes[0]}",
                law="positions are those of locations: shape (*locations, channels)",
                remedy="put it before locations are flattened or pooled",
            )
        return shapes[0]

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        # Biases of a layer that reads nothing, at each location drawn anew.
        positions = algebra.fresh(inputs[0], Weights(0.0, self.std**2, 0))
        own = algebra.mix(positions, OwnWeights(tuple(shapes[0][:-1])))
        return algebra.weighted_sum([inputs[0], own], [1.0, 1.0])

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        if self.std == 0:
            return ShapingRule(self)
        return ShapingRule(
            PositionalEmbedding(0.0),
            problem=f"std = {self.std} adds {self.std**2} to q",
            remedy="use std=0 (positions still train)",
            by_tokens=True,
        )

    def module(
        self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike
    ) -> PositionalEmbeddingModule:
        std = numeric("PositionalEmbedding", "std", self.std)
        return PositionalEmbeddingModule(biases(key, out, std, dtype), std)


class PositionalEmbeddingModule(MapModule):
    """x + table.

    Arguments:
        table: (*locations, channels).
        std: the standard deviation that the entries were drawn with.

    Raises: ShapeError for an input of another shape.

    Example:
        >>> import jax.numpy as jnp
        >>> layer = PositionalEmbeddingModule(jnp.array([[1.0], [2.0]]))
        >>> layer((jnp.zeros((1, 2, 1)),))[0].tolist()
        [[[1.0], [2.0]]]
    """

    table: Float[Array, "*locations channels"]
    std: float = eqx.field(static=True, converter=float, default=1.0)

    def apply(self, x: Array) -> Array:
        if x.shape[1:] != self.table.shape:
            raise ShapeError(
                where=self.kind,
                found=f"an input of shape {x.shape}",
                law=f"this layer has a vector for each location of (n, "
                f"{str(self.table.shape)[1:-1]})",
                remedy="build the layer for the locations it will see",
            )
        return x + self.table

    def parameter_variances(self) -> PyTree:
        arrays = eqx.filter(self, eqx.is_inexact_array)
        return eqx.tree_at(lambda tree: tree.table, arrays, self.std**2)
