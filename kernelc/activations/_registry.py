"""The registry of named activations."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import sympy
from jaxtyping import Array

from .._errors import ActivationError, shown
from .._limits import oversized, real
from .._registration import function_place, same_function
from ._stable import X


Parameter: TypeAlias = "float | sympy.Expr | tuple[Parameter, ...]"
Bound: TypeAlias = "tuple[tuple[str, Parameter], ...]"
Parameters: TypeAlias = "tuple[tuple[str, Parameter | None], ...]"
Expression: TypeAlias = Callable[..., sympy.Expr]
Rule: TypeAlias = Callable[..., sympy.Expr | None]


@dataclass(frozen=True)
class Definition:
    """A family of activations under one name.

    Arguments:
        name: the public name.
        expression: parameters (as keywords, SymPy numbers) -> expression in X.
        defaults: parameter names and their default values; None means required.
        jax: parameters (floats) -> function of an array, where the expression itself is not stable.
        dual: (q1, q2, k, mean, **parameters) -> E φ(u)φ(v), or None for this mean.
        dual_derivative: likewise for E φ'(u)φ'(v); None: ∂dual/∂k (Price's theorem).
        expectation: (q, mean, **parameters) -> E φ(u), or None for this mean.
        complaint: parameters -> what is wrong with them, or None.
        symbolic: names of the parameters that may be symbols: where they stand, pieces, smoothness
            and closed duals are the same for every value.
    """

    name: str
    expression: Expression
    defaults: Parameters = ()
    jax: Callable[..., Callable[[Array], Array]] | None = None
    dual: Rule | None = None
    dual_derivative: Rule | None = None
    expectation: Rule | None = None
    complaint: Callable[..., str | None] | None = None
    symbolic: tuple[str, ...] = ()


def centered(rule: Rule) -> Rule:
    """A rule of `Definition` that is known for a mean of zero alone.

    Arguments:
        rule: takes the moments without the mean, and the parameters.
    """

    def known(*moments: sympy.Expr, **params: sympy.Expr) -> sympy.Expr | None:
        *others, mean = moments
        return None if mean != 0 else rule(*others, **params)

    return known


_definitions: dict[str, Definition] = {}

ACTIVATIONS: Mapping[str, Definition] = MappingProxyType(_definitions)
LONGEST_NAME = 200


def register(definition: Definition, *aliases: str) -> Definition:
    """Make `definition` available under its name and `aliases`.

    A name is taken once. The same definition again, by the same function of the same module (a
    notebook cell that runs twice), takes the place of the first.

    Raises:
        ActivationError: a name that another definition has, or that is no short text; then
            nothing is registered.
    """
    names = (definition.name, *aliases)
    for name in names:
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
            law = f"is text of 1 to {LONGEST_NAME} characters"
            raise _unfit(definition, f"the name {str(name)[:80]!r}", law)
        known = _definitions.get(name, definition)
        if not same_function(known.expression, definition.expression):
            found = f"{name!r}, which is registered by {function_place(known.expression)}"
            raise _unfit(definition, found, "is taken by one definition")
    before = _definitions.get(definition.name)
    for name in [name for name, known in _definitions.items() if known is before]:
        del _definitions[name]
    _definitions.update(dict.fromkeys(names, definition))
    return definition


def _unfit(definition: Definition, found: str, law: str) -> ActivationError:
    return ActivationError(
        where=f"activation by {function_place(definition.expression)}",
        found=found,
        law=f"A name {law}",
        remedy="Register it under another name",
    )


_EXPRESSION = (
    'Pass a SymPy expression in one symbol, such as u * sympy.tanh(u) for u = sympy.Symbol("u")'
)


def lookup(name: object) -> Definition:
    """The definition of `name`.

    Raises:
        ActivationError: no such name; the message lists close ones.
    """
    if isinstance(name, str) and name in _definitions:
        return _definitions[name]
    plain = isinstance(name, str) and name.isidentifier()
    close = difflib.get_close_matches(str(name)[:64].lower(), _definitions, n=3, cutoff=0.5)
    raise ActivationError(
        where="activation name",
        found=f"{str(name)[:64]!r} is not an activation",
        law="A name must be one of " + ", ".join(sorted(_definitions)),
        remedy=f"Did you mean {' or '.join(close)}?" if close and plain else _EXPRESSION,
    )


def bind(definition: Definition, params: Mapping[str, object]) -> Bound:
    """Parameters of `definition` in its order, defaults filled in: floats, tuples of them, and
    symbols where those may stand.

    Raises:
        ActivationError: an unknown, missing or invalid parameter.
    """
    names = [name for name, _ in definition.defaults]
    for name in params:
        if name not in names:
            takes = f"takes {', '.join(names)}" if names else "takes no parameters"
            raise _invalid(definition, f"unknown parameter {str(name)[:64]!r}", takes)
    bound = []
    for name, default in definition.defaults:
        value = params.get(name, default)
        if value is None:
            raise _invalid(definition, f"parameter {name!r} is missing", f"needs {name}")
        bound.append((name, _plain(definition, name, value)))
    if definition.complaint is not None:
        wrong = definition.complaint(**dict(bound))
        if wrong is not None:
            raise _invalid(definition, f"got {dict(bound)}", wrong)
    return tuple(bound)


def _plain(definition: Definition, name: str, value: object) -> Parameter:
    if isinstance(value, list | tuple):
        return tuple(_plain(definition, name, v) for v in value)
    if isinstance(value, sympy.Expr):
        expr: sympy.Expr = value
        if expr.free_symbols:
            return _symbolic(definition, name, expr)
    fits = isinstance(value, numbers.Real) or getattr(value, "is_real", False)
    if isinstance(value, bool) or not fits:
        raise _invalid(definition, f"{name} = {value!r}", f"needs a real number for {name}")
    number = real(value)
    if not math.isfinite(number):
        raise _invalid(definition, f"{name} = {number}", f"needs a finite {name}")
    return number


def _symbolic(definition: Definition, name: str, value: sympy.Expr) -> sympy.Expr:
    if name not in definition.symbolic:
        raise _invalid(definition, f"{name} = {shown(value)}", f"needs a number for {name}")
    if X in value.free_symbols:
        raise _invalid(definition, f"the symbol {X} in {name}", f"is a function of {X} itself")
    if value.is_real is False or value.is_finite is False or oversized(value) is not None:
        raise _invalid(definition, f"{name} = {shown(value)}", f"needs a real {name}")
    return value


def exact(value: Parameter) -> sympy.Expr:
    """The SymPy number of a float: whole floats print as integers."""
    if isinstance(value, sympy.Expr):
        return value
    if isinstance(value, tuple):
        return sympy.Tuple(*map(exact, value))
    return sympy.Integer(int(value)) if float(value).is_integer() else sympy.Float(value)


def _invalid(definition: Definition, found: str, law: str) -> ActivationError:
    return ActivationError(
        where=f"activation {definition.name!r}",
        found=found,
        law=f"{definition.name} {law}",
        remedy="Correct the parameters",
    )
