"""LastToken: the value at the last location of a sequence."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, final

from jax.typing import DTypeLike
from jaxtyping import Array

from ..ir import Shape, Shapes
from ._token_layer import TokenLayer, TokenModule


@final
@dataclasses.dataclass(frozen=True)
class LastToken(TokenLayer):
    """The value at the last location of a sequence: K(x, x') -> K(x_T, x'_T), Theta likewise.

    In a causal network this location has read all others. The output has shape (channels,).

    Raises:
        ShapeError: in a network, for an input that is not of shape (length, channels).

    Example:
        >>> import kernelc as kc
        >>> kc.LastToken().out_shape([(16, 64)], "last")
        (64,)
    """

    def index(self, length: int) -> int:
        return length - 1

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> LastTokenModule:
        return LastTokenModule()


class LastTokenModule(TokenModule):
    """The last location: (batch, length, channels) to (batch, channels).

    Raises: ShapeError for an input with other axes.

    Example:
        >>> import jax.numpy as jnp
        >>> LastTokenModule()((jnp.arange(4.0).reshape(1, 4, 1),))[0].tolist()
        [[3.0]]
    """

    at: ClassVar[int] = -1
