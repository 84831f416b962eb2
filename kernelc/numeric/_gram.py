"""The kernel rules on data: the rules of a pair, and what windows do to locations."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from .._errors import UnsupportedError
from ..algebra import KernelState, SecondMoments
from ..ir import Flattened, LocationMap, OwnWeights, Weights
from ._array_backend import ArrayBackend
from ._locations import groups_of, one_evaluation
from ._mixing import Mixing, mixing
from ._numbers import Pair, PairMoments, PerSide
from ._pair_layout import PairLayout
from ._spread import ByLocationAlgebra, spread_out


DataState = KernelState[Any]


class GramAlgebra(ByLocationAlgebra):
    """`PairAlgebra` over `ArrayBackend`, with covariances between locations.

    Arguments:
        backend: the arrays to compute in.
        same: (n1, n2), where the two inputs of a pair are one evaluation of one input; None
            where they never are.
        tangent: whether theta is carried as a derivative, dk/dk_in, without the weights' own
            term of an NTK.
        standard: whether NTKs are those of the standard parameterization.
    """

    backend: ArrayBackend

    def __init__(
        self, backend: ArrayBackend, same: Any = None, tangent: bool = False, standard: bool = False
    ) -> None:
        super().__init__(backend, standard=standard)
        self.same, self.tangent = same, tangent

    @property
    def frame(self) -> PairLayout:
        """How arrays are laid out."""
        return self.backend.frame

    def fresh(
        self,
        s: DataState,
        weights: Weights,
        read: DataState | None = None,
        trained: Callable[[], DataState] | None = None,
    ) -> DataState:
        out = super().fresh(s, weights, read, trained)
        if not self.tangent or s.second.theta is None:
            return out
        theta = tuple(self.backend.number(weights.variance) * old for old in s.second.theta)
        second = dataclasses.replace(out.second, theta=theta)
        return self.state_of(second, out.mean, gaussian=True)

    def mix(self, s: DataState, locations: LocationMap) -> DataState:
        if locations.identity or (self.frame.aligned and isinstance(locations, OwnWeights)):
            return s
        flattened = isinstance(locations, Flattened)
        if s.parts and not flattened:
            return self._by_channels([s], lambda group: self.mix(group[0], locations))
        second, rule = s.second, mixing(locations)
        field, q = rule.moments(second.k[0], self.frame)
        theta = second.theta
        if theta is not None and not isinstance(theta[0], float):
            theta = (rule.arrays(theta[0], groups_of(self.frame)),)
        mean = self._moved_mean(s.mean, rule)
        out = self.state_of(SecondMoments(q, (field,), theta), mean, s.support, s.gaussian)
        if flattened and math.prod(locations.locations) > 1:
            return spread_out(s, locations.locations, out)
        return out

    def _moved_mean(self, mean: Any, rule: Mixing) -> Any:
        if isinstance(mean, PerSide):
            frame = self.frame
            left = rule.arrays(mean.left, (frame.left_axes,))
            return PerSide(left, rule.arrays(mean.right, (frame.right_axes,)))
        return mean if rule.keeps_constants or mean is None or self._is_zero(mean) else None

    def dropout(self, s: DataState, keep: float) -> DataState:
        if keep == 1:
            return s
        if s.parts:
            return self._by_channels([s], lambda group: self.dropout(group[0], keep))
        if s.spread is not None:
            return self.mix(self.dropout(s.spread[0], keep), Flattened(s.spread[1]))
        field = s.second.k[0]
        kept = []
        for i, (pair, frame) in enumerate(zip(field.parts, self.frame.frames, strict=True)):
            same = one_evaluation(pair.drop, groups_of(frame), self.same if i == 0 else True)
            left, right = pair.left / keep, pair.right / keep
            # Two evaluations have masks of their own; one evaluation has its own q value.
            drop = (left + right) / 2 - pair.value
            kept.append(Pair(left, right, jnp.where(same, pair.drop / keep, drop)))
        theta = s.second.theta
        if theta is not None:
            same = one_evaluation(field.cross.drop, groups_of(self.frame), self.same)
            theta = (jnp.where(same, theta[0] / keep, theta[0]),)
        second = SecondMoments(s.second.q / keep, (PairMoments.of(tuple(kept)),), theta)
        return self.state_of(second, s.mean, s.support)

    def batch_normalize(self, s: DataState) -> DataState:
        raise UnsupportedError(
            where=self.site.name,
            found="batch norm in a kernel of data",
            law="its statistics are over whichever batch it meets, so there is no kernel of two "
            "inputs",
            remedy="remove it: kernelc.shape(network, ..., rewrite=True) does; kernelc.derive "
            "describes it for large batches",
        )
