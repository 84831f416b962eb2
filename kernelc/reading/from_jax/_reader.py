"""The equations of a jaxpr, read one after the other."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import jax
import numpy as np
from jax.extend import core, source_info_util

from ..._errors import UnsupportedError
from ..operations import Reshaped, Taken, Unread
from ..recording import Recorder, Value
from ._modules import MARK
from ._whole import Whole, whole_of


_MARKED = re.compile(rf"{MARK}([^/()]+)")
_PLACE = re.compile(r"(.+?):(\d+)\b")
_LOOPS = frozenset(("scan", "while", "cond"))
Parameters: TypeAlias = Mapping[str, Any]
"""Of an equation; JAX gives them no type."""


@dataclasses.dataclass(frozen=True)
class Known:
    """An array that does not depend on the input.

    Arguments:
        array: the array.
        trained: whether it comes from an array of the model, so that it is no constant of the
            program.
    """

    array: np.ndarray
    trained: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sizes."""
        return self.array.shape

    @property
    def number(self) -> float | None:
        """The number at all entries, where the program says one; None for an array."""
        if self.array.size == 1 and (self.array.ndim == 0 or not self.trained):
            return float(self.array.reshape(()))
        if self.trained or self.array.size == 0 or self.array.dtype.kind not in "fiu":
            return None
        first = self.array.ravel()[0]
        return float(first) if (self.array == first).all() else None


Held: TypeAlias = Known | Value
Shapes: TypeAlias = Sequence[tuple[int, ...]]
Rule: TypeAlias = Callable[["Reader", Sequence[Held], Parameters, Shapes], Sequence[Held] | None]
"""The results of an equation, from its inputs, its parameters and the shapes of its results; None
where it is not read."""


class Reader:
    """Reads equations into a recorder.

    Arguments:
        recorder: where steps go.
        rules: what each primitive does, by its name.
    """

    def __init__(self, recorder: Recorder, rules: Mapping[str, Rule]) -> None:
        self.recorder = recorder
        self._rules = rules
        self._scope = ""
        self._line = ""

    def run(self, jaxpr: core.Jaxpr, consts: Sequence[Held], args: Sequence[Held]) -> list[Held]:
        """What a jaxpr returns."""
        values: dict[core.Var, Held] = {}

        def look_up(atom: core.Var | core.Literal) -> Held:
            if isinstance(atom, core.Literal):
                return Known(np.asarray(atom.val))
            return values[atom]

        values.update(zip(jaxpr.constvars, consts, strict=True))
        values.update(zip(jaxpr.invars, args, strict=True))
        for equation in jaxpr.eqns:
            found = self._equation(equation, [look_up(atom) for atom in equation.invars])
            values.update(zip(equation.outvars, found, strict=True))
        return [look_up(atom) for atom in jaxpr.outvars]

    def _equation(self, equation: core.JaxprEqn, given: Sequence[Held]) -> Sequence[Held]:
        name, parameters = equation.primitive.name, equation.params
        known = [value for value in given if isinstance(value, Known)]
        if len(known) == len(given) and (name in _LOOPS or _inner(parameters) is None):
            return _evaluated(equation, known)
        if isinstance(whole := whole_of(equation), Whole):
            return self._whole(whole, equation, given)
        if (called := self._called(equation, given)) is not None:
            return called
        self._at(equation)
        shapes = [_shape_of(v) for v in equation.outvars]
        operation = f"the operation {name}{self._line_of(equation)}"
        if any(0 in shape for shape in shapes):
            raise _without_entries(operation)
        rule = self._rules.get(name)
        found = None if rule is None else rule(self, given, parameters, shapes)
        return found or self.unread(operation, given, shapes)

    def _called(self, equation: core.JaxprEqn, given: Sequence[Held]) -> list[Held] | None:
        """The results of the jaxpr that an equation calls; None for other equations."""
        name, parameters = equation.primitive.name, equation.params
        inner, outside = _inner(parameters), (self._scope, self._line)
        if inner is None or name in ("while", "cond"):
            return None
        # Scopes and lines of inner equations begin where the call stands.
        self._scope, self._line = self._scope_of(equation), self._line_of(equation)
        try:
            if name == "scan":
                return self._scan(parameters, given)
            jaxpr, consts = inner
            return self.run(jaxpr, [Known(held(c)) for c in consts], given)
        finally:
            self._scope, self._line = outside

    def unread(self, reason: str, given: Sequence[Held], shapes: Shapes) -> list[Held]:
        """Steps of which only the reason and the shapes are known."""
        values = [value for value in given if isinstance(value, Value)]
        return [self.recorder.record(Unread(reason), values, shape) for shape in shapes]

    def _at(self, equation: core.JaxprEqn) -> None:
        self.recorder.source = self._scope_of(equation)

    def _scope_of(self, equation: core.JaxprEqn) -> str:
        return scope_of(str(equation.source_info.name_stack)) or self._scope

    def _line_of(self, equation: core.JaxprEqn) -> str:
        """Where the model has an equation, as far as JAX knows."""
        found = _PLACE.match(source_info_util.summarize(equation.source_info))
        if found is None:
            return self._line
        return f" at {pathlib.PurePath(found[1]).name}:{found[2]}"

    def _whole(
        self, whole: Whole, equation: core.JaxprEqn, given: Sequence[Held]
    ) -> Sequence[Held]:
        self._at(equation)
        shape = _shape_of(equation.outvars[0])
        x = given[0]
        arrays = [value.array for value in given[1:] if isinstance(value, Known)]
        if not isinstance(x, Value) or len(arrays) < len(given) - 1:
            return self.unread(f"{whole.kind} with weights that are no constants", given, [shape])
        return [self.recorder.record(whole.make(arrays), [x], shape)]

    def _scan(self, parameters: Parameters, given: Sequence[Held]) -> list[Held]:
        jaxpr, length = parameters["jaxpr"], parameters["length"]
        consts, carries = parameters["num_consts"], parameters["num_carry"]
        fixed, carry = list(given[:consts]), list(given[consts : consts + carries])
        rows: list[list[Held]] = []
        order = range(length - 1, -1, -1) if parameters["reverse"] else range(length)
        for i in order:
            xs = [self._row(x, i) for x in given[consts + carries :]]
            inner = [Known(held(c)) for c in jaxpr.consts]
            found = self.run(jaxpr.jaxpr, inner, [*fixed, *carry, *xs])
            carry, row = found[:carries], found[carries:]
            rows.append(row)
        shapes = [(length, *aval.shape) for aval in jaxpr.out_avals[carries:]]
        return [*carry, *self._stacked(rows, shapes)]

    def _row(self, x: Held, index: int) -> Held:
        """One entry along the first axis."""
        if isinstance(x, Known):
            return dataclasses.replace(x, array=x.array[index])
        row = self.recorder.record(Taken(0, index, index + 1), [x], (1, *x.shape[1:]))
        return self.recorder.record(Reshaped(), [row], x.shape[1:])

    def _stacked(self, rows: Sequence[Sequence[Held]], shapes: Shapes) -> list[Held]:
        found: list[Held] = []
        for column, shape in zip(zip(*rows, strict=True), shapes, strict=True):
            arrays = [value.array for value in column if isinstance(value, Known)]
            if len(arrays) == len(column):
                found.append(Known(np.stack(arrays)))
            else:
                found += self.unread("a value that a loop collects", column, [shape])
        return found


def scope_of(stack: str) -> str:
    """The innermost module of a name stack, in which `named_modules` has marked them.

    Example:
        >>> scope_of("jit(f)/vmap(@layers.0)/relu"), scope_of("jit(f)")
        ('layers.0', '')
    """
    found = _MARKED.findall(stack)
    return found[-1] if found else ""


def _inner(parameters: Parameters) -> tuple[core.Jaxpr, Sequence[object]] | None:
    """The jaxpr that an equation calls, and its constants."""
    for name in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        found = parameters.get(name)
        if isinstance(found, core.ClosedJaxpr):
            return found.jaxpr, found.consts
        if isinstance(found, core.Jaxpr):
            return found, ()
    return None


def _shape_of(variable: core.Var) -> tuple[int, ...]:
    aval: Any = variable.aval
    return tuple(aval.shape)


def _without_entries(operation: str) -> UnsupportedError:
    return UnsupportedError(
        where="read: the model",
        found=f"{operation} returns an array without entries",
        law="axes of values have at least one entry",
        remedy="pass a model and an example without empty arrays",
    )


def held(array: Any) -> np.ndarray:
    """An array that is known; keys of random numbers, which NumPy has no type for, stay as is."""
    dtype = getattr(array, "dtype", np.dtype(np.float32))
    return array if jax.numpy.issubdtype(dtype, jax.dtypes.prng_key) else np.asarray(array)


def _evaluated(equation: core.JaxprEqn, given: Sequence[Known]) -> list[Held]:
    """What an equation makes of arrays that are known."""
    arrays = [jax.numpy.asarray(known.array) for known in given]
    found = equation.primitive.bind(*arrays, **equation.params)
    results = found if equation.primitive.multiple_results else [found]
    trained = any(value.trained for value in given)
    return [Known(held(each), trained) for each in results]
