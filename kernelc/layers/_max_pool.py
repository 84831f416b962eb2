"""MaxPool: the largest value of a window, without a known kernel."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import final

from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array

from ..ir import KernelAlgebra, S, Shape, Shapes
from ._weighted_mean_pool import PoolLayer
from ._window import PoolModule


@final
@dataclasses.dataclass(frozen=True)
class MaxPool(PoolLayer):
    """Maximum over windows. Its kernel has no closed form: `derive` refuses it.

    Arguments:
        window: its size, one integer or one for each location axis.
        stride: step between windows; the window itself when None.
        padding: "VALID", "SAME" or "CIRCULAR", or as many locations as a pair (low, high) says
            for each location axis; none of them wins.

    Example:
        >>> import kernelc as kc
        >>> kc.MaxPool(3, stride=2, padding="SAME").out_shape([(8, 8, 3)], "pool")
        (4, 4, 3)
    """

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        return algebra.unsupported(
            inputs,
            "the maximum of several correlated values has no closed form, and its output is "
            "neither centered nor Gaussian",
            "use WeightedMeanPool (kernelc.shape(..., rewrite=True) does), or a strided Conv",
        )

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> MaxPoolModule:
        axes = len(out) - 1
        return MaxPoolModule(self.windows(axes), self.steps(axes), self.padding)


class MaxPoolModule(PoolModule):
    """The maximum over each window; padding never wins.

    Raises: ShapeError for inputs that the windows do not fit.

    Example:
        >>> import jax
        >>> x = jax.numpy.arange(4.0).reshape(1, 4, 1)
        >>> MaxPoolModule((2,), (2,))((x,))[0].ravel().tolist()
        [1.0, 3.0]
    """

    def apply(self, x: Array) -> Array:
        return self.over_windows(x, -math.inf, lax.max)
