"""The one family of errors: each says where, what was found, which law it breaks, what to do."""

from __future__ import annotations

import reprlib


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 200
_LONGEST_INTEGER = 256
_LABELS = ("Where:", "Found:", "Law:  ", "Fix:  ")


def shown(value: object, longest: int = 80) -> str:
    """A value as errors tell it: short, and whatever its own `repr` does.

    Example:
        >>> shown([0.5] * 1000), shown(10**10000)
        ('[0.5, 0.5, 0.5, 0.5, 0.5, 0.5, ...]', 'an integer of 33220 bits')
    """
    if isinstance(value, int) and value.bit_length() > _LONGEST_INTEGER:
        return f"an integer of {value.bit_length()} bits"
    try:
        text = _SHORT.repr(value)
    except Exception:
        # Any object may be passed by mistake, and its own code may raise anything.
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def reason(error: BaseException) -> str:
    """What an error says, in one line: of kernelc's own where and found, the first line of others.

    Example:
        >>> reason(ValueError("no such axis\\nin line 3")), reason(KeyboardInterrupt())
        ('no such axis', 'KeyboardInterrupt')
    """
    if isinstance(error, KernelcError):
        return f"{error.where}: {error.found}"
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0]


class KernelcError(Exception):
    """Base of every error kernelc raises on purpose.

    Arguments:
        where: the node, argument or file the error is about.
        found: what was found there.
        law: the rule it breaks.
        remedy: what to do instead.

    The message is the four parts in that order, each on a line with its label; each stays
    readable as an attribute.

    Example:
        >>> print(KernelcError("lower: key", "0.5", "a key is an int", "pass key=0"))
        Where: lower: key
        Found: 0.5
        Law:   a key is an int
        Fix:   pass key=0
    """

    def __init__(self, where: str, found: str, law: str, remedy: str) -> None:
        self.where = where
        self.found = found
        self.law = law
        self.remedy = remedy
        parts = zip(_LABELS, (where, found, law, remedy), strict=True)
        super().__init__("\n".join(f"{label} {part.strip().rstrip('.')}" for label, part in parts))

    def __reduce__(self) -> tuple[object, ...]:
        # Made again from its message alone, it would fail in the process that asked for the work.
        return type(self), (self.where, self.found, self.law, self.remedy), self.__dict__


class GraphError(KernelcError):
    """The architecture graph is malformed: cycles, unreachable inputs, duplicate names."""


class ShapeError(KernelcError):
    """A layer was given a shape it cannot take."""


class ActivationError(KernelcError):
    """An activation is unknown, or its expression is not a function of one real variable."""


class DependenceError(KernelcError):
    """Values that share randomness meet where only independent ones have a known kernel."""


class UnsupportedError(KernelcError):
    """A layer has no kernel of the kind asked for."""


class ShapingError(KernelcError):
    """A network or activation cannot be shaped as asked."""


class UnreachableError(ShapingError):
    """The target lies outside what the network and its activations can reach."""


class DataError(KernelcError):
    """Data is missing, truncated, of the wrong shape, or not finite."""


class LoadError(KernelcError):
    """A file is not a valid description of what it should hold."""


class PackageError(KernelcError):
    """An optional package is missing, or of a version that was not tested."""
