"""Attention as one operation: queries, keys and values of all heads."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Int

from ...layers import Attention, Scale
from ._atoms import Atoms, Axes, Axis, Role
from ._operation import NodeBuilder, Operation, Placed, UnknownOperation
from ._places import flat, in_a_row, with_locations


Places: TypeAlias = Int[np.ndarray, "windows entries"]
_HIDDEN = -800.0
"""A bias of logits whose softmax is 0."""
_MOST_BIASES = 2**25
"""Numbers in the table of biases of one attention."""


@dataclasses.dataclass(frozen=True, eq=False)
class Attended(Operation):
    """softmax(scale q k^T + bias) v for inputs (..., heads, locations, channels of a head).

    Arguments:
        scale: by which products of queries and keys are multiplied.
        bias: what is added to logits, an array that broadcasts to (heads, outputs, locations) with
            -inf where a location is hidden; None for nothing.
        causal: whether later locations are hidden.
    """

    scale: float
    bias: np.ndarray | None = None
    causal: bool = False

    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
        query, key, value = given
        for x in given:
            atoms.tell(x[-1], Role.FEATURE)
            atoms.tell(x[-2], Role.LOCATION)
        for one, two, three in zip(query[:-2], key[:-2], value[:-2], strict=True):
            atoms.unify(one, two)
            atoms.unify(one, three)
        return (*query[:-1], value[-1])

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        atoms = builder.atoms
        leading = flat(seen[0][:-2], atoms)
        windows = tuple(a for a in leading if atoms.role(a) is Role.LOCATION)
        heads = tuple(a for a in leading if a not in windows)
        for value, axes in zip(given, seen, strict=True):
            if atoms.atoms(value.features) != heads + atoms.atoms(axes[-1]):
                raise UnknownOperation("attention whose heads are not ranges of channels")
        places = [
            self._places(value, windows, axes[-2], atoms)
            for value, axes in zip(given, seen, strict=True)
        ]
        bias, causal = self._mask(places, seen[0][:-2], heads, atoms)
        width = atoms.size(seen[0][-1])
        layer = Attention(
            atoms.size(heads),
            "causal" if causal else None,
            bias,
            scale="1/d" if math.isclose(self.scale, 1 / width, rel_tol=1e-5) else "1/sqrt(d)",
        )
        factor = self.scale * (width if layer.scale == "1/d" else math.sqrt(width))
        rows = [in_a_row(value, builder) for value in given]
        if not rows[0].locations:
            rows[0] = with_locations(rows[0], ((),), builder)
        if not math.isclose(factor, 1, rel_tol=1e-5):
            query = rows[0]
            rows[0] = builder.add(Scale(factor), [query], query.locations, query.features)
        features = heads + atoms.atoms(seen[2][-1])
        found = builder.add(layer, rows, rows[0].locations, features)
        return with_locations(found, tuple(filter(None, found.locations)), builder)

    def _places(self, value: Placed, windows: Axis, inside: Axis, atoms: Atoms) -> Places:
        """The location of the node that each entry of each window is."""
        held, wanted = flat(value.locations, atoms), windows + atoms.atoms(inside)
        if sorted(held) != sorted(wanted):
            raise UnknownOperation("attention over some of the locations")
        index = np.arange(atoms.size(held)).reshape(atoms.factors(held))
        order = [held.index(atom) for atom in wanted]
        return index.transpose(order).reshape(atoms.size(windows), atoms.size(inside))

    def _mask(
        self, places: Sequence[Places], leading: Axes, heads: Axis, atoms: Atoms
    ) -> tuple[np.ndarray | None, bool]:
        """Biases of logits at the locations of the node, and whether later ones are hidden."""
        query, key, value = places
        if not np.array_equal(key, value):
            raise UnknownOperation("keys and values at locations in another order")
        later = ~np.tri(query.shape[1], key.shape[1], dtype=bool)
        if len(query) == 1 and self.bias is None:
            in_order = (np.diff(query) > 0).all() and (np.diff(key) > 0).all()
            if self.causal and not in_order:
                raise UnknownOperation("a causal mask over permuted locations")
            return None, self.causal
        found = self._inside(later, leading, heads, atoms)
        hidden = found <= _HIDDEN
        if len(query) == 1 and hidden.any() and (hidden == later).all():
            rest = np.where(hidden, 0.0, found)[:, 0]
            return (rest if rest.any() else None), True
        size = len(found) * query.size * key.size
        if size > _MOST_BIASES:
            raise UnknownOperation(f"attention within windows of {query.size} locations")
        full = np.full((len(found), query.size, key.size), _HIDDEN)
        for window, (rows, columns) in enumerate(zip(query, key, strict=True)):
            full[:, rows[:, None], columns] = np.maximum(found[:, window], _HIDDEN)
        return full, False

    def _inside(self, later: np.ndarray, leading: Axes, heads: Axis, atoms: Atoms) -> np.ndarray:
        """Biases of logits, (heads or 1, windows, entries, entries)."""
        bias = np.zeros(later.shape) if self.bias is None else np.asarray(self.bias, np.float64)
        bias = np.where(later, _HIDDEN, bias) if self.causal else bias
        given = bias.shape[:-2]
        ones = (1,) * (len(leading) - len(given)) + given
        flat_axes = flat(leading, atoms)
        alike = all(
            size == 1
            for size, axis in zip(ones, leading, strict=True)
            if set(atoms.atoms(axis)) & set(heads)
        )
        full = np.broadcast_to(bias, (*atoms.sizes(leading), *later.shape))
        spread = full.reshape((*atoms.factors(flat_axes), *later.shape))
        windows = [i for i, atom in enumerate(flat_axes) if atom not in heads]
        order = [i for i, atom in enumerate(flat_axes) if atom in heads] + windows
        last = len(flat_axes)
        found = spread.transpose([*order, last, last + 1])
        found = found.reshape(atoms.size(heads), -1, *later.shape)
        return found[:1] if alike else found
