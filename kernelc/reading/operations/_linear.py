"""Layers of weights as operations: dense layers and convolutions."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from ...ir import Pads
from ...layers import Conv, Dense, Flatten, Padding
from ._atoms import Atoms, Axes, Axis, Role, UnknownAxes
from ._features import with_features
from ._initial import initial_weights
from ._operation import Arrays, NodeBuilder, Operation, Placed, UnknownOperation
from ._places import with_locations


@dataclasses.dataclass(frozen=True, eq=False)
class Affine(Operation):
    """x @ weight + bias over the last axis.

    Arguments:
        weight: (in, out).
        bias: (out,), or None.
    """

    weight: np.ndarray
    bias: np.ndarray | None = None

    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
        (x,) = given
        if not any(atoms.role(atom) is Role.LOCATION for atom in atoms.atoms(x[-1])):
            atoms.tell(x[-1], Role.FEATURE)
            for axis in x[:-1]:  # the same weights at all of their entries
                atoms.tell(axis, Role.LOCATION)
        return (*x[:-1], atoms.axis(shape[-1], Role.FEATURE))

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        value, read = _row_of(given[0], seen[0][-1], builder)
        weight = self.weight[permutation(read, value.features, builder.atoms)]
        arrays = with_bias(weight, self.bias)
        layer = Dense(
            weight.shape[1], **initial_weights(weight, self.bias), bias=self.bias is not None
        )
        return builder.add(layer, [value], value.locations, out[-1], arrays)


def _row_of(value: Placed, read: Axis, builder: NodeBuilder) -> tuple[Placed, Axis]:
    """The value with all that the axis `read` holds among its channels."""
    atoms = builder.atoms
    read = atoms.atoms(read)
    features = atoms.atoms(value.features)
    locations = atoms.atoms(atom for axis in value.locations for atom in axis)
    if set(read) == set(features):
        return dataclasses.replace(value, features=features), read
    if set(read) == {*features, *locations}:
        flat = builder.add(Flatten(), [value], (), locations + features)
        return flat, read
    if not set(read) & set(features):
        raise UnknownOperation("weights that mix locations, the same for all channels")
    if set(read) > set(features):
        found = with_features(value, read, builder)
        return found, read
    raise UnknownOperation("weights that read some of the channels")


def permutation(read: Axis, held: Axis, atoms: Atoms) -> np.ndarray:
    """Where each channel, in the order of the node, stands on an axis of the model."""
    read, held = atoms.atoms(read), atoms.atoms(held)
    places = np.arange(atoms.size(read)).reshape(atoms.factors(read))
    return places.transpose([read.index(atom) for atom in held]).ravel()


def with_bias(weight: np.ndarray, bias: np.ndarray | None) -> Arrays:
    """The arrays of a layer of weights."""
    return {"weight": weight} if bias is None else {"weight": weight, "bias": bias}


@dataclasses.dataclass(frozen=True, eq=False)
class Convolved(Operation):
    """A convolution over location axes.

    Arguments:
        weight: (*window, in / groups, out).
        bias: (out,), or None.
        strides, padding, dilation: one entry for each location axis; padding as (low, high).
        groups: channels are split into this many groups that do not mix.
        channel_axis: index of the axis of channels.
        location_axes: indices of the location axes, in the order of the window.
    """

    weight: np.ndarray
    bias: np.ndarray | None
    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int
    channel_axis: int
    location_axes: tuple[int, ...]

    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
        (x,) = given
        others = set(range(len(x))) - {self.channel_axis, *self.location_axes}
        if any(atoms.size(x[i]) > 1 for i in others) and not self._is_pointwise():
            raise UnknownAxes("a convolution over several examples")
        atoms.tell(x[self.channel_axis], Role.FEATURE)
        out = list(x)
        for i in self.location_axes:
            atoms.tell(x[i], Role.LOCATION)
            if shape[i] != atoms.size(x[i]) or self._moves(i):
                out[i] = atoms.axis(shape[i], Role.LOCATION)
        out[self.channel_axis] = atoms.axis(shape[self.channel_axis], Role.FEATURE)
        return tuple(out)

    def _is_pointwise(self) -> bool:
        """Whether each location is read by itself, by all channels."""
        one = set(self.weight.shape[:-2]) | set(self.strides)
        return one == {1} and self.groups == 1 and not any(map(any, self.padding))

    def _moves(self, axis: int) -> bool:
        return self.strides[self.location_axes.index(axis)] > 1

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        atoms, value = builder.atoms, given[0]
        if self._is_pointwise() and len(given[0].locations) != len(self.location_axes):
            row = Affine(self.weight.reshape(self.weight.shape[-2:]), self.bias)
            first, last = ((*axes, axes[self.channel_axis]) for axes in (seen[0], out))
            return row.build(given, [first], last, builder)
        one = next((i for i in self.location_axes if not seen[0][i]), None)
        if one is not None:
            return self._without(one, out).build(given, seen, out, builder)
        value = with_locations(value, tuple(seen[0][i] for i in self.location_axes), builder)
        weight, order = self.weight, permutation(seen[0][self.channel_axis], value.features, atoms)
        if not np.array_equal(order, np.arange(len(order))):
            if self.groups > 1:
                raise UnknownOperation("a convolution of groups of permuted channels")
            weight = weight[..., order, :]
        locations = tuple(out[i] for i in self.location_axes)
        layer = self._layer(weight)
        arrays = with_bias(weight, self.bias)
        return builder.add(layer, [value], locations, out[self.channel_axis], arrays)

    def _without(self, axis: int, out: Axes) -> Convolved:
        """The same convolution without a location axis of one entry, which one tap reads."""
        i = self.location_axes.index(axis)
        tap, beside = divmod(self.padding[i][0], self.dilation[i])
        if out[axis] or beside or tap >= self.weight.shape[i]:
            raise UnknownOperation("a convolution that adds locations")
        rest = [j for j in range(len(self.location_axes)) if j != i]
        return dataclasses.replace(
            self,
            weight=self.weight.take(tap, i),
            strides=tuple(self.strides[j] for j in rest),
            padding=tuple(self.padding[j] for j in rest),
            dilation=tuple(self.dilation[j] for j in rest),
            location_axes=tuple(self.location_axes[j] for j in rest),
        )

    def _layer(self, weight: np.ndarray) -> Conv | Dense:
        window = weight.shape[:-2]
        flat = weight.reshape(math.prod(weight.shape[:-1]), weight.shape[-1])
        drawn, bias = initial_weights(flat, self.bias), self.bias is not None
        if not window:
            if self.groups > 1:
                raise UnknownOperation("weights of groups of channels without locations")
            return Dense(weight.shape[-1], **drawn, bias=bias)
        return Conv(
            weight.shape[-1],
            window,
            self.strides,
            named_padding(self.padding, window, self.strides, self.dilation),
            self.groups,
            **drawn,
            delta=False,
            bias=bias,
            dilation=self.dilation,
        )


def named_padding(
    padding: Pads, window: tuple[int, ...], strides: tuple[int, ...], dilation: tuple[int, ...]
) -> Padding:
    """The name of a padding where it has one, otherwise the pairs themselves."""
    if not any(low or high for low, high in padding):
        return "VALID"
    totals = [d * (n - 1) for d, n in zip(dilation, window, strict=True)]
    centered = tuple((total // 2, total - total // 2) for total in totals)
    return "SAME" if set(strides) == {1} and centered == padding else padding
