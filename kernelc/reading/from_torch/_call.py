"""One call of an ATen operation, and how the rules of operations read its arguments."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import sympy

from ..operations import Operation, UnknownOperation
from ..recording import Recorder, Value


Function: TypeAlias = Callable[..., sympy.Expr]
"""An elementwise function of one value and of numbers."""
Results: TypeAlias = "Value | np.ndarray | tuple[Value, ...]"
"""What an operation returns."""


@dataclasses.dataclass(frozen=True, eq=False)
class Call:
    """A call of an operation that reads at least one value of the model.

    Arguments:
        operation: its name, such as "aten.linear".
        arguments: by the names of its schema, those that are left out with their defaults; values
            of the model as `Value`, all other tensors as arrays.
        shapes: of its results.
        recorder: where steps go.
    """

    operation: str
    arguments: Mapping[str, object]
    shapes: tuple[tuple[int, ...], ...]
    recorder: Recorder

    @property
    def shape(self) -> tuple[int, ...]:
        """Of its first result."""
        return self.shapes[0]

    def value(self, name: str) -> Value:
        """An argument that the model computes from its input.

        Raises:
            UnknownOperation: it is an array or nothing.
        """
        found = self.arguments[name]
        if not isinstance(found, Value):
            raise UnknownOperation(f"its {name} does not depend on the input of the model")
        return found

    def array(self, name: str) -> np.ndarray:
        """An argument that is the same for all inputs.

        Raises:
            UnknownOperation: it is computed from the input, or nothing.
        """
        found = self.optional_array(name)
        if found is None:
            raise UnknownOperation(f"it has no {name}")
        return found

    def optional_array(self, name: str) -> np.ndarray | None:
        """An argument that is an array or nothing.

        Raises:
            UnknownOperation: it is computed from the input.
        """
        found = self.arguments[name]
        if isinstance(found, Value):
            raise UnknownOperation(f"its {name} is computed from the input of the model")
        return None if found is None else np.asarray(found)

    def number(self, name: str) -> float:
        """An argument that is a number."""
        found = number_of(self.arguments[name])
        if found is None:
            raise UnknownOperation(f"its {name} is no number")
        return found

    def integer(self, name: str) -> int:
        """An argument that is an integer."""
        return int(self.number(name))

    def flag(self, name: str) -> bool:
        """An argument that is true or false."""
        return bool(self.arguments[name])

    def axis(self, name: str, axes: int) -> int:
        """An argument that is an axis of a value with so many axes, counted from the first."""
        return self.integer(name) % axes

    def integers(self, name: str, count: int | None = None) -> tuple[int, ...]:
        """An argument that is several integers; one is repeated `count` times."""
        found = self.arguments[name]
        if isinstance(found, int):
            found = (found,)
        if not isinstance(found, Sequence):
            raise UnknownOperation(f"its {name} is not a list of integers")
        sizes = tuple(int(n) for n in found)
        return sizes * count if count is not None and len(sizes) == 1 else sizes

    def applied(self, function: Function, value: Value, *numbers: float) -> Value:
        """A function of one value and of numbers, entry by entry."""
        found = self.recorder.apply(function, [value, *numbers])
        assert found is not None  # it is a function of one value
        return found

    def record(
        self, operation: Operation, *inputs: Value, shape: Sequence[int] | None = None
    ) -> Value:
        """The result of an operation, of the shape of the call if no other is given."""
        return self.recorder.record(operation, inputs, self.shape if shape is None else shape)


Rule: TypeAlias = Callable[[Call], Results]
"""What a call does; raises `UnknownOperation` or `UnknownAxes` where it cannot be read."""


def number_of(argument: object) -> float | None:
    """The number that an argument is, also as an array of one entry; None for anything else."""
    if isinstance(argument, np.ndarray):
        return float(argument.reshape(())) if argument.size == 1 else None
    return float(argument) if isinstance(argument, int | float) else None
