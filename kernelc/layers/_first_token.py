"""FirstToken: the value at the first location of a sequence."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, final

from jax.typing import DTypeLike
from jaxtyping import Array

from ..ir import Shape, Shapes
from ._token_layer import TokenLayer, TokenModule


@final
@dataclasses.dataclass(frozen=True)
class FirstToken(TokenLayer):
    """The value at the first location of a sequence: K(x, x') -> K(x_1, x'_1), Theta likewise.

    There a `ClassToken` stands. The output has shape (channels,).

    Raises:
        ShapeError: in a network, for an input that is not of shape (length, channels).

    Example:
        >>> import kernelc as kc
        >>> kc.FirstToken().out_shape([(16, 64)], "first")
        (64,)
    """

    def index(self, length: int) -> int:
        return 0

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> FirstTokenModule:
        return FirstTokenModule()


class FirstTokenModule(TokenModule):
    """The first location: (batch, length, channels) to (batch, channels).

    Raises: ShapeError for an input with other axes.

    Example:
        >>> import jax.numpy as jnp
        >>> FirstTokenModule()((jnp.arange(4.0).reshape(1, 4, 1),))[0].tolist()
        [[0.0]]
    """

    at: ClassVar[int] = 0
