"""Norms as operations: layer norm, RMS norm and batch norm with its running statistics."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ...layers import BatchNorm, Concat, LayerNorm, RMSNorm
from ._atoms import Atoms, Axes, Axis, Role
from ._features import MOST_RANGES, with_features
from ._linear import permutation
from ._operation import NodeBuilder, Operation, Placed, UnknownOperation


@dataclasses.dataclass(frozen=True, eq=False)
class Normalized(Operation):
    """gain (x - mean) / sqrt(variance + eps) + bias over the last axes.

    Arguments:
        count: how many axes.
        center: whether the mean is subtracted.
        eps: guard against division by zero.
        gain, bias: of the shape of these axes; None for none.
    """

    count: int
    center: bool
    eps: float
    gain: np.ndarray | None = None
    bias: np.ndarray | None = None

    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
        (x,) = given
        if self.count == 1 and not any(
            atoms.role(atom) is Role.LOCATION for atom in atoms.atoms(x[-1])
        ):
            atoms.tell(x[-1], Role.FEATURE)
        return x

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        atoms, value = builder.atoms, given[0]
        over = [atom for axis in seen[0][-self.count :] for atom in atoms.atoms(axis)]
        features = atoms.atoms(value.features)
        locations = atoms.atoms(atom for axis in value.locations for atom in axis)
        if set(over) == set(features):
            axis: int | str = -1
        elif set(over) == {*features, *locations}:
            axis = "all"
        elif set(over) > set(features):
            value, axis = with_features(value, tuple(over), builder), -1
        elif set(over) == set(features[-len(over) :]):
            return self._of_groups(value, features, len(over), seen, out, builder)
        else:
            raise UnknownOperation("a norm over some of the axes of an example")
        given, features = [value], atoms.atoms(value.features)
        parameters = {"gain": self.gain, "bias": self.bias}
        arrays = {
            name: _per_channel(array, tuple(over), value, atoms)
            for name, array in parameters.items()
            if array is not None
        }
        affine = bool(arrays)
        if affine and "gain" not in arrays:
            arrays["gain"] = np.ones(atoms.size(features), np.float32)
        if self.center:
            if affine and "bias" not in arrays:
                arrays["bias"] = np.zeros(atoms.size(features), np.float32)
            layer = LayerNorm(axis, eps=self.eps, affine=affine)
        elif "bias" in arrays:
            layer = LayerNorm(axis, center=False, eps=self.eps, affine=True)
        else:
            layer = RMSNorm(axis, eps=self.eps, affine=affine)
        return builder.add(layer, given, value.locations, value.features, arrays)

    def _of_groups(
        self,
        value: Placed,
        features: Axis,
        own: int,
        seen: Sequence[Axes],
        out: Axes,
        builder: NodeBuilder,
    ) -> Placed:
        """The norm of each group of channels, such as a head, side by side."""
        atoms = builder.atoms
        groups, width = atoms.size(features[:-own]), atoms.size(features[-own:])
        if groups > MOST_RANGES:
            raise UnknownOperation(f"norms of {groups} groups of channels")
        parts = [
            builder.part(value, i * width, (i + 1) * width, features[-own:]) for i in range(groups)
        ]
        normed = [self.build([part], seen, out, builder) for part in parts]
        return builder.add(Concat(), normed, value.locations, features)


def _per_channel(
    array: np.ndarray, over: tuple[int, ...], value: Placed, atoms: Atoms
) -> np.ndarray:
    """One number for each channel, in the order of the node.

    Raises:
        UnknownOperation: numbers that differ by location.
    """
    features = atoms.atoms(value.features)
    sizes = [atoms.size((atom,)) for atom in over]
    spread = array.reshape(sizes)
    others = tuple(i for i, atom in enumerate(over) if atom not in features)
    kept = spread.mean(others, keepdims=True) if others else spread
    if not np.allclose(spread, kept, rtol=1e-6, atol=0):
        raise UnknownOperation("a gain or bias of a norm that differs by location")
    read = tuple(atom for atom in over if atom in features)
    return kept.ravel()[permutation(read, features, atoms)]


@dataclasses.dataclass(frozen=True, eq=False)
class BatchNormalized(Operation):
    """gain (x - mean) / sqrt(variance + eps) + bias with running statistics, channel by channel.

    Arguments:
        channel_axis: index of the axis of channels.
        mean, variance: the statistics.
        eps: guard against division by zero.
        momentum: weight of the old statistics at each update.
        gain, bias: one number for each channel; None for none.
    """

    channel_axis: int
    mean: np.ndarray
    variance: np.ndarray
    eps: float
    momentum: float = 0.9
    gain: np.ndarray | None = None
    bias: np.ndarray | None = None

    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
        atoms.tell(given[0][self.channel_axis], Role.FEATURE)
        return given[0]

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        value = given[0]
        order = permutation(seen[0][self.channel_axis], value.features, builder.atoms)
        ones = np.ones_like(self.mean)
        gain = ones if self.gain is None else self.gain
        bias = 0 * ones if self.bias is None else self.bias
        layer = BatchNorm(momentum=self.momentum, eps=self.eps)
        return builder.add(
            layer,
            given,
            value.locations,
            value.features,
            {"gain": gain[order], "bias": bias[order]},
            {"mean": self.mean[order], "variance": self.variance[order]},
        )
