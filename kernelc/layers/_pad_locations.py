"""PadLocations: zeros around the locations."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import final

import equinox as eqx
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array

from .._errors import ShapeError, shown
from .._limits import LARGEST_AXIS, whole
from ..ir import Shape, Shapes
from ..modules import MapModule
from ._selection_layer import SelectionLayer


Pairs = tuple[tuple[int, int], ...]


@final
@dataclasses.dataclass(frozen=True)
class PadLocations(SelectionLayer):
    """Locations of zeros before and after the others: K(p, p') stays there, and is 0 at zeros.

    Zeros have another q value than the rest, so that `derive` refuses them. `kernel_fn` follows
    every location.

    Arguments:
        pairs: how many zeros before and after, one pair for each location axis.

    Raises:
        ShapeError: pairs that are no such numbers; in a network, as many pairs as there are not
            location axes.
        UnsupportedError: on deriving, unless all pairs are zero.

    Example:
        >>> import kernelc as kc
        >>> kc.PadLocations(((1, 1), (0, 2))).out_shape([(4, 4, 3)], "pad")
        (6, 6, 3)
    """

    pairs: Pairs

    def __post_init__(self) -> None:
        given = self.pairs if isinstance(self.pairs, tuple | list) else ()
        pairs = [
            tuple(map(whole, pair)) if isinstance(pair, tuple | list) else () for pair in given
        ]
        numbers = [n for pair in pairs for n in pair]
        right = pairs and all(len(pair) == 2 for pair in pairs)
        if not right or any(type(n) is not int or not 0 <= n <= LARGEST_AXIS for n in numbers):
            raise ShapeError(
                where="PadLocations",
                found=f"pairs = {shown(self.pairs)}",
                law="pairs are (before, after), integers of at least 0, for each location axis",
                remedy="write PadLocations(((1, 1), (1, 1))) for images",
            )
        object.__setattr__(self, "pairs", tuple(pairs))

    def along(self, axis: int, size: int, axes: int, where: str) -> Sequence[int]:
        if len(self.pairs) != axes:
            raise ShapeError(
                where=where,
                found=f"pairs = {self.pairs} for {axes} location axes",
                law="there is one pair for each location axis",
                remedy=f"give {axes} of them",
            )
        before, after = self.pairs[axis]
        if before + size + after > LARGEST_AXIS:
            raise ShapeError(
                where=where,
                found=f"{before} + {size} + {after} locations",
                law=f"an axis has at most {LARGEST_AXIS:,} locations",
                remedy="pad by less",
            )
        return (*(-1,) * before, *range(size), *(-1,) * after)

    def module(
        self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike
    ) -> PadLocationsModule:
        return PadLocationsModule(self.pairs)


class PadLocationsModule(MapModule):
    """Zeros around the locations of (batch, *locations, channels).

    Arguments:
        pairs: how many before and after, for each location axis.

    Raises: ShapeError for an input with other axes.

    Example:
        >>> PadLocationsModule(((1, 0),))((jnp.ones((1, 2, 1)),))[0].ravel().tolist()
        [0.0, 1.0, 1.0]
    """

    pairs: Pairs = eqx.field(static=True)

    def apply(self, x: Array) -> Array:
        if x.ndim != len(self.pairs) + 2:
            raise ShapeError(
                where=self.kind,
                found=f"an input of shape {x.shape}",
                law=f"inputs are (batch, *locations, channels) with {len(self.pairs)} location "
                "axes",
                remedy="give one pair for each location axis",
            )
        return jnp.pad(x, ((0, 0), *self.pairs, (0, 0)))
