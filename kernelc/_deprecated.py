"""Former names of public functions, arguments, attributes and layer kinds, kept for one release."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar


P = ParamSpec("P")
R = TypeVar("R")

FORMER_NAMES = {
    "BlockReport": "KFACBlocks",
    "StandardisedConv": "StandardizedConv",
    "StandardisedDense": "StandardizedDense",
    "block_report": "kfac_blocks",
}
"""Names of the package before 0.1.0, and what they are called now."""


def warn_renamed(former: str, name: str, stacklevel: int = 3) -> None:
    """Tell the caller that `former` is called `name` now."""
    text = f"{former} is called {name} since kernelc 0.1.0; the old name goes in 0.2.0"
    warnings.warn(text, DeprecationWarning, stacklevel=stacklevel)


def renamed_arguments(**former: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator: keyword arguments under former names are passed on under their names.

    Example:
        >>> @renamed_arguments(colour="color")
        ... def paint(color):
        ...     return color
        >>> paint(color="red")
        'red'
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            for old in former.keys() & kwargs.keys():
                warn_renamed(f"{function.__name__}({old}=)", f"{function.__name__}({former[old]}=)")
                kwargs.setdefault(former[old], kwargs.pop(old))
            return function(*args, **kwargs)

        return call

    return decorate


def keywords(*names: str, after: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator: arguments after the first `after` are keywords; by position they warn.

    Example:
        >>> @keywords("color", "width", after=1)
        ... def paint(wall, *, width, color):
        ...     return wall, color, width
        >>> paint("north", color="red", width=2)
        ('north', 'red', 2)
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            by_place = dict(zip(names, args[after:], strict=False))
            if by_place:
                shown = ", ".join(f"{name}=" for name in by_place)
                text = f"since kernelc 0.1.0 these are keywords, from 0.2.0 on only so: {shown}"
                warnings.warn(text, DeprecationWarning, stacklevel=2)
            # Python refuses an argument that is given twice, and places that do not exist.
            rest: Any = args[:after] + args[after + len(names) :]
            return function(*rest, **by_place, **kwargs)

        return call

    return decorate


def renamed_method(former: str, name: str) -> Callable[..., object]:
    """A method under its former name that warns and calls the method `name`."""

    def call(self: object, *args: object, **kwargs: object) -> object:
        warn_renamed(f"{type(self).__name__}.{former}", f"{type(self).__name__}.{name}")
        return getattr(self, name)(*args, **kwargs)

    call.__name__, call.__doc__ = former, f"Deprecated: call `{name}`."
    return call
