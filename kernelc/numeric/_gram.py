"""The kernel rules on data: those of a pair, with covariances between locations."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import UnsupportedError
from ..activations import ScalarFunction
from ..algebra import FIXED, KernelState, PairAlgebra, SecondMoments
from ..ir import (
    DenseMap,
    FixedAttention,
    FixedVectors,
    Flattened,
    LocationMap,
    OwnWeights,
    Real,
    Weights,
)
from ._array_backend import ArrayBackend
from ._locations import Same, groups_of, one_evaluation
from ._mixing import Mixing, mixing, whole
from ._numbers import Number, Pair, PairLayout, PairMoments, PerSide, QValue, root
from ._trained_queries import trained_queries


DataState = KernelState[Any]
# What is left of a mean square without its mean, relative, when the value is one constant.
_ROUNDINGS = 64


def spread_out(s: DataState, locations: tuple[int, ...], flat: DataState) -> DataState:
    """What was made of `s` by flattening, with what it was: no channel stands for all others."""
    ((scale, atom),) = flat.form
    unlike = dataclasses.replace(atom, gaussian=False)
    return dataclasses.replace(flat, form=((scale, unlike),), spread=(s, locations))


class ByLocationAlgebra(PairAlgebra[Any]):
    """Rules that act channel by channel act before flattening, at each location by itself.

    A value without locations that meets a flattened one is alike in all channels, so it stands
    beside each location.
    """

    def nonlinearity(self, s: DataState, phi: ScalarFunction) -> DataState:
        return self._by_location([s], lambda whole: self.nonlinearity(whole[0], phi)) or (
            super().nonlinearity(s, phi)
        )

    def weighted_sum(self, terms: Sequence[DataState], weights: Sequence[Real]) -> DataState:
        return self._by_location(terms, lambda whole: self.weighted_sum(whole, weights)) or (
            super().weighted_sum(terms, weights)
        )

    def product(self, factors: Sequence[DataState]) -> DataState:
        return self._by_location(factors, self.product) or super().product(factors)

    def assume_gaussian(self, s: DataState) -> DataState:
        return self._by_location([s], lambda whole: self.assume_gaussian(whole[0])) or (
            super().assume_gaussian(s)
        )

    def seal(self, s: DataState) -> DataState:
        return self._by_location([s], lambda whole: self.seal(whole[0])) or super().seal(s)

    def _by_location(
        self, terms: Sequence[DataState], rule: Callable[[Sequence[DataState]], DataState]
    ) -> DataState | None:
        """The rule before flattening; None where nothing is flattened, or channels are cut."""
        found = {term.spread[1] for term in terms if term.spread is not None}
        if not found or any(term.parts for term in terms):
            return None
        if len(found) > 1:
            raise UnsupportedError(
                where=self.site.name,
                found=f"values flattened from locations {sorted(found)} that meet",
                law="channels of one location meet those of another, whose covariance is not "
                "followed",
                remedy="pass one of them through a Dense layer first",
            )
        whole = [term if term.spread is None else term.spread[0] for term in terms]
        return self.mix(rule(whole), Flattened(found.pop()))


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
        self,
        backend: ArrayBackend,
        same: Same = None,
        tangent: bool = False,
        standard: bool = False,
    ) -> None:
        super().__init__(backend, standard=standard)
        self.same, self.tangent = same, tangent

    @property
    def frame(self) -> PairLayout:
        """How arrays are laid out."""
        return self.backend.frame

    def weight_tangent(
        self, s: DataState, seen: DataState, weights: Weights
    ) -> tuple[Any, ...] | None:
        if not self.tangent or s.second.theta is None:
            return super().weight_tangent(s, seen, weights)
        return tuple(self.backend.number(weights.drawn) * old for old in s.second.theta)

    def mix(self, s: DataState, locations: LocationMap) -> DataState:
        if locations.identity or (self.frame.aligned and isinstance(locations, OwnWeights)):
            return s
        locations = locations.lifted(self._missing_axes(locations))
        flattened = isinstance(locations, Flattened)
        if s.parts and not flattened:
            return self._by_channels([s], lambda group: self.mix(group[0], locations))
        second, rule = s.second, mixing(locations)
        field, q = rule.moments(second.k[0], self.frame)
        theta = second.theta
        if theta is not None and not isinstance(theta[0], float):
            theta = (rule.arrays(theta[0], groups_of(self.frame)),)
        mean = self._moved_mean(s.mean, rule, jnp.result_type(second.k[0].cross.drop))
        second = SecondMoments(q, (field,), theta)
        out = self.state_of(second, mean, s.support, s.gaussian, s.odd)
        if flattened and math.prod(locations.locations) > 1:
            return spread_out(s, locations.locations, out)
        return out

    def _missing_axes(self, locations: LocationMap) -> int:
        """How many axes of size one arrays have beside those of the map: they keep the axes of an
        input whose locations are in a row by now."""
        return self.frame.rank - len(locations.locations)

    def _moved_mean(self, mean: QValue | None, rule: Mixing, kind: jnp.dtype) -> QValue | None:
        frame = self.frame
        if isinstance(mean, PerSide):
            left = rule.arrays(mean.left, (frame.left_axes,))
            return PerSide(left, rule.arrays(mean.right, (frame.right_axes,)))
        if rule.keeps_constants or mean is None or self._is_zero(mean):
            return mean
        if not rule.selects:
            return None
        axes = frame.batch + len({*frame.left_axes, *frame.right_axes})
        alike = jnp.full((1,) * axes, mean, kind)
        return self._moved_mean(PerSide(alike, alike), rule, kind)

    def query_tangent(
        self,
        query: DataState,
        key: DataState,
        value: DataState,
        pattern: DenseMap,
        attention: FixedAttention,
    ) -> tuple[Any, ...] | None:
        theta = query.second.theta
        if theta is None:
            return None
        if self.tangent:
            return (0.0,)
        pattern = pattern.lifted(self._missing_axes(pattern))
        groups = groups_of(self.frame)
        keys, values = (whole(s.second.k[0].cross.value, groups, pattern) for s in (key, value))
        term = trained_queries(keys, values, groups, pattern, attention.frequencies)
        rows = jnp.asarray(attention.gains, jnp.result_type(term)).reshape(1, *pattern.outputs)
        return (theta[0] * self.frame.wide(rows, 0) * self.frame.wide(rows, 1) * term,)

    def fixed(self, s: DataState, vectors: FixedVectors) -> DataState:
        variance = cast(float, self.backend.number(vectors.variance))
        kind = jnp.result_type(s.second.k[0].cross.drop)
        length = (len(vectors.gaps), *(1,) * (self.frame.rank - 1))
        parts = []
        for frame in self.frame.frames:
            found = np.diagonal(vectors.gaps) if frame.aligned else vectors.gaps
            shape = (1,) * frame.batch + (length if frame.aligned else length * 2)
            gap = jnp.asarray(found, kind).reshape(shape)
            parts.append(Pair(variance, variance, variance * gap, gap))
        rows = jnp.asarray(math.sqrt(variance) * vectors.means, kind).reshape(1, *length)
        mean = PerSide(self.frame.wide(rows, 0), self.frame.wide(rows, 1))
        theta = None if s.second.theta is None else (0.0,)
        second = SecondMoments(variance, (PairMoments.of(tuple(parts)),), theta)
        return self.state_of(second, mean, FIXED)

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
        return self.state_of(second, s.mean, s.support, odd=s.odd)

    def batch_normalize(self, s: DataState) -> DataState:
        raise UnsupportedError(
            where=self.site.name,
            found="batch norm in a kernel of data",
            law="its statistics are over whichever batch it meets, so there is no kernel of two "
            "inputs",
            remedy="remove it: kernelc.shape(network, ..., rewrite=True) does; kernelc.derive "
            "describes it for large batches",
        )


class BlankAlgebra(GramAlgebra):
    """`GramAlgebra` for data with locations that are zero throughout.

    Layer norm maps them to zero, as the finite layer does: q/(q + eps) is 0 at q = 0. Behind it q
    values are 0 or 1, so that they differ between inputs.
    """

    def normalize(self, s: DataState, center: bool, over_locations: bool) -> DataState:
        if not isinstance(s.second.q, PerSide):
            return super().normalize(s, center, over_locations)
        if center and s.mean is not None and not self._is_zero(s.mean):
            s = self._centered(s, over_locations)
            center = False
        elif center and s.mean is None:
            return super().normalize(s, center, over_locations)  # refuses
        q = s.second.q
        q = cast(PerSide, self.backend.over_locations(q)) if over_locations else q
        scaled = self.weighted_sum([s], [q.map(_inverse_root)])
        if over_locations:
            return scaled
        second = scaled.second
        field = second.k[0].map(lambda pair: Pair(_unit(pair.left), _unit(pair.right), pair.drop))
        unit = SecondMoments(PerSide(field.cross.left, field.cross.right), (field,), second.theta)
        return dataclasses.replace(scaled, second=unit)

    def _centered(self, s: DataState, over_locations: bool) -> DataState:
        before, after = s.second.q, super()._centered(s, over_locations)
        if over_locations or not isinstance(before, PerSide):
            return after
        left, right = (
            _settled(new, old)
            for new, old in (
                (after.second.q.left, before.left),
                (after.second.q.right, before.right),
            )
        )
        second = dataclasses.replace(after.second, q=PerSide(left, right))
        return dataclasses.replace(after, second=second)


def _inverse_root(q: jax.Array) -> jax.Array:
    alive = q > 0
    return jnp.where(alive, 1.0 / root(jnp.where(alive, q, 1.0)), 0.0)


def _unit(q: jax.Array) -> jax.Array:
    return jnp.where(q > 0, 1.0, 0.0).astype(q.dtype)


def _settled(new: jax.Array, old: Number) -> jax.Array:
    noise = _ROUNDINGS * float(jnp.finfo(new.dtype).eps)
    return jnp.where(new <= noise * old, 0.0, new)
