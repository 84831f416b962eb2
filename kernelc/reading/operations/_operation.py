"""Operation: one step of a model as a front end has seen it, in the words of no framework."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

from ._atoms import Atoms, Axes, Axis


if TYPE_CHECKING:
    import numpy as np

    from ...ir import Layer

Arrays: TypeAlias = "Mapping[str, np.ndarray]"
"""Arrays of a finite layer by the name of its field."""


@dataclasses.dataclass(frozen=True)
class Placed:
    """A value that a node of the network computes.

    Arguments:
        node: index of the node.
        locations: its location axes, in the order of the node.
        features: the factors of its channels, in the order of the node.
    """

    node: int
    locations: Axes
    features: Axis


class NodeBuilder(Protocol):
    """Where operations add nodes to the network."""

    @property
    def atoms(self) -> Atoms:
        """What is known about axes."""
        ...

    def add(
        self,
        layer: Layer,
        inputs: Sequence[Placed],
        locations: Axes,
        features: Axis,
        arrays: Arrays | None = None,
        state: Arrays | None = None,
    ) -> Placed:
        """A node that applies a layer.

        Arguments:
            layer: its kind and settings.
            inputs: the values it reads.
            locations, features: the axes of what it returns.
            arrays: what the finite layer has in its fields, in the layout of that layer.
            state: running statistics, by name.
        """
        ...

    def part(self, value: Placed, start: int, stop: int, features: Axis) -> Placed:
        """A range of the channels of a value; of a layer of weights, a layer of fewer weights."""
        ...

    def biased(self, value: Placed, bias: np.ndarray) -> Placed:
        """A value plus a number for each channel; of a layer of weights, its bias.

        Raises:
            UnknownOperation: a value of a layer that takes no bias.
        """
        ...


class UnknownOperation(Exception):
    """An operation that no layer kind says; the message is the reason."""


class Operation(ABC):
    """A step of a model: how axes pass, and which layer of a network it is.

    A kind of operation is one frozen dataclass. Front ends make them; the reader applies `axes`
    to all steps in order, and then, with the roles of all axes known, `build`.
    """

    @abstractmethod
    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
        """The axes of the result, from those of the inputs; tells roles where it knows them.

        Raises:
            UnknownAxes: axes that it cannot follow.
        """

    @abstractmethod
    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        """The value in the network.

        Arguments:
            given: the inputs in the network.
            seen: the axes of the inputs as the model has them.
            out: the axes of the result as the model has them.
            builder: where nodes are added.

        Raises:
            UnknownOperation: what no layer kind says.
        """
