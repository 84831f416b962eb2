"""The names that layer kinds have in files, each taken by one class."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import NoReturn

from .._errors import GraphError
from .._registration import class_place, qualified


LONGEST_KIND = 200
_PACKAGE = __name__.partition(".")[0]


def kind_of(cls: type, known: Mapping[str, type], kind: object = None) -> tuple[str, str]:
    """The kind of a class: what was asked for, else its name, with its module outside kernelc.

    The same class defined again (a notebook cell that runs twice) takes the place of the first.

    Returns:
        The kind, and where the class is defined.

    Raises:
        GraphError: a kind that another class of `known` has, or that is no short text.
    """
    place = class_place(cls)
    ours = cls.__module__.partition(".")[0] == _PACKAGE
    name = kind if kind is not None else cls.__name__ if ours else qualified(cls)
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_KIND:
        _refuse(place, f"the kind {str(name)[:80]!r}", f"kinds are 1 to {LONGEST_KIND} characters")
    if not ours:
        # kernelc's own kinds register on import: theirs first, whichever was imported first.
        importlib.import_module(f"{_PACKAGE}.layers")
    other = known.get(name)
    if other is not None and qualified(other) != qualified(cls):
        taken = getattr(other, "defined_at", qualified(other))
        _refuse(place, f"the kind {name!r}, which {taken} has", "a kind is one class")
    return name, place


def _refuse(where: str, found: str, law: str) -> NoReturn:
    remedy = 'name another kind: class Gain(Layer, kind="my_package.Gain")'
    raise GraphError(where=where, found=found, law=law, remedy=remedy)
