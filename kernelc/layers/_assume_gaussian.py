"""AssumeGaussian: a value that is taken for a Gaussian one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import final

from jax.typing import DTypeLike
from jaxtyping import Array

from ..ir import KernelAlgebra, Layer, S, Shape, Shapes, ShapingRule
from ..modules import MapModule


@final
@dataclasses.dataclass(frozen=True)
class AssumeGaussian(Layer):
    """The identity, whose output kernels take for Gaussian with mean zero: K <- K.

    Duals of activations are means over Gaussian values, which only layers of fresh weights give.
    Where an activation reads something else (a residual sum that contains the output of another
    activation, as in ResNet v1; a depthwise convolution) its kernel is that of a Gaussian value
    of the same second moments, and this node states so. `kernelc.read` puts it where a model
    needs it.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((4,))
        >>> block = kc.chain(kc.AssumeGaussian(), kc.Activation("relu"))
        >>> float(kc.derive(kc.Network(x, block(x))).evaluate(c=0.0, q=2).q)
        1.0
    """

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        return shapes[0]

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        return algebra.assume_gaussian(inputs[0])

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        return ShapingRule(self)

    def module(
        self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike
    ) -> AssumeGaussianModule:
        return AssumeGaussianModule()


class AssumeGaussianModule(MapModule):
    """x.

    Example:
        >>> import jax.numpy as jnp
        >>> AssumeGaussianModule()((jnp.array([[2.0]]),))[0].tolist()
        [[2.0]]
    """

    def apply(self, x: Array) -> Array:
        return x
