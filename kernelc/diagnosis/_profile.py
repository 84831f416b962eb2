"""What is measured of a network: its kernel at the nodes of the main path, and refusals."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from jaxtyping import Float64

from .._errors import KernelcError
from ._inputs import Inputs


COSINES = np.linspace(-1.0, 1.0, 9)
_UNRELATED = int(np.flatnonzero(COSINES == 0)[0])


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
        return float(self.c_map[_UNRELATED])


@dataclasses.dataclass(frozen=True)
class Refusal:
    """A node whose kernel has no exact rule; `instead` tells what was computed in its place."""

    node: str
    error: KernelcError
    instead: str | None


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
        ntk: tangent kernel of the output for each of `COSINES`, and for two typical inputs.
    """

    inputs: Inputs
    levels: tuple[Level, ...]
    q: dict[str, float]
    refusals: tuple[Refusal, ...]
    approximated: tuple[str, ...]
    far: tuple[str, ...]
    ntk: Float64[np.ndarray, " cosines+1"] | None
