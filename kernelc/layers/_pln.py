"""PLN: per-location normalisation of the input."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any, Literal, TypeVar, final

import equinox as eqx
import jax

from .. import modules
from .._errors import ShapeError
from ..ir import KernelAlgebra, Layer, Shape
from ._fields import one_of


S = TypeVar("S")


@final
@dataclasses.dataclass(frozen=True)
class PLN(Layer):
    """Per-location normalisation: append a homogeneous coordinate h, then scale to q = 1.

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

    mode: Literal["one", "avg_q", "off"] = "one"

    def __post_init__(self) -> None:
        one_of("PLN", "mode", self.mode, ("one", "avg_q", "off"))

    def out_shape(self, shapes: Sequence[Shape], where: str) -> Shape:
        if self.mode == "avg_q" and len(shapes[0]) == 1:
            raise ShapeError(
                where=where,
                found=f"an input of shape {shapes[0]} with mode 'avg_q'",
                law="the mean q value of an example is over at least one location axis",
                remedy="use mode 'one'",
            )
        added = 0 if self.mode == "off" else 1
        return (*shapes[0][:-1], shapes[0][-1] + added)

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Sequence[Shape]) -> S:
        return algebra.append_constant(inputs[0], shapes[0][-1], self.mode)

    def kernel_key(self, shapes: Sequence[Shape]) -> Hashable:
        return self.mode, shapes[0][-1]

    def module(self, shapes: Sequence[Shape], out: Shape, key: jax.Array, dtype: Any) -> eqx.Module:
        return modules.PLN(self.mode)
