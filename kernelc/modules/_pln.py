"""PLN: per-location normalisation, inputs of q value one, as part of the model."""

from __future__ import annotations

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from .._errors import ShapeError, UnsupportedError
from ._layer import LayerModule, only
from ._precision import accumulator, as_dtype


class PLN(LayerModule):
    """[x, h]/√(mean [x, h]²) over the channels of every location (Martens et al. 2021).

    A location that is zero throughout has no direction: it becomes all ones, of q value one
    like any other, and passes no gradient. The dtype of the input is kept.

    Arguments:
        mode: "one" appends h = 1; "avg_q" appends the root mean square of the whole example,
            and needs a location axis; "off" appends nothing.

    Raises:
        UnsupportedError: an unknown mode.
        ShapeError: mode "avg_q" on inputs without locations.

    Example:
        >>> PLN("off")((jnp.array([[3.0, -3.0]]),))[0].tolist()
        [[1.0, -1.0]]
    """

    mode: Literal["one", "avg_q", "off"] = eqx.field(static=True, default="one")

    def __check_init__(self) -> None:
        if self.mode not in ("one", "avg_q", "off"):
            raise UnsupportedError(
                where="PLN: mode",
                found=repr(self.mode),
                law="the mode names how the homogeneous coordinate is chosen",
                remedy='choose "one", "avg_q" or "off"',
            )

    def __call__(
        self,
        inputs: tuple[Array, ...],
        state: eqx.nn.State | None = None,
        key: PRNGKeyArray | None = None,
        axis_name: str | None = None,
    ) -> tuple[Array, eqx.nn.State | None]:
        x = only("PLN", inputs)
        if self.mode == "avg_q" and x.ndim < 3:
            raise ShapeError(
                where="PLN",
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
        return as_dtype(y, x.dtype), state


def _root_mean_square(x: Float[Array, "..."], axes: tuple[int, ...]) -> Float[Array, "..."]:
    # Dividing by the largest entry first keeps the squares in range; the result does not
    # depend on that divisor, so no gradient needs to flow through it.
    top = jax.lax.stop_gradient(jnp.max(jnp.abs(x), axes, keepdims=True))
    empty = top == 0
    scaled = x / jnp.where(empty, 1.0, top)
    power = jnp.mean(jnp.square(scaled), axes, keepdims=True)
    # The root of zero has no slope: an empty location takes the root of one instead.
    return jnp.where(empty, 0.0, top * jnp.sqrt(jnp.where(empty, 1.0, power)))
