"""From the steps of a model to a network, its weights, and what is not known of it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

import numpy as np

from .._errors import KernelcError, UnsupportedError, reason
from ..ir import Layer, Network, Spec
from ..layers import Conv, Dense, Input, Opaque, TakeChannels, Tokens
from .operations import (
    Arrays,
    Atoms,
    Axes,
    Axis,
    LookedUp,
    Placed,
    Role,
    UnknownAxes,
    UnknownOperation,
    initial_weights,
)
from .recording import Captured, Step


@dataclasses.dataclass(frozen=True)
class Built:
    """A network and what belongs to its nodes, by name.

    Arguments:
        network: its graph.
        weights: arrays of finite layers, by field.
        statistics: running statistics of batch norms.
        sources: where the model has what the node says.
        inputs, outputs: how arrays of the model become those of the network.
    """

    network: Network
    weights: Mapping[str, Arrays]
    statistics: Mapping[str, Arrays]
    sources: Mapping[str, str]
    inputs: Arrangement
    outputs: Arrangement


@dataclasses.dataclass(frozen=True)
class Arrangement:
    """How the axes of a value of the model become those of the network's.

    Arguments:
        factors: sizes that the array of the model is first reshaped to.
        order: then the axes are put in this order.
        shape: and joined to this shape, that of the network.
    """

    factors: tuple[int, ...]
    order: tuple[int, ...]
    shape: tuple[int, ...]

    def to_network(self, array: np.ndarray) -> np.ndarray:
        """A value of the model, of one example, in the order of the network."""
        return array.reshape(self.factors).transpose(self.order).reshape(self.shape)


def build(captured: Captured, name: str) -> Built:
    """The network of the steps of a model.

    Arguments:
        captured: the steps.
        name: of the network.

    Raises:
        UnsupportedError: integers that are looked up in no table.
    """
    vocabulary = _vocabulary(captured) if captured.integers else None
    atoms = Atoms()
    seen, unknown = _axes(captured, atoms)
    _settle_roles(seen, atoms)
    builder = _Builder(atoms)
    placed = [builder.start(seen[0], captured.steps[0].shape, vocabulary)]
    for index, step in enumerate(captured.steps[1:], 1):
        builder.source = step.source
        placed.append(_placed(step, index, placed, seen, unknown, builder))
    return builder.finished(name, placed[captured.output], seen[0], seen[captured.output])


def _vocabulary(captured: Captured) -> int:
    """How many tokens there are where the input is integers."""
    tables = [s.operation.table for s in captured.steps if isinstance(s.operation, LookedUp)]
    if not tables:
        raise UnsupportedError(
            where="read: the input",
            found="integers that are looked up in no table",
            law="integers of an input stand for tokens, which a table of vectors is for",
            remedy="pass an example of real numbers",
        )
    return min(len(table) for table in tables)


def _axes(captured: Captured, atoms: Atoms) -> tuple[list[Axes], dict[int, str]]:
    """The axes of all steps, and why those of some could not be followed."""
    seen: list[Axes] = []
    unknown: dict[int, str] = {}
    for index, step in enumerate(captured.steps):
        try:
            if step.operation is None:
                seen.append(tuple(atoms.axis(size) for size in step.shape))
            else:
                given = [seen[i] for i in step.inputs]
                seen.append(step.operation.axes(given, step.shape, atoms))
        except UnknownAxes as error:
            unknown[index] = str(error)
            seen.append(tuple(atoms.axis(size) for size in step.shape))
    return seen, unknown


def _settle_roles(seen: Sequence[Axes], atoms: Atoms) -> None:
    """Roles of axes that no operation told: the last of them is features if no other is."""
    for axes in seen:
        flat = [atom for axis in axes for atom in atoms.atoms(axis)]
        if not any(atoms.role(atom) is Role.FEATURE for atom in flat):
            open_ones = [axis for axis in axes if any(atoms.role(a) is None for a in axis)]
            atoms.tell(open_ones[-1] if open_ones else (), Role.FEATURE)
        for axis in axes:
            atoms.tell(axis, Role.LOCATION)


def _placed(
    step: Step,
    index: int,
    placed: Sequence[Placed],
    seen: Sequence[Axes],
    unknown: Mapping[int, str],
    builder: _Builder,
) -> Placed:
    given = [placed[i] for i in step.inputs]
    assert step.operation is not None  # the input alone has none, and it is the first step
    if index in unknown:
        return builder.opaque(given, seen[index], unknown[index])
    try:
        return step.operation.build(given, [seen[i] for i in step.inputs], seen[index], builder)
    except UnknownOperation as error:
        return builder.opaque(given, seen[index], str(error))
    except KernelcError as error:
        return builder.opaque(given, seen[index], reason(error))


class _Builder:
    """The nodes of a network as they are added, and what belongs to them."""

    def __init__(self, atoms: Atoms) -> None:
        self.atoms = atoms
        self.source = "input"
        self._specs: list[Spec] = []
        self._shapes: list[tuple[int, ...]] = []
        self._names: dict[str, int] = {}
        self._weights: dict[str, Arrays] = {}
        self._statistics: dict[str, Arrays] = {}
        self._sources: dict[str, str] = {}

    def start(self, axes: Axes, shape: tuple[int, ...], vocabulary: int | None) -> Placed:
        """The input node."""
        flat = [(axis, self.atoms.atoms(axis)) for axis in axes]
        if vocabulary is not None:
            size = self.atoms.sizes(axes)
            layer: Layer = Tokens(_only(size), vocabulary).layer
            wide = tuple(axis for axis, _ in flat if axis)
            locations, features = (wide or ((),)), ()
        else:
            places = (
                tuple(atom for atom in parts if self._are((atom,), Role.LOCATION))
                for _, parts in flat
            )
            locations = tuple(filter(None, places))
            features = tuple(
                atom for _, parts in flat for atom in parts if not self._are((atom,), Role.LOCATION)
            )
            sizes = (*self.atoms.sizes(locations), self.atoms.size(features))
            layer = Input(sizes).layer
        return self._append("input", layer, (), locations, features)

    def _are(self, axis: Axis, role: Role) -> bool:
        return self.atoms.has_role(axis, role)

    def add(
        self,
        layer: Layer,
        inputs: Sequence[Placed],
        locations: Axes,
        features: Axis,
        arrays: Arrays | None = None,
        state: Arrays | None = None,
    ) -> Placed:
        """See `NodeBuilder.add`."""
        name = self._name(layer)
        found = self._append(name, layer, inputs, locations, features)
        if arrays:
            self._weights[name] = arrays
        if state:
            self._statistics[name] = state
        return found

    def part(self, value: Placed, start: int, stop: int, features: Axis) -> Placed:
        """See `NodeBuilder.part`."""
        name, layer, inputs = self._specs[value.node]
        if not isinstance(layer, Dense):
            return self.add(TakeChannels(start, stop), [value], value.locations, features)
        arrays = {field: array[..., start:stop] for field, array in self._weights[name].items()}
        smaller = dataclasses.replace(layer, width=stop - start)
        read = [Placed(i, (), ()) for i in inputs]
        return self.add(smaller, read, value.locations, features, arrays)

    def biased(self, value: Placed, bias: np.ndarray) -> Placed:
        """See `NodeBuilder.biased`."""
        name, layer, inputs = self._specs[value.node]
        if not isinstance(layer, Dense | Conv) or layer.bias:
            raise UnknownOperation("an array that is added to channels")
        weight = self._weights[name]["weight"]
        flat = weight.reshape(-1, weight.shape[-1])
        found = dataclasses.replace(layer, bias=True, **initial_weights(flat, bias))
        read = [Placed(i, (), ()) for i in inputs]
        self._give_up(value.node)
        new = self._append(name, found, read, value.locations, value.features)
        self._weights[name] = {"weight": weight, "bias": bias}
        return new

    def _give_up(self, node: int) -> None:
        """Free the name of a node for another that takes its place."""
        name, layer, inputs = self._specs[node]
        other = self._free(f"{name}_without_bias")
        self._specs[node] = (other, layer, inputs)
        self._weights[other] = self._weights.pop(name)
        self._sources[other] = self._sources[name]

    def opaque(self, inputs: Sequence[Placed], out: Axes, reason: str) -> Placed:
        """A node of which only the shape and the reason are known."""
        locations = tuple(
            axis for axis in out if axis and self._are(self.atoms.atoms(axis), Role.LOCATION)
        )
        features = tuple(
            atom
            for axis in out
            for atom in self.atoms.atoms(axis)
            if self.atoms.role(atom) is not Role.LOCATION
        )
        shape = (*self.atoms.sizes(locations), self.atoms.size(features))
        return self.add(Opaque(reason, shape), inputs, locations, features)

    def finished(self, name: str, output: Placed, first: Axes, last: Axes) -> Built:
        """The network up to the node that is the output."""
        specs = _needed(self._specs, output.node)
        names = {spec[0] for spec in specs}
        network = Network.from_specs(specs, name)
        start = Placed(0, self._starts[0], self._starts[1])
        return Built(
            network,
            {name: arrays for name, arrays in self._weights.items() if name in names},
            {name: arrays for name, arrays in self._statistics.items() if name in names},
            {name: source for name, source in self._sources.items() if name in names},
            self._arrangement(first, start, network.input_format.shape),
            self._arrangement(last, output, network.output_shape),
        )

    def _arrangement(self, axes: Axes, value: Placed, shape: tuple[int, ...]) -> Arrangement:
        read = [atom for axis in axes for atom in self.atoms.atoms(axis)]
        own = (*value.locations, value.features)
        held = [atom for axis in own for atom in self.atoms.atoms(axis)]
        factors = tuple(self.atoms.size((atom,)) for atom in read)
        order = tuple(read.index(atom) for atom in held)
        return Arrangement(factors, order, shape)

    def _append(
        self,
        name: str,
        layer: Layer,
        inputs: Sequence[Placed],
        locations: Axes,
        features: Axis,
    ) -> Placed:
        indices = tuple(value.node for value in inputs)
        shapes = tuple(self._shapes[i] for i in indices)
        layer = layer.placed(shapes)
        self._shapes.append(layer.out_shape(shapes, name))
        self._specs.append((name, layer, indices))
        self._sources[name] = self.source
        if not indices:
            self._starts = (locations, features)
        return Placed(len(self._specs) - 1, locations, features)

    def _name(self, layer: Layer) -> str:
        """The place in the model, with a number where there are several nodes."""
        kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(layer).__name__).lower()
        return self._free(f"{self.source}/{kind}" if self.source else kind)

    def _free(self, base: str) -> str:
        count = self._names.get(base, 0)
        self._names[base] = count + 1
        return base if not count else f"{base}_{count + 1}"


def _needed(specs: Sequence[Spec], last: int) -> list[Spec]:
    """The nodes that the last one depends on, with their indices renumbered."""
    needed, waiting = {0}, [last]
    while waiting:
        index = waiting.pop()
        if index not in needed:
            needed.add(index)
            waiting += specs[index][2]
    moved = {index: place for place, index in enumerate(sorted(needed))}
    return [
        (specs[i][0], specs[i][1], tuple(moved[j] for j in specs[i][2])) for i in sorted(needed)
    ]


def _only(sizes: tuple[int, ...]) -> int:
    wide = [size for size in sizes if size > 1]
    if len(wide) > 1:
        raise UnknownOperation(f"tokens of shape {sizes}")
    return wide[0] if wide else 1
