"""PLN: per-location normalization of the input."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Literal, final, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from .._errors import ShapeError
from ..ir import KernelAlgebra, Layer, S, Shape, Shapes
from ..modules import MapModule, accumulator, as_dtype
from ._fields import one_of


Mode = Literal["one", "avg_q", "off"]


@final
@dataclasses.dataclass(frozen=True)
class PLN(Layer):
    """Per-location normalization: append a homogeneous coordinate h, then scale to q = 1.

    K <- (d K + h^2) / (d q + h^2) for d channels, with h = 1 ("one"), h the root mean square
    of the example ("avg_q"), or no coordinate ("off") (Martens et al. 2021). Locations that
    are all zero stay finite in every mode.

    Arguments:
        mode: "one", "avg_q" or "off".

    Raises:
        ShapeError: "avg_q" on an input without locations.

    Example:
        >>> import kernelc as kc
        >>> kc.PLN().out_shape([(8, 8, 3)], "pln")
        (8, 8, 4)
    """

    mode: Mode = "one"

    def __post_init__(self) -> None:
        one_of("PLN", "mode", self.mode, get_args(Mode))

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        if self.mode == "avg_q" and len(shapes[0]) == 1:
            raise ShapeError(
                where=where,
                found=f"an input of shape {shapes[0]} with mode 'avg_q'",
                law="the mean q value of an example is over at least one location axis",
                remedy="use mode 'one'",
            )
        added = 0 if self.mode == "off" else 1
        return (*shapes[0][:-1], shapes[0][-1] + added)

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        return algebra.pln(inputs[0], shapes[0][-1], self.mode)

    def kernel_key(self, shapes: Shapes) -> Hashable:
        return self.mode, shapes[0][-1]

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> PLNModule:
        return PLNModule(self.mode)


class PLNModule(MapModule):
    """[x, h]/√(mean [x, h]²) over the channels of every location (Martens et al. 2021).

    A location that is zero throughout has no direction: it becomes all ones, of q value one
    like any other, and passes no gradient. The dtype of the input is kept.

    Arguments:
        mode: "one" appends h = 1; "avg_q" appends the root mean square of the whole example,
            and needs a location axis; "off" appends nothing.

    Raises: ShapeError for mode "avg_q" on inputs without locations.

    Example:
        >>> PLNModule("off")((jnp.array([[3.0, -3.0]]),))[0].tolist()
        [[1.0, -1.0]]
    """

    mode: Mode = eqx.field(static=True, default="one")

    def apply(self, x: Array) -> Array:
        if self.mode == "avg_q" and x.ndim < 3:
            raise ShapeError(
                where=self.kind,
                found=f'an input of shape {x.shape} with mode "avg_q"',
                law="the mean q value of an example is over at least one location axis",
                remedy='use mode "one"',
            )
        wide = as_dtype(x, accumulator(x.dtype))
        if self.mode == "one":
            wide = jnp.concatenate([wide, jnp.ones_like(wide[..., :1])], axis=-1)
        elif self.mode == "avg_q":
            size = _root_mean_square(wide, tuple(range(1, x.ndim)))
            column = jnp.broadcast_to(size, (*x.shape[:-1], 1))
            wide = jnp.concatenate([wide, column], axis=-1)
        size = _root_mean_square(wide, (-1,))
        empty = size == 0
        # Both branches of a `where` are differentiated, so the divisor must be safe as well.
        y = jnp.where(empty, 1.0, wide / jnp.where(empty, 1.0, size))
        return as_dtype(y, x.dtype)


def _root_mean_square(x: Float[Array, "..."], axes: tuple[int, ...]) -> Float[Array, "..."]:
    # Dividing by the largest entry first keeps the squares in range; the result does not
    # depend on that divisor, so no gradient needs to flow through it.
    top = jax.lax.stop_gradient(jnp.max(jnp.abs(x), axes, keepdims=True))
    empty = top == 0
    scaled = x / jnp.where(empty, 1.0, top)
    power = jnp.mean(jnp.square(scaled), axes, keepdims=True)
    # The root of zero has no slope: an empty location takes the root of one instead.
    return jnp.where(empty, 0.0, top * jnp.sqrt(jnp.where(empty, 1.0, power)))
