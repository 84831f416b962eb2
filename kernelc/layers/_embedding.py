"""Embedding: a trained vector for each token."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import ClassVar, Literal, final, get_args

import equinox as eqx
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PyTree

from .._errors import ShapeError
from ..ir import KernelAlgebra, Layer, Real, S, Shape, Shapes, ShapingRule, Weights
from ..modules import MapModule, initialize, look_up
from ._fields import finite_number, numeric, one_of, positive_integers, trained_bias


TableInitializer = Literal["gaussian", "orthogonal", "suo", "uniform", "truncated_normal"]


@final
@dataclasses.dataclass(frozen=True)
class Embedding(Layer):
    """A vector for each token: K <- std^2 [t = t'], Theta <- K, or [t = t'] in the standard
    parameterization.

    Entries have variance std^2, whatever the vocabulary: each output reads one entry.

    Arguments:
        width: number of output channels.
        std: standard deviation of the entries; a number or a SymPy symbol.
        init: how entries are drawn: as weights of `Dense`. "orthogonal" and "suo" make the
            vectors of all tokens orthogonal and of q value std^2 where width >= vocabulary, and
            else the channels orthogonal.

    Raises:
        ShapeError: a width that is not a positive integer.
        GraphError: a std that is negative or not finite, an unknown init, or another input than
            `Tokens`.

    Example:
        >>> import kernelc as kc, numpy as np
        >>> x = kc.Tokens(2, vocabulary=50_000)
        >>> k = kc.kernel_fn(kc.Network(x, kc.chain(kc.Embedding(64), kc.Flatten())(x)))
        >>> k(np.array([[7, 9], [7, 8]])).nngp.tolist()
        [[1.0, 0.5], [0.5, 1.0]]
    """

    width: int
    std: Real = 1.0
    init: TableInitializer = "gaussian"
    reads_tokens: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive_integers(self, "width")
        object.__setattr__(self, "std", finite_number("Embedding", "std", self.std, minimum=0))
        one_of("Embedding", "init", self.init, get_args(TableInitializer))

    @property
    def weight_std(self) -> Real:
        """`std`, by the name that it has in other layers of weights."""
        return self.std

    @property
    def bias_std(self) -> float:
        """0: there are no biases."""
        return 0.0

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        return (*shapes[0][:-1], self.width)

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        orthogonal = self.init in ("orthogonal", "suo")
        return algebra.fresh(inputs[0], Weights(self.std**2, 0.0, 1, False, orthogonal))

    def kernel_key(self, shapes: Shapes) -> Real:
        return self.std

    def with_weights(
        self,
        weight_std: Real | None = None,
        bias_std: Real | None = None,
        init: str | None = None,
    ) -> Embedding:
        trained_bias("Embedding", False, 0 if bias_std is None else bias_std)
        std = self.std if weight_std is None else weight_std
        drawn = self.init if init is None else init
        return dataclasses.replace(self, std=std, init=drawn)

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        if self.std == 1:
            return ShapingRule(self)
        return ShapingRule(
            self.with_weights(1.0),
            problem=f"std = {self.std} changes q at initialization",
            remedy="use std=1",
            by_tokens=True,
        )

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> EmbeddingModule:
        std, vocabulary = numeric("Embedding", "std", self.std), shapes[0][-1]
        # The weights of a dense layer on vectors with one entry sqrt(vocabulary).
        table = initialize(self.init, key, (), vocabulary, self.width, dtype=dtype)
        return EmbeddingModule(table * jnp.asarray(math.sqrt(vocabulary) * std, dtype), std)


class EmbeddingModule(MapModule):
    """table[x] for integers x; NaN for what is no row of the table.

    Arguments:
        table: a row for each token.
        std: the standard deviation that the entries were drawn with.

    Raises: ShapeError for a table of another rank.

    Example:
        >>> layer = EmbeddingModule(jnp.array([[1.0, 2.0], [3.0, 4.0]]))
        >>> layer((jnp.array([[1, 0, 2]]),))[0].tolist()
        [[[3.0, 4.0], [1.0, 2.0], [nan, nan]]]
    """

    table: Float[Array, "vocabulary width"]
    std: float = eqx.field(static=True, converter=float, default=1.0)

    def __check_init__(self) -> None:
        if len(self.table.shape) != 2:
            raise ShapeError(
                where=self.kind,
                found=f"a table of shape {self.table.shape}",
                law="a table has a row for each token and a column for each channel",
                remedy="reshape the table",
            )

    def apply(self, x: Array) -> Array:
        rows = jnp.where(x < 0, self.table.shape[0], x)
        return look_up(self.table, rows[..., None])

    def parameter_variances(self) -> PyTree:
        arrays = eqx.filter(self, eqx.is_inexact_array)
        return eqx.tree_at(lambda tree: tree.table, arrays, self.std**2)
