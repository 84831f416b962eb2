"""Dense: one matrix applied to the channels of every location."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from .._errors import ShapeError
from ._initialisers import BiasKind, Kind, initialise, unit_draw
from ._layer import LayerModule, only, require_channels


class Dense(LayerModule):
    """x @ weight + bias on the last axis.

    The weight carries its whole scale σ_w/√fan-in, and is [in, out]: both are what K-FAC
    needs in order to see a dense layer.

    Arguments:
        weight: shape (in, out).
        bias: shape (out,), or None for no bias.
        weight_std: the σ_w that the weights were drawn with.
        bias_std: the σ_b that the biases were drawn with.

    Raises: ShapeError for weights of another rank, or a bias of another length.

    Example:
        >>> layer = Dense(jnp.ones((2, 3)), jnp.zeros(3))
        >>> layer((jnp.ones((1, 2)),))[0].tolist()
        [[2.0, 2.0, 2.0]]
    """

    weight: Float[Array, "in out"]
    bias: Float[Array, " out"] | None = None
    weight_std: float = eqx.field(static=True, converter=float, default=1.0)
    bias_std: float = eqx.field(static=True, converter=float, default=0.0)

    def __check_init__(self) -> None:
        check_weight("Dense", self.weight, (2,))
        check_bias("Dense", self.weight, self.bias)

    def __call__(
        self,
        inputs: tuple[Array, ...],
        state: eqx.nn.State | None = None,
        key: PRNGKeyArray | None = None,
        axis_name: str | None = None,
    ) -> tuple[Array, eqx.nn.State | None]:
        x = only("Dense", inputs)
        require_channels("Dense", x, self.weight.shape[0])
        y = x @ self.weight
        return (y if self.bias is None else y + self.bias), state

    def parameter_variances(self) -> PyTree:
        return in_their_place(self, self.weight_std**2 / self.weight.shape[0], self.bias_std**2)


def dense(
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
) -> Dense:
    """A `Dense` at initialisation: weights of variance weight_std²/in, biases bias_std².

    Arguments:
        key: randomness.
        in_channels: entries on the last axis of the input.
        out_channels: entries on the last axis of the output.
        weight_std: σ_w.
        bias_std: σ_b; 0 starts the biases, which are trained all the same, at zero.
        init: see `initialise`.
        bias: whether there are any.
        bias_init: how biases are drawn: see `unit_draw`.
        dtype: dtype of the parameters.

    Returns: the layer.

    Raises: as `initialise`.

    Example:
        >>> dense(jax.random.key(0), 4, 8, init="suo").weight.shape
        (4, 8)
    """
    weight_key, bias_key = jax.random.split(key)
    weight = initialise(init, weight_key, (), in_channels, out_channels, dtype=dtype)
    drawn = biases(bias_key, out_channels, bias_std, weight.dtype, bias_init) if bias else None
    return Dense(weight * weight_std, drawn, weight_std, bias_std)


def biases(
    key: PRNGKeyArray, size: int, std: float, dtype: Any, kind: BiasKind = "gaussian"
) -> Float[Array, " size"]:
    """Biases of standard deviation `std`, drawn as `unit_draw` says."""
    if std == 0:
        return jnp.zeros(size, dtype)
    return unit_draw(kind, key, (size,), dtype) * std


def in_their_place(layer: Any, weight: Any, bias: float) -> PyTree:
    """The layer with `weight` and `bias` where its parameters are, if it has them."""
    tree = eqx.tree_at(lambda tree: tree.weight, eqx.filter(layer, eqx.is_inexact_array), weight)
    return tree if layer.bias is None else eqx.tree_at(lambda tree: tree.bias, tree, bias)


def check_weight(where: str, weight: Array, ranks: tuple[int, ...]) -> None:
    """Require a weight of one of `ranks`."""
    if weight.ndim not in ranks:
        raise ShapeError(
            where=where,
            found=f"weights of shape {weight.shape}",
            law=f"weights are (*window, in, out), {ranks[0]} axes"
            + (f" to {ranks[-1]}" if len(ranks) > 1 else ""),
            remedy="reshape the weights, or use another layer",
        )


def check_bias(where: str, weight: Array, bias: Array | None) -> None:
    """Require one bias for each output channel."""
    if bias is not None and bias.shape != weight.shape[-1:]:
        raise ShapeError(
            where=where,
            found=f"a bias of shape {bias.shape} for weights of shape {weight.shape}",
            law="there is one bias for each output channel",
            remedy=f"give the bias the shape {weight.shape[-1:]}",
        )
