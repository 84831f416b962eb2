"""Compiled: a scalar function in the form that one library computes in, by name and by value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._formula import Formula


_LONGEST_NAME = 60


class Compiled:
    """φ, or a derivative of it, as a function of numbers of one library.

    Equal when made from equal functions in the same way, so that models built alike share
    compiled code, in this process and in others: it pickles as the description of φ.

    Arguments:
        make: what made this from `function` and `order`, by which it is made again.
        function: φ.
        order: of the derivative; None where `make` takes none.
        run: the code.
    """

    __slots__ = ("_run", "function", "make", "order")

    def __init__(
        self,
        make: Callable[..., Compiled],
        function: Formula,
        order: int | None,
        run: Callable[[Any], Any],
    ) -> None:
        self.make, self.function, self.order = make, function, order
        self._run = run

    @property
    def __name__(self) -> str:
        return _name(self.function) + "'" * (self.order or 0)

    def __call__(self, x: Any) -> Any:
        return self._run(x)

    def _given(self) -> tuple[Any, ...]:
        return (self.function,) if self.order is None else (self.function, self.order)

    def __reduce__(self) -> Any:
        return self.make, self._given()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Compiled):
            return NotImplemented
        return self.make is other.make and self._given() == other._given()

    def __hash__(self) -> int:
        return hash((self.make, *self._given()))

    def __repr__(self) -> str:
        return f"<activation {self.__name__}>"


def _name(function: Formula) -> str:
    if function.base is not None or function.definition is None:
        return str(function.expr)[:_LONGEST_NAME]
    params = ", ".join(f"{key}={value}" for key, value in function.params)
    return f"{function.name}({params})" if params else function.name
