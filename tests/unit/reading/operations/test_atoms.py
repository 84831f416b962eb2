"""Factors of axes: splits, joins, and what is found out about them later."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from kernelc.reading.operations._atoms import Atoms, Role, UnknownAxes


def test_axes_of_size_one_have_no_atoms():
    atoms = Atoms()
    assert atoms.axis(1) == ()
    assert atoms.size(()) == 1


def test_a_split_tells_all_axes_that_hold_the_atom():
    atoms = Atoms()
    axis = atoms.axis(12)
    before = (atoms.axis(5), axis)
    parts = atoms.reshaped((axis,), (3, 4))
    assert atoms.factors(before[1]) == (3, 4)
    assert atoms.atoms(before[1]) == (*parts[0], *parts[1])


def test_roles_are_told_through_splits_and_unions():
    atoms = Atoms()
    one, other = atoms.axis(6), atoms.axis(6)
    atoms.reshaped((one,), (2, 3))
    atoms.unify(one, other)
    atoms.tell(other, Role.FEATURE)
    assert atoms.has_role(one, Role.FEATURE)
    atoms.tell(one, Role.LOCATION)
    assert atoms.has_role(one, Role.FEATURE)


def test_a_copy_is_another_axis():
    atoms = Atoms()
    axis = atoms.axis(4, Role.LOCATION)
    copy = atoms.copy(axis)
    assert copy != axis
    assert atoms.has_role(copy, Role.LOCATION)
    assert atoms.size(copy) == 4


@pytest.mark.parametrize("shape", [(5, 2), (4, 3)])
def test_a_reshape_that_cuts_no_whole_factors_is_unknown(shape):
    atoms = Atoms()
    axes = (atoms.axis(2), atoms.axis(math.prod(shape) // 2))
    if shape == (4, 3):
        assert atoms.sizes(atoms.reshaped(axes, shape)) == shape
    else:
        with pytest.raises(UnknownAxes):
            atoms.reshaped(axes, shape)


def test_axes_whose_factors_do_not_fit_are_not_the_same():
    atoms = Atoms()
    with pytest.raises(UnknownAxes):
        atoms.unify(atoms.axis(4), (*atoms.axis(3), *atoms.axis(2)))


@given(st.lists(st.sampled_from([1, 2, 3, 4, 6]), min_size=1, max_size=4), st.data())
def test_a_reshape_and_a_transpose_follow_numpy(sizes, data):
    """Whether the order of factors says where each entry of an array goes."""
    total = math.prod(sizes)
    divisors = [n for n in range(1, total + 1) if total % n == 0]
    first = data.draw(st.sampled_from(divisors))
    atoms = Atoms()
    axes = tuple(atoms.axis(size) for size in sizes)
    try:
        rows, columns = atoms.reshaped(axes, (first, total // first))
    except UnknownAxes:
        return
    array = np.arange(total).reshape(sizes)
    moved = array.reshape(first, total // first).T
    start = [atom for axis in axes for atom in atoms.atoms(axis)]
    end = [atom for axis in (columns, rows) for atom in atoms.atoms(axis)]
    spread = array.reshape([atoms.size((atom,)) for atom in start])
    found = spread.transpose([start.index(atom) for atom in end]).reshape(moved.shape)
    np.testing.assert_array_equal(found, moved)
