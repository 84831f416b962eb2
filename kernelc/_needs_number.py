"""The refusal of what computes with numbers to take a symbol."""

from __future__ import annotations

import sympy

from ._errors import KernelcError


def needs_number(
    where: str, symbol: sympy.Basic, what: str, error: type[KernelcError] = KernelcError
) -> KernelcError:
    """The error for a symbol where a number is needed: it names both and says how to give one.

    Arguments:
        where: the node that has the symbol.
        symbol: the symbol.
        what: what needs the number: an entry point, a field, a reading.
        error: the class of the error.

    Example:
        >>> print(needs_number("scale_1", sympy.Symbol("w"), "lower").remedy)
        give it one: network.subs(w, 0.5)
    """
    value = "20" if symbol.is_integer else "0.5"
    return error(
        where=where,
        found=f"the symbol {symbol}"[:120],
        law=f"{what} needs a number in its place",
        remedy=f"give it one: network.subs({symbol}, {value})"[:160],
    )
