"""Where registered classes and functions come from, and which are one thing defined anew."""

from __future__ import annotations

import sys
from collections.abc import Callable


def qualified(thing: Callable[..., object]) -> str:
    """Module and qualified name: what a class or function is known by when its cell runs again.

    Example:
        >>> qualified(qualified)
        'kernelc._registration.qualified'
    """
    name = getattr(thing, "__qualname__", type(thing).__qualname__)
    return f"{getattr(thing, '__module__', None) or '<no module>'}.{name}"


def same_function(one: Callable[..., object], other: Callable[..., object]) -> bool:
    """Whether two functions are one definition that ran twice.

    Lambdas of a module share a name, so what they compute must be equal too.
    """
    if qualified(one) != qualified(other):
        return False
    codes = [getattr(each, "__code__", None) for each in (one, other)]
    if not qualified(one).endswith("<lambda>"):
        return True
    return len({(code.co_code, code.co_consts, code.co_names) for code in codes if code}) <= 1


def function_place(function: Callable[..., object]) -> str:
    """Name, file and line of a function."""
    code = getattr(function, "__code__", None)
    line = f" ({code.co_filename}:{code.co_firstlineno})" if code is not None else ""
    return f"{qualified(function)}{line}"


def class_place(cls: type) -> str:
    """Name, file and line of a class; to be called while its class statement runs."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") != cls.__module__:
        frame = frame.f_back
    line = f" ({frame.f_code.co_filename}:{frame.f_lineno})" if frame is not None else ""
    return f"{qualified(cls)}{line}"
