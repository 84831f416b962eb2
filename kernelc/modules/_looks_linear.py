"""LooksLinear: both halves of a value through mirrored weights."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from .._errors import ShapeError
from ._dense import biases, check_bias, check_weight, in_their_place
from ._initialisers import BiasKind, Kind, initialise
from ._layer import LayerModule, only, require_channels


class LooksLinear(LayerModule):
    """(relu(x), relu(−x)) @ weight + bias on the last axis.

    (Balduzzi et al. 2017.) With weights (V, −V), as they are drawn, this is x @ V + bias.

    Arguments:
        weight: shape (2 in, out); the first half of the rows reads relu(x).
        bias: shape (out,), or None for no bias.
        weight_std: σ_w; each weight was drawn with variance σ_w²/in.
        bias_std: the σ_b that the biases were drawn with.

    Raises: ShapeError for weights of another rank, an odd number of rows, or a bias of another
        length.

    Example:
        >>> layer = LooksLinear(jnp.array([[2.0], [-2.0]]))
        >>> layer((jnp.array([[-3.0]]),))[0].tolist()
        [[-6.0]]
    """

    weight: Float[Array, "twice_in out"]
    bias: Float[Array, " out"] | None = None
    weight_std: float = eqx.field(static=True, converter=float, default=1.0)
    bias_std: float = eqx.field(static=True, converter=float, default=0.0)

    def __check_init__(self) -> None:
        check_weight("LooksLinear", self.weight, (2,))
        check_bias("LooksLinear", self.weight, self.bias)
        if self.weight.shape[0] % 2:
            raise ShapeError(
                where="LooksLinear",
                found=f"weights of shape {self.weight.shape}",
                law="half of the rows read relu(x), the other half relu(-x)",
                remedy="give the weights two rows for each input channel",
            )

    def __call__(
        self,
        inputs: tuple[Array, ...],
        state: eqx.nn.State | None = None,
        key: PRNGKeyArray | None = None,
        axis_name: str | None = None,
    ) -> tuple[Array, eqx.nn.State | None]:
        x = only("LooksLinear", inputs)
        require_channels("LooksLinear", x, self.weight.shape[0] // 2)
        halves = jnp.concatenate([jax.nn.relu(x), jax.nn.relu(-x)], axis=-1)
        y = halves @ self.weight
        return (y if self.bias is None else y + self.bias), state

    def parameter_variances(self) -> PyTree:
        channels = self.weight.shape[0] // 2
        return in_their_place(self, self.weight_std**2 / channels, self.bias_std**2)


def looks_linear(
    key: PRNGKeyArray,
    in_channels: int,
    out_channels: int,
    *,
    weight_std: float = 1.0,
    bias_std: float = 0.0,
    init: Kind = "gaussian",
    bias: bool = True,
    bias_init: BiasKind = "gaussian",
    dtype: Any = "float32",
) -> LooksLinear:
    """A `LooksLinear` at initialisation: weights (V, −V), V of variance weight_std²/in.

    Arguments:
        key: randomness.
        in_channels: entries on the last axis of the input.
        out_channels: entries on the last axis of the output.
        weight_std: σ_w.
        bias_std: σ_b; 0 starts the biases at zero.
        init: how V is drawn: see `initialise`.
        bias: whether there are any.
        bias_init: how biases are drawn: see `unit_draw`.
        dtype: dtype of the parameters.

    Returns: the layer.

    Raises: as `initialise`.

    Example:
        >>> looks_linear(jax.random.key(0), 4, 8, init="orthogonal").weight.shape
        (8, 8)
    """
    weight_key, bias_key = jax.random.split(key)
    drawn = initialise(init, weight_key, (), in_channels, out_channels, dtype=dtype) * weight_std
    weight = jnp.concatenate([drawn, -drawn])
    start = biases(bias_key, out_channels, bias_std, weight.dtype, bias_init) if bias else None
    return LooksLinear(weight, start, weight_std, bias_std)
