"""A model as a front end has seen it: steps in order, with fused elementwise functions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import sympy

from ..operations import ARGUMENT, Applied, Multiplied, Operation, Summed, View


@dataclasses.dataclass(frozen=True)
class Value:
    """A value of a model: `function` of the result of a step, entry by entry.

    Arguments:
        step: index of the step.
        shape: as the model has it, with its batch.
        function: an expression in `ARGUMENT`; the argument itself for the result as it is.
        source: where the model applies the function.
    """

    step: int
    shape: tuple[int, ...]
    function: sympy.Expr = ARGUMENT
    source: str = ""


@dataclasses.dataclass(frozen=True)
class Step:
    """One operation.

    Arguments:
        operation: its kind, settings and weights; None for the input of the model.
        inputs: indices of the steps it reads.
        shape: of its result.
        source: where the model has it: the path of a module, or file and line.
    """

    operation: Operation | None
    inputs: tuple[int, ...]
    shape: tuple[int, ...]
    source: str


@dataclasses.dataclass(frozen=True)
class Captured:
    """The steps of a model, each after those it reads, the first one its input.

    Arguments:
        steps: all of them.
        output: index of the step whose result the model returns.
        batched: whether the first axis of the input is the batch.
        integers: the number of tokens where the input is integers; None for real inputs.
    """

    steps: tuple[Step, ...]
    output: int
    batched: bool
    integers: bool


class Recorder:
    """What a front end writes the steps of a model into.

    Elementwise functions of one value are fused into one expression, whatever operations the
    model writes them with: x * sigmoid(x) is one activation.

    Arguments:
        shape: of the input, with its batch when `batched`.
        batched: whether the first axis of the input is the batch.
        integers: whether the input is integers.
    """

    def __init__(self, shape: Sequence[int], *, batched: bool, integers: bool = False) -> None:
        self._steps = [Step(None, (), tuple(shape), "input")]
        self._batched, self.integers = batched, integers
        self._functions: dict[tuple[int, sympy.Expr], int] = {}
        self._views: dict[tuple[int, View, tuple[int, ...]], int] = {}
        self.input = Value(0, tuple(shape))
        self.source = ""
        """Where the model is: steps that are recorded come from here."""

    def record(self, operation: Operation, inputs: Sequence[Value], shape: Sequence[int]) -> Value:
        """The result of an operation on values.

        A view of a function of a value is the function of the view, so that functions on both
        sides of it are fused.
        """
        if isinstance(operation, View):
            return self._view(operation, inputs[0], tuple(shape))
        read = tuple(self.settled(value) for value in inputs)
        self._steps.append(Step(operation, read, tuple(shape), self.source))
        return Value(len(self._steps) - 1, tuple(shape))

    def _view(self, operation: View, value: Value, shape: tuple[int, ...]) -> Value:
        place = value.step, operation, shape
        if place not in self._views:
            self._steps.append(Step(operation, (value.step,), shape, self.source))
            self._views[place] = len(self._steps) - 1
        return dataclasses.replace(value, step=self._views[place], shape=shape)

    def apply(
        self, function: Callable[..., sympy.Expr], arguments: Sequence[Value | float]
    ) -> Value | None:
        """An elementwise function of one value and numbers; None for several unlike values."""
        values = [value for value in arguments if isinstance(value, Value)]
        if len({(value.step, value.shape) for value in values}) != 1:
            return None
        terms = [v.function if isinstance(v, Value) else sympy.Float(v) for v in arguments]
        return dataclasses.replace(values[0], function=_tidy(function(*terms)), source=self.source)

    def mapped(self, function: Callable[[sympy.Expr], sympy.Expr], value: Value) -> Value:
        """An elementwise function of one value."""
        found = _tidy(function(value.function))
        return dataclasses.replace(value, function=found, source=self.source)

    def add(self, one: Value, other: Value, shape: Sequence[int], sign: int = 1) -> Value:
        """one + sign other."""
        return self._joined(
            one, other, shape, lambda a, b: a + sign * b, lambda a, b: Summed((a, sign * b))
        )

    def multiply(self, one: Value, other: Value, shape: Sequence[int]) -> Value:
        """The product of two values, entry by entry."""
        return self._joined(one, other, shape, lambda a, b: a * b, lambda a, b: Multiplied(a * b))

    def producer(self, value: Value) -> Step | None:
        """The step whose result a value is; None where a function is applied to it."""
        return self._steps[value.step] if value.function == ARGUMENT else None

    def step(self, index: int) -> Step:
        """A step by its index."""
        return self._steps[index]

    def inputs(self, step: Step) -> list[Value]:
        """The values that a step reads."""
        return [Value(i, self._steps[i].shape) for i in step.inputs]

    def at_integers(self, value: Value, integers: np.ndarray) -> bool:
        """Whether a function of the input leaves these integers as they are."""
        if value.step and not isinstance(self._steps[value.step].operation, View):
            return False
        found = sympy.lambdify(ARGUMENT, value.function)(integers)
        return bool(np.array_equal(np.broadcast_to(found, integers.shape), integers))

    def settled(self, value: Value) -> int:
        """The step that a value is the result of, with its function as a step of its own."""
        if value.function == ARGUMENT:
            return value.step
        place = value.step, value.function
        if place not in self._functions:
            step = Step(Applied(value.function), (value.step,), value.shape, value.source)
            self._steps.append(step)
            self._functions[place] = len(self._steps) - 1
        return self._functions[place]

    def captured(self, output: Value) -> Captured:
        """All steps that the output depends on."""
        last = self.settled(output)
        needed: set[int] = {0}
        waiting = [last]
        while waiting:
            index = waiting.pop()
            if index not in needed:
                needed.add(index)
                waiting += self._steps[index].inputs
        kept = sorted(needed)
        moved = {index: place for place, index in enumerate(kept)}
        steps = [
            dataclasses.replace(self._steps[i], inputs=_moved(self._steps[i].inputs, moved))
            for i in kept
        ]
        return Captured(tuple(steps), moved[last], self._batched, self.integers)

    def _joined(
        self,
        one: Value,
        other: Value,
        shape: Sequence[int],
        fused: Callable[[sympy.Expr, sympy.Expr], sympy.Expr],
        operation: Callable[[float, float], Operation],
    ) -> Value:
        together = self.apply(fused, (one, other))
        if together is not None:
            return together
        (a, one), (b, other) = (without_factor(value) for value in (one, other))
        return self.record(operation(a, b), (one, other), shape)


def _tidy(function: sympy.Expr) -> sympy.Expr:
    """The argument itself where a factor has come out as one, up to rounding."""
    if not isinstance(function, sympy.Expr):
        return function
    factor, rest = function.as_coeff_Mul()
    near = factor.is_number and abs(float(factor) - 1) < 1e-12
    return rest if near else function


def _moved(indices: tuple[int, ...], moved: Mapping[int, int]) -> tuple[int, ...]:
    return tuple(moved[i] for i in indices)


def without_factor(value: Value) -> tuple[float, Value]:
    """The number that a value is multiplied by, and the value without."""
    if not isinstance(value.function, sympy.Expr):
        return 1.0, value
    factor, rest = value.function.as_coeff_Mul()
    if rest != ARGUMENT or not factor.is_number:
        return 1.0, value
    return float(np.float64(factor)), dataclasses.replace(value, function=ARGUMENT)
