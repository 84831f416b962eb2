"""BatchNorm: mean removal over the batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar, final

import equinox as eqx
import jax

from .. import modules
from ..ir import KernelAlgebra, Layer, Shape, ShapingRule
from ._fields import finite_number


S = TypeVar("S")


@final
@dataclasses.dataclass(frozen=True)
class BatchNorm(Layer):
    """Batch norm: K <- (K - k_b) / (q - k_b), k_b the covariance of a typical pair of the batch.

    The formula holds for large batches in training mode; `kernel.c_b` is the cosine
    similarity of a typical pair of inputs. No NTK is derived. `shape` refuses batch norm, and
    removes it with `rewrite=True`.

    Arguments:
        momentum: weight of the old running statistics at each update, from 0 to 1. (PyTorch's
            momentum is the weight of the new ones, 1 minus this.)
        eps: guard against division by zero; left out of the formula.

    Raises:
        GraphError: a momentum outside [0, 1], an eps that is negative or not finite.

    Example:
        >>> import kernelc as kc
        >>> kc.BatchNorm().text()
        'BatchNorm()'
    """

    momentum: float = 0.9
    eps: float = 1e-5

    def __post_init__(self) -> None:
        finite_number("BatchNorm", "eps", self.eps, minimum=0, symbol=False)
        finite_number("BatchNorm", "momentum", self.momentum, minimum=0, maximum=1, symbol=False)

    def out_shape(self, shapes: Sequence[Shape], where: str) -> Shape:
        return shapes[0]

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Sequence[Shape]) -> S:
        return algebra.batch_normalise(inputs[0])

    def reads(self) -> tuple[str, ...]:
        return ("batch",)

    def shaping(self, shapes: Sequence[Shape], out: Shape, last: bool) -> ShapingRule:
        return ShapingRule(
            None,
            problem="batch norm removes the mean over the batch, which makes C maps depend on data",
            remedy="remove it",
        )

    def module(self, shapes: Sequence[Shape], out: Shape, key: jax.Array, dtype: Any) -> eqx.Module:
        return modules.batch_norm(out[-1], momentum=self.momentum, eps=self.eps, dtype=dtype)
