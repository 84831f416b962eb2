"""What is taken at most: every bound of graphs, names, numbers and expressions in one place."""

from __future__ import annotations

import math
import numbers
import operator
import os
from typing import SupportsFloat, SupportsIndex, SupportsInt, TypeVar, cast

import mpmath
import sympy
from sympy.functions.elementary.piecewise import ExprCondPair


T = TypeVar("T")

MOST_NODES = 100_000
"""Nodes of a network."""
LONGEST_NAME = 200
"""Characters of the name of a network, a node, a kind, an activation or a symbol."""
MOST_AXES = 16
"""Axes of one example."""
LARGEST_AXIS = 2**31 - 1
"""Entries of one axis, and widths, windows and groups: indices of 32 bits."""
LARGEST_VALUE = 2**40
"""Entries of one value of the network."""
MOST_TOKENS = 2**24
"""Tokens of a vocabulary: data sets store examples in float32, which holds integers up to here."""
MOST_TAPS = 2**16
"""Taps of a window, or twice as many along each axis as there are locations."""
LARGEST_INTEGER = 2**53
"""Integers in JSON: beyond it, readers of other languages lose digits."""
LONGEST_TEXT = 64 * 2**20
"""Characters of JSON that are read."""
MOST_ENTRIES = 4_000_000
"""Objects, lists and commas in JSON: 40 for each of the most nodes."""
SMALLEST_SCALE, LARGEST_SCALE = 1e-150, 1e150
"""Numbers in layers other than 0: their squares are doubles."""
MOST_TERMS = 2000
"""Nodes of an expression, each counted as often as it stands there."""
DEEPEST = 60
"""Levels of an expression."""
MOST_DIGITS = 1000
"""Decimal digits of a kernel's value."""
DEEPEST_CONSTANT = 12
"""Levels of a part without symbols: SymPy evaluates them again and again, level by level."""
DEEPEST_FUNCTIONS = 5
"""Functions inside each other in such a part and in weights: the work doubles with each."""
MOST_BITS = 4096
"""Bits of a number in an expression, and of a power that SymPy would write out."""
LARGEST_EXPONENT = 2**64
"""Numerators and denominators of exponents."""
LARGEST_ARGUMENT = 1e4
"""Constants inside functions and exponents: beyond it mpmath builds numbers as long as these."""
LARGEST_NUMBER = 1e300
"""Other constants of activations: beyond it doubles overflow."""


def bad_name(name: object) -> str | None:
    """What is wrong with a name, or None."""
    if not isinstance(name, str):
        return f"a name of type {type(name).__name__}"
    return None if 0 < len(name) <= LONGEST_NAME else f"a name of {len(name):,} characters"


NAMES = f"names are texts of 1 to {LONGEST_NAME} characters"


def oversized(expr: sympy.Basic) -> str | None:
    """Why an expression is too large to work with, or None; the work is bounded by the limits.

    Example:
        >>> oversized(sympy.Symbol("x") ** 2 + 1) is None
        True
    """
    count, stack = 0, [(expr, 1)]
    while stack:
        node, depth = stack.pop()
        count += 1
        if count > MOST_TERMS or depth > DEEPEST:
            return f"more than {MOST_TERMS} terms or {DEEPEST} levels"
        if isinstance(node, sympy.Rational) and max(_bits(node.p), _bits(node.q)) > MOST_BITS:
            return f"a number of more than {MOST_BITS} bits"
        if isinstance(node, sympy.Float) and not 1 <= node._prec <= MOST_BITS:
            return f"a number of more than {MOST_BITS} bits"
        # A case of a Piecewise is a part of it, not a level of its own.
        stack += [(p, depth + (not isinstance(p, ExprCondPair))) for p in node.args]
    return deep_constant(expr)


def deep_constant(expr: sympy.Basic) -> str | None:
    """Why a part without symbols takes long to evaluate, or None."""
    stack = [(expr, 0, 0)]
    while stack:
        node, depth, functions = stack.pop()
        if depth or not node.free_symbols:
            depth, functions = depth + 1, functions + isinstance(node, sympy.Function)
        if depth > DEEPEST_CONSTANT or functions > DEEPEST_FUNCTIONS:
            return (
                f"a constant of more than {DEEPEST_CONSTANT} levels or "
                f"{DEEPEST_FUNCTIONS} functions inside each other"
            )
        stack += [(part, depth, functions) for part in node.args]
    return None


def _bits(number: SupportsInt) -> int:
    return int(number).bit_length()


def whole(value: T) -> T | int:
    """The value as an int where it is an integer of NumPy, JAX or SymPy; all else as it is.

    Sizes often come out of data, such as `labels.max() + 1`.

    Example:
        >>> import numpy as np
        >>> [whole(value) for value in (3, np.int64(3), 3.0, True)]
        [3, 3, 3.0, True]
    """
    # Old NumPy warns that its booleans will no longer count as indices.
    truth = isinstance(value, bool) or getattr(getattr(value, "dtype", None), "kind", "") == "b"
    if truth or not hasattr(value, "__index__"):
        return value
    try:
        return operator.index(cast(SupportsIndex, value))
    except TypeError:  # arrays of several numbers, and of floats
        return value


def real(value: object) -> float:
    """The value of a real number as a float, infinite where it is too large; NaN for the rest.

    Example:
        >>> real(3), real(10**400), real("3"), real(True)
        (3.0, inf, nan, nan)
    """
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = getattr(value, "item")()  # noqa: B009  # objects have no such attribute
    exact = isinstance(value, sympy.Expr) and is_real_number(value)
    if isinstance(value, bool) or not (exact or isinstance(value, numbers.Real | mpmath.mpf)):
        return math.nan
    try:
        return float(cast(SupportsFloat, value))
    except OverflowError:
        return math.inf


def is_real_number(expr: sympy.Expr) -> bool:
    """Whether an expression without symbols is a finite real number that a double can hold."""
    try:
        return bool(expr.is_comparable) and abs(float(expr)) < math.inf
    except (TypeError, ValueError, ArithmeticError, RecursionError):
        # What SymPy cannot evaluate; towers of powers among others.
        return False


def memory() -> int | None:
    """Bytes that this process may use at most, as far as the system tells."""
    found = []
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min((size for size in found if size > 0), default=None)
