"""Profile: the kernel at the nodes of the main path and refusals, and how both are shown."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
from jaxtyping import Float64

from .._errors import KernelcError
from ..numeric import TokenLevel
from ._inputs import Inputs


T = TypeVar("T")

COSINES = np.linspace(-1.0, 1.0, 9)
UNRELATED = int(np.flatnonzero(COSINES == 0)[0])
NEAR = int(np.flatnonzero(COSINES == 0.75)[0])
"""Places of the cosines 0 and 0.75 in `COSINES`."""
# Rounding errors of cosines.
_ROUNDING = 1e-15


@dataclasses.dataclass(frozen=True)
class Level:
    """The kernel at one node that all paths pass through.

    Arguments:
        node: its name.
        depth: nonlinearities on the longest path to it.
        q: its q value.
        c_map: cosine similarity of the pair for each of the input's `COSINES`.
        slope: C_f'(1).
        backward: E |df/dh|^2 of one output f with respect to the value h here, summed over
            channels; NaN where it is not known.
        typical: cosine similarity of two typical inputs here.
        spread: variance of log q over draws of the weights, from the widths.
    """

    node: str
    depth: int
    q: float
    c_map: Float64[np.ndarray, " cosines"]
    slope: float
    backward: float = math.nan
    typical: float = math.nan
    spread: float = 0.0

    @property
    def c_at_zero(self) -> float:
        """C_f(0)."""
        return float(self.c_map[UNRELATED])


class RangeError(KernelcError):
    """A q value that over- or underflows float64: measured, and out of range."""


@dataclasses.dataclass(frozen=True)
class Refusal:
    """A node whose kernel has no exact rule.

    Arguments:
        node: its name.
        error: why there is none.
        instead: what the figures beyond belong to; None where there are none.
        replaced: whether another layer of the same purpose stands in the place of the node.
            Without one, figures beyond say nothing of the network.
    """

    node: str
    error: KernelcError
    instead: str | None
    replaced: bool = False


@dataclasses.dataclass(frozen=True)
class Profile:
    """All that is measured.

    Arguments:
        inputs: what inputs are taken to be.
        levels: the main path, from the input on.
        q: q value of every node that could be computed.
        refusals: nodes without an exact kernel.
        approximated: nonlinearities whose input is not Gaussian and was taken to be.
        far: nonlinearities whose input is so large that their tails were taken for them.
        inside: why locations are not alike at nodes that were read as if they were.
        sampled: why nodes have no rule whose figures are those of values that were drawn.
        ntk: tangent kernel of the output for each of `COSINES`, and for two typical inputs.
        nodes: tangent kernel of the output at the nodes of the sample, where there is one.
        reached: share of the targets' variance that a short training explains.
        tokens: locations of single inputs, in networks with attention.
        attentions: how many follow each other.
    """

    inputs: Inputs
    levels: tuple[Level, ...]
    q: dict[str, float]
    refusals: tuple[Refusal, ...]
    approximated: tuple[str, ...]
    far: tuple[str, ...]
    inside: Mapping[str, str]
    sampled: Mapping[str, str]
    ntk: Float64[np.ndarray, " cosines+1"] | None
    nodes: Float64[np.ndarray, " nodes"] | None = None
    reached: float | None = None
    tokens: tuple[TokenLevel, ...] = ()
    attentions: int = 0

    @property
    def end(self) -> Refusal | None:
        """The first node beyond which nothing is measured of this network; None if all is."""
        return next((refusal for refusal in self.refusals if not refusal.replaced), None)


def number(value: float) -> str:
    """Four digits; a dash for NaN.

    Example:
        >>> number(0.123456), number(float("nan")), number(1e-17)
        ('0.1235', '–', '1e-17')
    """
    return "–" if value != value else f"{value:.4g}"


def rounded(cosine: float) -> float:
    """The cosine, with rounding errors as 0."""
    return 0.0 if abs(cosine) <= _ROUNDING else cosine


def thinned(values: Sequence[T], most: int) -> list[T]:
    """At most `most` of the values, two or more, evenly, the first and the last among them.

    Example:
        >>> thinned(range(11), 3)
        [0, 5, 10]
    """
    if len(values) <= most:
        return list(values)
    step = (len(values) - 1) / (most - 1)
    return [values[round(i * step)] for i in range(most)]


def by_depth(levels: Sequence[Level]) -> list[Level]:
    """The last level of each depth: the input of its nonlinearities."""
    return list({level.depth: level for level in levels}.values())
