"""Targets as text: a name with literal values, which is never evaluated."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import TypeVar

from .._errors import ShapingError, shown


T = TypeVar("T")

# A parser may run out of stack on longer ones.
_LONGEST = 1000


def from_call(text: str, kinds: Mapping[str, Callable[..., T]], remedy: str) -> T:
    """The target of a text such as "DKS(zeta=2.0)".

    Arguments:
        text: the text.
        kinds: the targets by name.
        remedy: for the error.

    Raises:
        ShapingError: another text, or values that the target does not take.
    """
    name, values = _call(text, remedy)
    if name not in kinds:
        raise _unreadable(text, f"a target is one of {', '.join(kinds)}", remedy)
    try:
        return kinds[name](**values)
    except TypeError as error:
        raise _unreadable(text, f"{name} takes other arguments: {error}", remedy) from error


def _call(text: str, remedy: str) -> tuple[str, dict[str, object]]:
    """Name and arguments of a call that holds nothing but names and literals."""
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise _unreadable(text, f"a target is a text of at most {_LONGEST} characters", remedy)
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if isinstance(call, ast.Name):
            return call.id, {}
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and not call.args:
            values = {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
            return call.func.id, values
    except (SyntaxError, ValueError, TypeError, AttributeError, MemoryError, RecursionError):
        pass  # unparsable text: refused like text of another form
    raise _unreadable(text, "a target is written NAME(ARGUMENT=VALUE, ...)", remedy)


def _unreadable(text: object, law: str, remedy: str) -> ShapingError:
    return ShapingError(where="target", found=shown(text), law=law, remedy=remedy)
