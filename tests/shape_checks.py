"""Shapes in annotations, checked while the tests run.

    PYTHONPATH=tests python -m pytest --jaxtyping-packages=kernelc,shape_checks.checked

jaxtyping's import hook passes every function of the package through `checked`. beartype tests the
arguments and results that have a shape (`Float[Array, "n d"]`); pyright has the other types.
"""

from __future__ import annotations

import sys
import typing
from collections.abc import Callable
from typing import Any, TypeVar

import jaxtyping
from beartype import beartype


F = TypeVar("F", bound=Callable[..., Any])


def checked(function: F) -> F:
    """The function with its annotated shapes checked at every call."""
    if isinstance(function, type):
        return function
    names = vars(sys.modules[function.__module__]) | getattr(function, "__globals__", {})
    written = dict(function.__annotations__)
    hints = {name: _evaluated(hint, names) for name, hint in written.items()}
    shapes = {name: hint for name, hint in hints.items() if _has_shape(hint)}
    if not shapes:
        return function
    function.__annotations__ = shapes
    return beartype(function)


def _evaluated(hint: object, names: dict[str, Any]) -> object:
    """The type that an annotation stands for; None where its names are for type checkers alone."""
    if not isinstance(hint, str):
        return hint
    try:
        return eval(hint, names)
    except (NameError, AttributeError, TypeError):
        return None


def _has_shape(hint: object) -> bool:
    if isinstance(hint, type) and issubclass(hint, jaxtyping.AbstractArray):
        return True
    return any(_has_shape(part) for part in typing.get_args(hint))
