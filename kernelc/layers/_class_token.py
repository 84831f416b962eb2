"""ClassToken: a trained vector in front of a sequence."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import final

import equinox as eqx
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PyTree

from .._errors import ShapeError
from ..ir import KernelAlgebra, Layer, Real, S, Selected, Shape, Shapes, ShapingRule, Weights
from ..modules import MapModule
from ._fields import finite_number, numeric
from ._token_layer import require_sequence
from ._weight_module import biases


@final
@dataclasses.dataclass(frozen=True)
class ClassToken(Layer):
    """A vector in front of a sequence, the same for all inputs (Devlin et al. 2019).

    At its location K = std^2 and Theta = std^2 for every pair of inputs, or Theta = 1 in the
    standard parameterization. With other locations it has no covariance. `FirstToken` reads it
    again.

    Arguments:
        std: standard deviation of its entries; a number or a SymPy symbol. With 0 they start at
            zero and train.

    Raises:
        GraphError: a std that is negative or not finite.
        ShapeError: in a network, for an input that is not of shape (length, channels).

    Example:
        >>> import kernelc as kc, numpy as np
        >>> x = kc.Tokens(2, vocabulary=10)
        >>> net = kc.Network(x, kc.chain(kc.Embedding(64), kc.ClassToken(0.5))(x))
        >>> kc.kernel_fn(net)(np.array([[7, 9]]), np.array([[7, 8]])).nngp.tolist()
        [[[0.25, 1.0, 0.0]]]
    """

    std: Real = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "std", finite_number("ClassToken", "std", self.std, minimum=0))

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        require_sequence("ClassToken", shapes[0], where)
        length, channels = shapes[0]
        return (length + 1, channels)

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        length = shapes[0][0]
        # Biases of a layer that reads nothing, left at one location.
        drawn = algebra.fresh(inputs[0], Weights(0.0, self.std**2, 0))
        token = algebra.mix(drawn, Selected((length,), ((0, *(-1,) * length),)))
        others = algebra.mix(inputs[0], Selected((length,), ((-1, *range(length)),)))
        return algebra.weighted_sum([token, others], [1.0, 1.0])

    def location_key(self, shapes: Shapes) -> Hashable:
        return shapes[0][:-1]

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        if self.std == 1:
            return ShapingRule(self)
        return ShapingRule(
            ClassToken(1.0),
            problem=f"std = {self.std} gives the token another q than 1",
            remedy="use std=1",
        )

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> ClassTokenModule:
        std = numeric("ClassToken", "std", self.std)
        return ClassTokenModule(biases(key, out[-1:], std, dtype), std)


class ClassTokenModule(MapModule):
    """The token before the locations of each example: (batch, 1 + length, channels).

    Arguments:
        token: (channels,).
        std: the standard deviation that the entries were drawn with.

    Raises: ShapeError for an input of another shape.

    Example:
        >>> layer = ClassTokenModule(jnp.array([5.0]))
        >>> layer((jnp.array([[[1.0], [2.0]]]),))[0].ravel().tolist()
        [5.0, 1.0, 2.0]
    """

    token: Float[Array, " channels"]
    std: float = eqx.field(static=True, converter=float, default=1.0)

    def apply(self, x: Array) -> Array:
        if x.ndim != 3 or x.shape[-1:] != self.token.shape:
            raise ShapeError(
                where=self.kind,
                found=f"an input of shape {x.shape}",
                law=f"the token stands before sequences: (batch, length, {self.token.size})",
                remedy="give it batches of sequences",
            )
        token = jnp.broadcast_to(self.token.astype(x.dtype), (x.shape[0], 1, x.shape[-1]))
        return jnp.concatenate([token, x], axis=1)

    def parameter_variances(self) -> PyTree:
        arrays = eqx.filter(self, eqx.is_inexact_array)
        return eqx.tree_at(lambda tree: tree.token, arrays, self.std**2)
