"""Arguments of kernel rules: numbers, shapes, kinds of pairs, the node, its weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from enum import StrEnum
from typing import TypeAlias, TypeVar

import sympy


S = TypeVar("S")
"""What flows along an edge of a network."""
Real: TypeAlias = int | float | sympy.Expr
"""A number, exact or in floats, or a formula of symbols."""
Shape: TypeAlias = tuple[int, ...]
Shapes: TypeAlias = Sequence[Shape]
"""Those of the inputs of a layer, in order."""


class PairKind(StrEnum):
    """What a rule reads beside the pair of inputs (x, x') at one location."""

    LOCATION = "location"
    """Two locations, of one input and of two: means over locations read them."""
    UNLIKE = "unlike"
    """None, but pairs of unlike locations are told from others where they are carried."""
    BATCH = "batch"
    """Two typical inputs of the batch: batch norm reads them."""


@dataclasses.dataclass(frozen=True)
class Site:
    """The place of a kernel rule: what a refusal names, and the sizes of finite layers.

    Arguments:
        name: of the node.
        in_shapes: shapes of one example of each input.
        out_shape: shape of one example of the output.
    """

    name: str = "network"
    in_shapes: tuple[Shape, ...] = ()
    out_shape: Shape = (1,)


@dataclasses.dataclass(frozen=True)
class Weights:
    """Weights of variance `variance` / fan-in, and biases of variance `bias_variance`.

    Arguments:
        variance: sigma_w^2.
        bias_variance: sigma_b^2.
        fan_in: how many trained weights each output sums over.
        bias: whether a bias is trained. It counts in the standard parameterization whatever
            its variance.
        orthogonal: whether they are drawn so as to keep norms, in place of independently. In
            the limit of infinite width this changes nothing.
        zero: whether they start at zero. Then `variance` is that by which the NTK
            parameterization scales their gradients, and no more.
        per_channel: whether each output channel reads one input channel, as those of a depthwise
            convolution do. Then K is the mean over draws all the same, but no channel is Gaussian.
    """

    variance: Real
    bias_variance: Real
    fan_in: int
    bias: bool = True
    orthogonal: bool = False
    zero: bool = False
    per_channel: bool = False

    @property
    def drawn(self) -> Real:
        """The variance with which they are drawn: 0 where they start at zero."""
        return 0 if self.zero else self.variance
