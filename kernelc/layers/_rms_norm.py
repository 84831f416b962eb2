"""RMSNorm: unit q for every example, without subtracting a mean."""

from __future__ import annotations

import dataclasses
from typing import final

from jax.typing import DTypeLike
from jaxtyping import Array

from ..ir import Shape, Shapes
from ._layer_norm import LayerNormModule
from ._norm_layer import NormLayer


@final
@dataclasses.dataclass(frozen=True)
class RMSNorm(NormLayer):
    """Root mean square norm: q -> 1, K(x, x') -> K(x, x') / sqrt(q q') (Zhang & Sennrich 2019).

    The kernel is that of `LayerNorm(center=False)`. The finite layer trains a gain and no bias.

    Arguments:
        axis: -1 for channels (each location by itself), "all" for locations and channels.
        eps: guard against division by zero in the finite layer, as in `LayerNorm`.
        affine: whether a gain is trained.

    Raises:
        ShapeError: another axis.
        GraphError: an eps that is negative or not finite.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((8,))
        >>> block = kc.chain(kc.Dense(64, weight_std=3.0), kc.RMSNorm())
        >>> kc.derive(kc.Network(x, block(x))).q_map
        1
    """

    axis: int | str = -1
    eps: float = 1e-6
    affine: bool = True

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> LayerNormModule:
        gain = self.trained_gain(out, dtype)
        return LayerNormModule(gain, None, self.axes(out), False, self.eps)
