"""Weights: what a kernel rule knows of a layer of fresh weights."""

from __future__ import annotations

import dataclasses

from ._real import Real


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
    """

    variance: Real
    bias_variance: Real
    fan_in: int
    bias: bool = True
    orthogonal: bool = False
