"""Values that meet: their axes made equal, and the locations of those that have none."""

from __future__ import annotations

from collections.abc import Sequence

from ...layers import Broadcast
from ._atoms import Atoms, Axes, Axis, Role, UnknownAxes
from ._operation import NodeBuilder, Placed, UnknownOperation
from ._places import alike, flat, relabeled


def broadcast_axes(given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
    """The axes of an elementwise operation, after NumPy's rule: from the last axis on, axes of
    size one are repeated. An axis whose factors differ from those of another starts anew.
    """
    out = []
    for place in range(1, len(shape) + 1):
        present = [axes[-place] for axes in given if len(axes) >= place]
        wide = [axis for axis in present if atoms.size(axis) > 1]
        out.append(_met(wide, atoms) if wide else ())
    return tuple(reversed(out))


def _met(axes: Sequence[Axis], atoms: Atoms) -> Axis:
    """What axes of one size are together."""
    try:
        for axis in axes[1:]:
            atoms.unify(axes[0], axis)
    except UnknownAxes:
        roles = {atoms.role(atom) for axis in axes for atom in atoms.atoms(axis)} - {None}
        return atoms.axis(atoms.size(axes[0]), roles.pop() if len(roles) == 1 else None)
    return axes[0]


def with_axes_of(
    given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
) -> list[Placed]:
    """The values with the axes of the result, where these have started anew."""
    atoms, found = builder.atoms, []
    for value, axes in zip(given, seen, strict=True):
        for own, new in zip(reversed(axes), reversed(out), strict=False):
            if own and atoms.atoms(own) != atoms.atoms(new):
                value = relabeled(value, atoms.atoms(own), atoms.atoms(new), builder)
        found.append(value)
    return found


def aligned(
    given: Sequence[Placed], out: Axes, builder: NodeBuilder, features: bool = True
) -> list[Placed]:
    """The values with equal axes.

    Arguments:
        given: the values.
        out: the axes of what they are joined to.
        builder: where nodes are added.
        features: whether channels must be equal too.

    Raises:
        UnknownOperation: values whose axes lie in another order, or that have no channels.
    """
    atoms = builder.atoms
    widest = max(given, key=lambda value: len(flat(value.locations, atoms)))
    found: list[Placed] = []
    for value in given:
        if features and atoms.atoms(value.features) != atoms.atoms(widest.features):
            raise UnknownOperation("values whose channels differ in number or order are joined")
        if not value.locations and widest.locations:
            sizes = Broadcast(atoms.sizes(widest.locations))
            value = builder.add(sizes, [value], widest.locations, value.features)
        if flat(value.locations, atoms) != flat(widest.locations, atoms):
            raise UnknownOperation("values whose locations differ in number or order are joined")
        found.append(value)
    found = alike(found, builder)
    shown = [a for axis in out for a in atoms.atoms(axis) if atoms.role(a) is Role.LOCATION]
    if set(shown) != set(flat(widest.locations, atoms)):
        raise UnknownOperation("a value without locations is repeated")
    return found
