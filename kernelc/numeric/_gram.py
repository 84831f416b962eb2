"""The kernel rules on data: the rules of a pair, and what windows do to locations."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax.numpy as jnp

from .._errors import UnsupportedError
from ..algebra import KernelState, SecondMoments
from ..ir import Weights, Window
from ._array_backend import ArrayBackend
from ._locations import alike, average, centers, diagonal_mean, own_diagonal, shifted
from ._numbers import Pair, PairMoments, PerSide
from ._pair_layout import PairLayout
from ._spread import SpreadAlgebra, spread_out


DataState = KernelState[Any]


class GramAlgebra(SpreadAlgebra):
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
        super().__init__(backend)
        self.same, self.tangent, self.standard = same, tangent, standard

    @property
    def frame(self) -> PairLayout:
        """How arrays are laid out."""
        return self.backend.frame

    def fresh(self, s: DataState, weights: Weights, read: DataState | None = None) -> DataState:
        out = super().fresh(s, weights, read)
        if not self.tangent or s.second.theta is None:
            return out
        theta = tuple(self.backend.number(weights.variance) * old for old in s.second.theta)
        second = dataclasses.replace(out.second, theta=theta)
        return self.state_of(second, out.mean, gaussian=True)

    def pick(self, s: DataState, window: Window) -> DataState:
        if window.strides == (1,) * window.rank and window.outputs == window.locations:
            return s
        if s.parts:
            return self._by_channels([s], lambda group: self.pick(group[0], window))
        return self._relocated(
            s,
            lambda x, groups: centers(x, groups, window),
            lambda pair, frame: Pair(
                *(
                    centers(x, groups, window)
                    for x, groups in zip(
                        (pair.left, pair.right, pair.drop),
                        ((frame.left_axes,), (frame.right_axes,), _groups(frame)),
                        strict=True,
                    )
                )
            ),
        )

    def tap_mean(self, s: DataState, window: Window) -> DataState:
        if window.taps == 1:
            return self.pick(s, window)

        def pairs(pair: Pair, frame: PairLayout) -> Pair:
            left = shifted(pair.left, (frame.left_axes,), window)
            right = shifted(pair.right, (frame.right_axes,), window)
            drop = shifted(pair.drop, _groups(frame), window)
            if window.uneven:
                # Where a tap of one location meets zeros, its q value is not in any drop.
                both = shifted((pair.left + pair.right) / 2, _groups(frame), window)
                drop += jnp.where(alike(frame, window), 0.0, (left + right) / 2 - both)
            return Pair(left, right, drop)

        return self._relocated(s, lambda x, groups: shifted(x, groups, window), pairs)

    def location_mean(self, s: DataState, window: Window) -> DataState:
        if window.taps == 1:
            return self.pick(s, window)
        if s.parts:
            return self._by_channels([s], lambda group: self.location_mean(group[0], window))
        field, q = self._pooled(s.second.k[0], window)
        theta = s.second.theta
        if theta is not None and not isinstance(theta[0], float):
            once = average(theta[0], self.frame.left_axes, window)
            theta = (average(once, self.frame.right_axes, window),)
        mean = self._sides(s.mean, lambda x, groups: average(x, groups[0], window))
        return self.state_of(SecondMoments(q, (field,), theta), mean, s.support, s.gaussian)

    def flatten(self, s: DataState, locations: tuple[int, ...]) -> DataState:
        if not locations:
            return s

        def pairs(pair: Pair, frame: PairLayout) -> Pair:
            left, right = (
                diagonal_mean(x, (axes,))
                for x, axes in ((pair.left, frame.left_axes), (pair.right, frame.right_axes))
            )
            value = diagonal_mean(pair.drop, _groups(frame))
            return Pair(left, right, value)

        flat = self._relocated(s, diagonal_mean, pairs)
        if math.prod(locations) == 1:
            return flat
        return spread_out(s, locations, flat)

    def unshare(self, s: DataState) -> DataState:
        if self.frame.aligned:
            return s
        if s.parts:
            return self._by_channels([s], lambda group: self.unshare(group[0]))
        parts, theta = [], s.second.theta
        for pair, frame in zip(s.second.k[0].parts, self.frame.frames, strict=True):
            one_place = self._identity(frame, pair.drop, True)
            drop = jnp.where(one_place, pair.drop, (pair.left + pair.right) / 2)
            parts.append(Pair(pair.left, pair.right, drop))
        if theta is not None:
            one_place = self._identity(self.frame, s.second.k[0].cross.drop, True)
            theta = (jnp.where(one_place, theta[0], 0.0),)
        second = SecondMoments(s.second.q, (PairMoments.of(tuple(parts)),), theta)
        return self.state_of(second, s.mean, s.support, s.gaussian)

    def dropout(self, s: DataState, keep: float) -> DataState:
        if keep == 1:
            return s
        if s.parts:
            return self._by_channels([s], lambda group: self.dropout(group[0], keep))
        if s.spread is not None:
            return self.flatten(self.dropout(s.spread[0], keep), s.spread[1])
        field = s.second.k[0]
        kept = []
        for i, (pair, frame) in enumerate(zip(field.parts, self.frame.frames, strict=True)):
            same = self._identity(frame, pair.drop, self.same if i == 0 else True)
            left, right = pair.left / keep, pair.right / keep
            # Two evaluations have masks of their own; one evaluation has its own q value.
            drop = (left + right) / 2 - pair.value
            kept.append(Pair(left, right, jnp.where(same, pair.drop / keep, drop)))
        theta = s.second.theta
        if theta is not None:
            same = self._identity(self.frame, field.cross.drop, self.same)
            theta = (jnp.where(same, theta[0] / keep, theta[0]),)
        second = SecondMoments(s.second.q / keep, (PairMoments.of(tuple(kept)),), theta)
        return self.state_of(second, s.mean, s.support)

    def batch_normalize(self, s: DataState) -> DataState:
        raise UnsupportedError(
            where=self.where,
            found="batch norm in a kernel of data",
            law="its statistics are over whichever batch it meets, so there is no kernel of two "
            "inputs",
            remedy="remove it: kernelc.shape(network, ..., rewrite=True) does; kernelc.derive "
            "describes it for large batches",
        )

    # -- layout -----------------------------------------------------------------------

    def _relocated(self, s: DataState, rule: Any, pairs: Any) -> DataState:
        """A state whose locations are others: `rule` on plain arrays, `pairs` on moments."""
        second = s.second
        field = second.k[0]
        parts = zip(field.parts, self.frame.frames, strict=True)
        moved = PairMoments.of(tuple(pairs(pair, frame) for pair, frame in parts))
        theta = second.theta
        if theta is not None and not isinstance(theta[0], float):
            theta = (rule(theta[0], _groups(self.frame)),)
        q = moved.cross.left
        if not isinstance(q, float):
            q = PerSide(moved.cross.left, moved.cross.right)
        mean = self._sides(s.mean, rule)
        return self.state_of(SecondMoments(q, (moved,), theta), mean, s.support, s.gaussian)

    def _sides(self, x: Any, rule: Any) -> Any:
        if not isinstance(x, PerSide):
            return x
        frame = self.frame
        return PerSide(rule(x.left, (frame.left_axes,)), rule(x.right, (frame.right_axes,)))

    def _pooled(self, field: PairMoments, window: Window) -> tuple[PairMoments, Any]:
        """Means over pairs of locations; q values lose half the mean distance of their own."""

        def over(x: Any, frame: PairLayout) -> Any:
            return average(average(x, frame.left_axes, window), frame.right_axes, window)

        if not self.frame.own:
            # Nothing asks for q values again: any will do, and zero costs nothing.
            return PairMoments(Pair(0.0, 0.0, -over(field.cross.value, self.frame))), 0.0
        drops = [over(p.drop, f) for p, f in zip(field.parts, self.frame.frames, strict=True)]
        lost = PerSide(*(self._wide(x, side) for side, x in enumerate(drops[1:])))
        sides = (
            (field.cross.left, self.frame.left_axes),
            (field.cross.right, self.frame.right_axes),
        )
        kept = PerSide(*(average(x, axes, window) for x, axes in sides))
        q = PerSide(kept.left - lost.left, kept.right - lost.right)
        parts = []
        for total, (a, b), (x, y) in zip(drops, self._views(q), self._views(lost), strict=True):
            drop = total - (x + y) / 2
            # An input with itself leaves rounding, and an angle would show the root of that.
            noise = 16 * float(jnp.finfo(total.dtype).eps) * total
            parts.append(Pair(a, b, jnp.where(drop <= noise, 0.0, drop)))
        return PairMoments.of(tuple(parts)), q

    def _wide(self, x: Any, side: int) -> Any:
        """The diagonal of pairs of own locations, as a number per input."""
        x = own_diagonal(x, self.frame.rank)
        ones, n = (1,) * self.frame.rank, x.shape[0]
        inputs = (n,) if self.frame.paired else ((1, n) if side else (n, 1))
        return x.reshape(*inputs, *((*ones, *x.shape[1:]) if side else (*x.shape[1:], *ones)))

    def _views(self, x: PerSide) -> Any:
        return self.frame.views((x.left, x.right), (x.left, x.right))

    def _identity(self, frame: PairLayout, like: Any, same: Any) -> Any:
        """Where a pair is one evaluation of one input at one location."""
        if same is None:
            return jnp.zeros((), bool)
        mask = jnp.ones((), bool) if same is True else same
        if same is not True:
            mask = mask.reshape(*mask.shape, *(1,) * (like.ndim - mask.ndim))
        for a, b in zip(frame.left_axes, frame.right_axes, strict=True):
            if a != b:
                eye = jnp.eye(like.shape[a], like.shape[b], dtype=bool)
                shape = [1] * like.ndim
                shape[a], shape[b] = like.shape[a], like.shape[b]
                mask = mask & eye.reshape(shape)
        return mask


def _groups(frame: PairLayout) -> tuple[tuple[int, ...], ...]:
    """Location axes that move together in an array of pairs."""
    return (frame.left_axes,) if frame.aligned else (frame.left_axes, frame.right_axes)
