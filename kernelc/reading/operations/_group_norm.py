"""Group norm as an operation."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ...layers import GroupNorm
from ._atoms import Atoms, Axes, Role
from ._linear import permutation
from ._operation import NodeBuilder, Operation, Placed, UnknownOperation


@dataclasses.dataclass(frozen=True, eq=False)
class GroupNormalized(Operation):
    """gain (x - mean) / sqrt(variance + eps) + bias over all locations and each group of channels.

    Arguments:
        groups: ranges of channels of equal size.
        eps: guard against division by zero.
        gain, bias: one number for each channel; None for none.
        channel_axis: index of the axis of channels.
        count: how many of the last axes are locations and channels; None for all but the first.
    """

    groups: int
    eps: float
    gain: np.ndarray | None = None
    bias: np.ndarray | None = None
    channel_axis: int = 1
    count: int | None = None

    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
        (x,) = given
        atoms.tell(x[self.channel_axis], Role.FEATURE)
        for axis in self._own(x):
            atoms.tell(axis, Role.LOCATION)
        return x

    def _own(self, axes: Axes) -> Axes:
        """The axes that one norm is over."""
        return axes[1:] if self.count is None else axes[len(axes) - self.count :]

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        atoms, value = builder.atoms, given[0]
        order = permutation(seen[0][self.channel_axis], value.features, atoms)
        if not np.array_equal(order, np.arange(len(order))):
            raise UnknownOperation("a group norm of permuted channels")
        over = {atom for axis in self._own(seen[0]) for atom in atoms.atoms(axis)}
        held = {atom for axis in (*value.locations, value.features) for atom in atoms.atoms(axis)}
        if over != held:
            raise UnknownOperation("a group norm over some of the axes of an example")
        affine = self.gain is not None or self.bias is not None
        ones = np.ones(len(order), np.float32)
        gain = ones if self.gain is None else self.gain
        bias = 0 * ones if self.bias is None else self.bias
        arrays = {"gain": gain, "bias": bias} if affine else {}
        layer = GroupNorm(self.groups, self.eps, affine)
        return builder.add(layer, given, value.locations, value.features, arrays)
