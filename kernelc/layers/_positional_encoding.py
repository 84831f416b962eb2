"""PositionalEncoding: sinusoids of the location, added to what is there."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Hashable, Sequence
from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float64

from .._errors import ShapeError
from ..ir import FixedVectors, KernelAlgebra, Layer, Real, S, Shape, Shapes, ShapingRule
from ..modules import MapModule
from ._fields import finite_number, numeric
from ._positional_embedding import PositionalEmbedding
from ._token_layer import require_sequence


@final
@dataclasses.dataclass(frozen=True)
class PositionalEncoding(Layer):
    """Sinusoids of the location: K(p, p') <- K(p, p') + std^2 mean_f cos(w_f (p - p')).

    The table sqrt(2) std [sin(w_f p), cos(w_f p)] with w_f = base^(-2f/channels) is that of
    Vaswani et al. (2017), scaled to q = std^2. It does not train: Theta stays. The rule also holds
    between two inputs. A nonlinearity does not read it without a layer of weights in between.

    Arguments:
        std: root mean square of the entries; a number or a SymPy symbol.
        base: the longest wavelength over 2 pi, above 1.

    Raises:
        GraphError: a std that is negative or not finite, a base that is not above 1.
        ShapeError: in a network, for an input that is not of shape (length, channels), or an odd
            number of channels.

    Example:
        >>> import kernelc as kc, numpy as np
        >>> x = kc.Tokens(2, vocabulary=10)
        >>> net = kc.Network(x, kc.chain(kc.Embedding(64), kc.PositionalEncoding(0.5))(x))
        >>> kc.kernel_fn(net)(np.array([[7, 9]]), np.array([[7, 8]])).nngp.tolist()
        [[[1.25, 0.25]]]
    """

    std: Real = 1.0
    base: float = 10_000.0

    def __post_init__(self) -> None:
        std = finite_number("PositionalEncoding", "std", self.std, minimum=0)
        base = finite_number("PositionalEncoding", "base", self.base, minimum=1, symbol=False)
        object.__setattr__(self, "std", std)
        object.__setattr__(self, "base", base)

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        require_sequence("PositionalEncoding", shapes[0], where)
        if shapes[0][-1] % 2:
            raise ShapeError(
                where=where,
                found=f"{shapes[0][-1]} channels",
                law="each frequency has a sine and a cosine",
                remedy="choose an even number of channels",
            )
        return shapes[0]

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        length, channels = shapes[0]
        gaps, means = _moments(length, channels, self.base)
        own = algebra.fixed(inputs[0], FixedVectors(self.std**2, gaps, means))
        return algebra.weighted_sum([inputs[0], own], [1.0, 1.0])

    def location_key(self, shapes: Shapes) -> Hashable:
        return shapes[0]

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        return ShapingRule(
            PositionalEmbedding(0.0),
            problem=f"std = {self.std} adds {self.std**2} to q",
            remedy="use PositionalEmbedding(0), which starts at zero and trains",
            by_tokens=True,
        )

    def module(
        self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike
    ) -> PositionalEncodingModule:
        std = numeric("PositionalEncoding", "std", self.std)
        return PositionalEncodingModule(*out, std=std, base=self.base)


class PositionalEncodingModule(MapModule):
    """x + table, which is made of numbers that do not train.

    Arguments:
        length, channels: of what comes in.
        std: root mean square of the table.
        base: the longest wavelength over 2 pi.

    Raises: ShapeError for an input of another shape.

    Example:
        >>> layer = PositionalEncodingModule(2, 2, 0.5**0.5)
        >>> layer((jnp.zeros((1, 2, 2)),))[0].round(3).tolist()
        [[[0.0, 1.0], [0.8410000205039978, 0.5400000214576721]]]
    """

    length: int = eqx.field(static=True)
    channels: int = eqx.field(static=True)
    std: float = eqx.field(static=True, converter=float, default=1.0)
    base: float = eqx.field(static=True, converter=float, default=10_000.0)

    def apply(self, x: Array) -> Array:
        if x.shape[1:] != (self.length, self.channels):
            raise ShapeError(
                where=self.kind,
                found=f"an input of shape {x.shape}",
                law=f"this layer has a vector for each location of (n, {self.length}, "
                f"{self.channels})",
                remedy="build the layer for the locations it will see",
            )
        return x + jnp.asarray(self.std * _table(self.length, self.channels, self.base), x.dtype)


def _angles(length: int, channels: int, base: float) -> Float64[np.ndarray, "length frequencies"]:
    frequencies = base ** (-np.arange(0, channels, 2) / channels)
    return np.arange(length)[:, None] * frequencies


def _table(length: int, channels: int, base: float) -> Float64[np.ndarray, "length channels"]:
    """Sines and cosines in turn, of mean square 1."""
    angles = _angles(length, channels, base)
    pairs = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    return math.sqrt(2) * pairs.reshape(length, channels)


@functools.lru_cache(maxsize=64)
def _moments(
    length: int, channels: int, base: float
) -> tuple[Float64[np.ndarray, "length length"], Float64[np.ndarray, " length"]]:
    """1 - mean_f cos(w_f (p - p')), without cancellation, and means over channels."""
    angles = _angles(length, channels, base)
    by_distance = 2 * np.mean(np.sin(angles / 2) ** 2, axis=1)
    distance = np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
    return by_distance[distance], _table(length, channels, base).mean(axis=1)
