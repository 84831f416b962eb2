"""Location maps on arrays of pairs: windows as slices and means, any other map as its matrices."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from functools import singledispatch
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from ..ir import (
    CenterTaps,
    DenseMap,
    Flattened,
    InARow,
    Interpolated,
    LocationMap,
    OneLocation,
    OwnWeights,
    Reshaped,
    Selected,
    SharedTaps,
    TransposedTaps,
    WindowMean,
)
from ._locations import (
    Groups,
    alike,
    along_each,
    average,
    both_picked,
    centers,
    diagonal_mean,
    groups_of,
    one_evaluation,
    only_location,
    own_diagonal,
    reshaped,
    selected,
    shifted,
)
from ._numbers import Number, Pair, PairLayout, PairMoments, PerSide, QValue, Sides


Moved = tuple[PairMoments, QValue]
"""Moments, and q values."""


class OnArrays(Protocol):
    """x -> its image: axes of a group are those of one input, or of both where they are equal."""

    def __call__(self, x: Number, groups: Groups) -> Number: ...


class OnMoments(Protocol):
    """Moments and means of all pairs, with the layout they have."""

    def __call__(self, field: PairMoments, layout: PairLayout) -> Moved: ...


class Mixing(NamedTuple):
    """A location map on data: on Theta and on one input (`arrays`), and on moments."""

    arrays: OnArrays
    moments: OnMoments
    keeps_constants: bool = True
    """Whether a value that is one number at all locations stays so."""
    selects: bool = False
    """Whether each location is one that comes in or zero, so that `arrays` maps means too."""


@singledispatch
def mixing(locations: LocationMap) -> Mixing:
    """The map on arrays; one without a rule here is taken by its matrices."""
    return _dense(DenseMap(locations.heads(), locations.locations, locations.outputs))


@mixing.register
def _center_taps(locations: CenterTaps) -> Mixing:
    window = locations.window

    def pairs(pair: Pair, layout: PairLayout) -> Pair:
        left = centers(pair.left, (layout.left_axes,), window)
        right = centers(pair.right, (layout.right_axes,), window)
        return Pair(left, right, centers(pair.drop, groups_of(layout), window))

    return Mixing(lambda x, groups: centers(x, groups, window), _each(pairs))


@mixing.register
def _shared_taps(locations: SharedTaps) -> Mixing:
    window = locations.window
    if window.taps == 1:
        return _center_taps(CenterTaps(window))

    def pairs(pair: Pair, layout: PairLayout) -> Pair:
        left = _with_all_axes(shifted(pair.left, (layout.left_axes,), window), layout)
        right = shifted(pair.right, (layout.right_axes,), window)
        drop = shifted(pair.drop, groups_of(layout), window)
        if window.uneven:
            # Where a tap of one location meets zeros, its q value is not in any drop.
            both = shifted((pair.left + pair.right) / 2, groups_of(layout), window)
            drop += jnp.where(alike(layout, window), 0.0, (left + right) / 2 - both)
        return Pair(left, right, drop)

    return Mixing(lambda x, groups: shifted(x, groups, window), _each(pairs))


@mixing.register
def _reshaped(locations: Reshaped | InARow) -> Mixing:
    def arrays(x: Number, groups: Groups) -> Number:
        return reshaped(x, groups, locations.locations, locations.outputs)

    return Mixing(arrays, _each(_alike(arrays)))


@mixing.register
def _selected(locations: Selected) -> Mixing:
    def arrays(x: Number, groups: Groups) -> Number:
        return selected(x, groups, locations)

    def pairs(pair: Pair, layout: PairLayout) -> Pair:
        moved = _alike(arrays)(pair, layout)
        if not locations.empty:
            return moved
        full = both_picked(groups_of(layout), jnp.ndim(moved.drop), locations)
        drop = jnp.where(full, moved.drop, (moved.left + moved.right) / 2)
        return Pair(moved.left, moved.right, drop)

    return Mixing(arrays, _each(pairs), keeps_constants=not locations.empty, selects=True)


@mixing.register
def _transposed_taps(locations: TransposedTaps) -> Mixing:
    stretch, shared = mixing(locations.stretch), mixing(locations.shared)

    def arrays(x: Number, groups: Groups) -> Number:
        return shared.arrays(stretch.arrays(x, groups), groups)

    def moments(field: PairMoments, layout: PairLayout) -> Moved:
        return shared.moments(stretch.moments(field, layout)[0], layout)

    return Mixing(arrays, moments, keeps_constants=False)


@mixing.register
def _interpolated(locations: Interpolated) -> Mixing:
    def over(x: Number, axes: tuple[int, ...]) -> Number:
        return x if jnp.ndim(x) == 0 else along_each(x, axes, locations)

    return _averaging(over)


@mixing.register
def _flattened(locations: Flattened) -> Mixing:
    return Mixing(diagonal_mean, _each(_alike(diagonal_mean)))


@mixing.register
def _one_location(locations: OneLocation) -> Mixing:
    def arrays(x: Number, groups: Groups) -> Number:
        return only_location(x, groups, locations)

    return Mixing(arrays, _each(_alike(arrays)))


@mixing.register
def _own_weights(locations: OwnWeights) -> Mixing:
    def pairs(pair: Pair, layout: PairLayout) -> Pair:
        here = one_evaluation(pair.drop, groups_of(layout), True)
        drop = jnp.where(here, pair.drop, (pair.left + pair.right) / 2)
        return Pair(pair.left, pair.right, drop)

    def arrays(x: Number, groups: Groups) -> Number:
        # Of one input nothing changes; of a pair only equal locations are left.
        return x if len(groups) == 1 else jnp.where(one_evaluation(x, groups, True), x, 0.0)

    return Mixing(arrays, _each(pairs))


@mixing.register
def _window_mean(locations: WindowMean) -> Mixing:
    window = locations.window
    if window.taps == 1:
        return _center_taps(CenterTaps(window))
    if locations.row_sum == 1:
        return _averaging(lambda x, axes: average(x, axes, locations))

    def arrays(x: Number, groups: Groups) -> Number:
        x = whole(x, groups, locations)
        for axes in groups:
            x = average(x, axes, locations)
        return x

    return _linear(arrays)


@mixing.register
def _dense(locations: DenseMap) -> Mixing:
    if locations.averages:
        return _averaging(lambda x, axes: applied(x, axes, locations, locations.matrices[0]))

    def arrays(x: Number, groups: Groups) -> Number:
        images = []
        for matrix in [locations.matrices.sum(0)] if len(groups) == 1 else locations.matrices:
            image = whole(x, groups, locations)
            for axes in groups:
                image = applied(image, axes, locations, matrix)
            images.append(image)
        return functools.reduce(operator.add, images)

    return _linear(arrays)


def _linear(arrays: OnArrays) -> Mixing:
    """A map whose rows have unlike sums: q values are those of the images."""

    def moments(field: PairMoments, layout: PairLayout) -> Moved:
        parts = zip(field.parts, layout.frames, strict=True)
        values = [arrays(pair.value, groups_of(frame)) for pair, frame in parts]
        if not layout.own:
            return PairMoments(Pair(0.0, 0.0, -values[0])), 0.0
        q = _own(values, layout)
        views = layout.views((q.left, q.right), (q.left, q.right))
        drops = [(a + b) / 2 - value for value, (a, b) in zip(values, views, strict=True)]
        return _settled(drops, values, views), q

    return Mixing(arrays, moments, keeps_constants=False)


def _alike(arrays: OnArrays) -> Callable[[Pair, PairLayout], Pair]:
    """One rule for q values and for distances."""

    def pairs(pair: Pair, layout: PairLayout) -> Pair:
        left = _with_all_axes(arrays(pair.left, (layout.left_axes,)), layout)
        right = arrays(pair.right, (layout.right_axes,))
        return Pair(left, right, arrays(pair.drop, groups_of(layout)))

    return pairs


def _with_all_axes(x: Number, layout: PairLayout) -> Number:
    """What a map made of one number at the locations of first inputs, as it stands in pairs."""
    axes = layout.batch + len({*layout.left_axes, *layout.right_axes})
    shape = jnp.shape(x)
    return jnp.reshape(x, (*shape, *(1,) * (axes - len(shape)))) if shape else x


def _each(rule: Callable[[Pair, PairLayout], Pair]) -> OnMoments:
    """A rule that gives each part of the moments by itself, and q values from q values."""

    def moments(field: PairMoments, layout: PairLayout) -> Moved:
        parts = zip(field.parts, layout.frames, strict=True)
        moved = PairMoments.of(tuple(rule(pair, frame) for pair, frame in parts))
        q = moved.cross.left
        return moved, q if isinstance(q, float) else PerSide(q, moved.cross.right)

    return moments


def _averaging(over: Callable[[Number, tuple[int, ...]], Number]) -> Mixing:
    """A map by one matrix whose rows add up to 1: a mean over locations of each input.

    q values lose half the mean squared distance of the locations of their own.
    """

    def arrays(x: Number, groups: Groups) -> Number:
        for axes in groups:
            x = over(x, axes)
        return x

    def moments(field: PairMoments, layout: PairLayout) -> Moved:
        def pairs(x: Number, frame: PairLayout) -> Number:
            return over(over(x, frame.left_axes), frame.right_axes)

        if not layout.own:
            # Nothing asks for q values again: any will do, and zero costs nothing.
            return PairMoments(Pair(0.0, 0.0, -pairs(field.cross.value, layout))), 0.0
        drops = [pairs(p.drop, f) for p, f in zip(field.parts, layout.frames, strict=True)]
        lost = _own(drops, layout)
        kept = PerSide(
            over(field.cross.left, layout.left_axes), over(field.cross.right, layout.right_axes)
        )
        q = PerSide(kept.left - lost.left, kept.right - lost.right)
        views = layout.views((lost.left, lost.right), (lost.left, lost.right))
        left = [total - (x + y) / 2 for total, (x, y) in zip(drops, views, strict=True)]
        return _settled(left, drops, layout.views((q.left, q.right), (q.left, q.right))), q

    return Mixing(arrays, moments)


def _settled(drops: list[Number], scales: list[Number], q_values: tuple[Sides, ...]) -> PairMoments:
    """Moments with these distances; an input with itself leaves rounding, whose root an angle
    would show."""
    parts = []
    for drop, scale, (a, b) in zip(drops, scales, q_values, strict=True):
        noise = 16 * float(jnp.finfo(jnp.result_type(drop)).eps) * jnp.abs(scale)
        parts.append(Pair(a, b, jnp.where(drop <= noise, 0.0, drop)))
    return PairMoments.of(tuple(parts))


def applied(
    x: Number, axes: tuple[int, ...], locations: DenseMap, matrix: np.ndarray | jax.Array
) -> Number:
    """A matrix over all locations on the axes of one input."""
    if jnp.ndim(x) == 0:
        return x  # one number everywhere, and rows that add up to 1
    first, rank = axes[0], len(axes)
    shape = jnp.shape(x)
    flat = jnp.reshape(x, (*shape[:first], math.prod(locations.locations), *shape[first + rank :]))
    moved = jnp.tensordot(
        flat, jnp.asarray(matrix, jnp.result_type(x)), (first, 1), precision="highest"
    )
    moved = jnp.moveaxis(moved, -1, first)
    return moved.reshape(*shape[:first], *locations.outputs, *shape[first + rank :])


def whole(x: Number, groups: Groups, locations: LocationMap) -> Number:
    """An array with all its location axes, where a number or an axis of size one stood for any
    size."""
    count = 1 + max((axis for axes in groups for axis in axes), default=-1)
    shape = list(jnp.shape(x)) or [1] * count
    for axes in groups:
        for axis, size in zip(axes, locations.locations, strict=True):
            shape[axis] = size
    return jnp.broadcast_to(x, shape)


def _own(parts: list[Number], layout: PairLayout) -> PerSide:
    """The diagonals of pairs of own locations, as numbers of each input."""
    left, right = (own_diagonal(x, layout.rank) for x in parts[1:])
    return PerSide(layout.wide(left, 0), layout.wide(right, 1))
