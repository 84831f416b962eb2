"""Targets by name: their classes, and texts that name one with literal values."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import TypeVar

from .._errors import ShapingError, shown
from .._registration import qualified


T = TypeVar("T")

# A parser may run out of stack on longer ones.
_LONGEST = 1000


def register(kinds: dict[str, type[T]], kind: type[T]) -> None:
    """Add a class of targets, or the one that its statement defined anew, to those known by name.

    Raises:
        ShapingError: another class has the name.
    """
    known = kinds.get(kind.__name__)
    if known is not None and qualified(known) != qualified(kind):
        raise ShapingError(
            where=f"target {kind.__name__}",
            found=f"the class {qualified(kind)} beside {qualified(known)}",
            law="a target is found by the name of its class",
            remedy="give the class another name",
        )
    kinds[kind.__name__] = kind


def from_call(text: str, kinds: Mapping[str, Callable[..., T]], remedy: str) -> T:
    """The target of a text such as "DKS(zeta=2.0)", which is never evaluated.

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
    unreadable = _unreadable(text, "a target is written NAME(ARGUMENT=VALUE, ...)", remedy)
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if isinstance(call, ast.Name):
            return call.id, {}
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and not call.args:
            values = {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
            return call.func.id, values
    except (SyntaxError, ValueError, TypeError, AttributeError, MemoryError, RecursionError):
        raise unreadable from None
    raise unreadable


def _unreadable(text: object, law: str, remedy: str) -> ShapingError:
    return ShapingError(where="target", found=shown(text), law=law, remedy=remedy)
