"""Arguments that have to be numbers: read, or refused with a reason."""

from __future__ import annotations

import math

from ._errors import DataError, reason, shown
from ._limits import LARGEST_AXIS, real, whole


def integer(
    value: object,
    where: str,
    *,
    least: int = 1,
    most: int = LARGEST_AXIS,
    remedy: str = "Pass such a number",
) -> int:
    """The value as an int; integers of NumPy, JAX and SymPy are taken too.

    Arguments:
        value: what was passed.
        where: the argument, for the error.
        least, most: the smallest and the largest number that is taken.
        remedy: what to do instead.

    Raises:
        DataError: another number, or no whole number.

    Example:
        >>> integer(3, "steps")
        3
    """
    found = whole(value)
    if not isinstance(found, int) or isinstance(found, bool) or not least <= found <= most:
        bounds = f"of at least {least}" if most >= LARGEST_AXIS else f"from {least} to {most}"
        raise DataError(where, shown(value), f"This is a whole number {bounds}", remedy)
    return found


def number(
    value: object,
    where: str,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    remedy: str = "Pass such a number",
) -> float:
    """The value as a finite float; real numbers of NumPy, JAX, SymPy and mpmath are taken too.

    Arguments:
        value: what was passed.
        where: the argument, for the error.
        least, above, below: bounds; the last two do not belong to the range.
        remedy: what to do instead.

    Raises:
        DataError: a number outside the range, or no real number.

    Example:
        >>> number(1, "ridge", least=0)
        1.0
    """
    found = real(value)
    if not (least <= found < below and found > above):
        words = (("of at least", least), ("above", above), ("below", below))
        bounds = " and ".join(f"{word} {bound:g}" for word, bound in words if math.isfinite(bound))
        raise DataError(where, shown(value), f"This is a finite number {bounds}", remedy)
    return found


def utf8(text: str, where: str) -> bytes:
    """The text as bytes.

    Raises:
        DataError: half a pair of surrogates, which UTF-8 does not have.

    Example:
        >>> utf8("é", "prompt")
        b'\\xc3\\xa9'
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        found, law = reason(error), "Text can be written as UTF-8"
        raise DataError(where, found, law, 'Pass text.encode(errors="replace")') from error
