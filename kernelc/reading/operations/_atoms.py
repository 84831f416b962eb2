"""Atoms: the factors that axes are made of, and what each of them stands for."""

from __future__ import annotations

import enum
import itertools
import math
from collections.abc import Iterable, Sequence
from typing import TypeAlias


Axis: TypeAlias = tuple[int, ...]
"""Atoms whose sizes multiply to the size of the axis, the slowest first; () for size 1."""
Axes: TypeAlias = tuple[Axis, ...]


class Role(enum.Enum):
    """What an axis of a value stands for."""

    LOCATION = "location"
    FEATURE = "feature"


class UnknownAxes(Exception):
    """An operation that mixes axes in a way this analysis does not follow; says why."""


class Atoms:
    """The factors of the axes of all values of a model.

    A reshape splits axes into factors or joins them, and an operation may tell only much later what
    a factor stands for. So an atom is a number here, and what is found out about it (its role, its
    own factors, another atom that is the same) holds for all values that have it.
    """

    def __init__(self) -> None:
        self._sizes: list[int] = []
        self._roles: dict[int, Role] = {}
        self._same: dict[int, int] = {}
        self._parts: dict[int, Axis] = {}

    def axis(self, size: int, role: Role | None = None) -> Axis:
        """A new axis of one atom; without atoms when it has one entry."""
        if size == 1:
            return ()
        self._sizes.append(size)
        atom = len(self._sizes) - 1
        if role is not None:
            self._roles[atom] = role
        return (atom,)

    def copy(self, axis: Axis) -> Axis:
        """A new axis of factors of the same sizes and roles, which is not the same axis."""
        found = (self.axis(self._sizes[atom], self._roles.get(atom)) for atom in self.atoms(axis))
        return tuple(itertools.chain.from_iterable(found))

    def atoms(self, axis: Iterable[int]) -> Axis:
        """The axis in its smallest factors known."""
        found: list[int] = []
        for atom in axis:
            root = self._root(atom)
            parts = self._parts.get(root)
            found += [root] if parts is None else self.atoms(parts)
        return tuple(found)

    def size(self, axis: Iterable[int]) -> int:
        """How many entries an axis has."""
        return math.prod(self._sizes[self._root(atom)] for atom in axis)

    def sizes(self, axes: Iterable[Axis]) -> tuple[int, ...]:
        """How many entries each axis has."""
        return tuple(map(self.size, axes))

    def factors(self, axis: Axis) -> tuple[int, ...]:
        """Sizes of the factors of an axis."""
        return tuple(self._sizes[atom] for atom in self.atoms(axis))

    def role(self, atom: int) -> Role | None:
        """What the atom stands for; None when nothing has told."""
        return self._roles.get(self._root(atom))

    def has_role(self, axis: Axis, role: Role) -> bool:
        """Whether all of the axis is known to stand for this."""
        return all(self.role(atom) is role for atom in self.atoms(axis))

    def tell(self, axis: Axis, role: Role) -> None:
        """What an axis stands for, where nothing has told before."""
        for atom in self.atoms(axis):
            self._roles.setdefault(atom, role)

    def unify(self, one: Axis, other: Axis) -> None:
        """Two axes of one size are the same axis.

        Raises:
            UnknownAxes: sizes whose factors do not fit.
        """
        left, right = list(self.atoms(one)), list(self.atoms(other))
        while left and right:
            a, b = left.pop(0), right.pop(0)
            if self._sizes[a] > self._sizes[b]:
                a, rest = self._split(a, self._sizes[b])
                left.insert(0, rest)
            elif self._sizes[b] > self._sizes[a]:
                b, rest = self._split(b, self._sizes[a])
                right.insert(0, rest)
            self._merge(a, b)
            left, right = list(self.atoms(left)), list(self.atoms(right))
        if left or right:
            raise UnknownAxes(f"axes of {self.size(one)} and {self.size(other)} entries meet")

    def reshaped(self, axes: Axes, shape: Sequence[int]) -> Axes:
        """The axes of a value after a reshape to `shape`.

        Raises:
            UnknownAxes: a shape that cuts an axis into no whole factors.
        """
        left = list(self.atoms(itertools.chain.from_iterable(axes)))
        found = []
        for size in shape:
            axis: list[int] = []
            while (missing := size // self.size(axis)) > 1:
                if not left or size % self.size(axis):
                    raise UnknownAxes(f"a reshape of {self.sizes(axes)} to {tuple(shape)}")
                atom = left.pop(0)
                if self._sizes[atom] > missing:
                    atom, rest = self._split(atom, missing)
                    left.insert(0, rest)
                axis.append(atom)
            if self.size(axis) != size:
                raise UnknownAxes(f"a reshape of {self.sizes(axes)} to {tuple(shape)}")
            found.append(tuple(axis))
        return tuple(found)

    def _root(self, atom: int) -> int:
        while atom in self._same:
            atom = self._same[atom]
        return atom

    def _split(self, atom: int, first: int) -> tuple[int, int]:
        if self._sizes[atom] % first:
            raise UnknownAxes(f"{self._sizes[atom]} entries in groups of {first}")
        role = self._roles.get(atom)
        one, rest = (self.axis(n, role)[0] for n in (first, self._sizes[atom] // first))
        self._parts[atom] = (one, rest)
        return one, rest

    def _merge(self, one: int, other: int) -> None:
        if one == other:
            return
        role = self._roles.get(one, self._roles.get(other))
        self._same[other] = one
        if role is not None:
            self._roles[one] = role
