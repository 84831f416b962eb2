"""The names that layer kinds have in files, each taken by one class."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from .._errors import GraphError
from .._registration import class_place, qualified


if TYPE_CHECKING:
    from ._layer import Layer

KINDS: dict[str, type[Layer]] = {}
FORMER_KINDS: dict[str, type[Layer]] = {}
"""What kinds were called in files of earlier versions."""
LONGEST_KIND = 200
_PACKAGE = __name__.partition(".")[0]


def register_kind(cls: type[Layer], kind: Any = None, former: Sequence[str] = ()) -> None:
    """Give a class its kind: what was asked for, else its name, with its module outside kernelc.

    The same class defined again (a notebook cell that runs twice) takes the place of the first.

    Raises:
        GraphError: a kind that another class has, or that is no short text.
    """
    place = class_place(cls)
    ours = cls.__module__.partition(".")[0] == _PACKAGE
    name = kind if kind is not None else cls.__name__ if ours else qualified(cls)
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_KIND:
        _refuse(place, f"the kind {str(name)[:80]!r}", f"kinds are 1 to {LONGEST_KIND} characters")
    if not ours:
        # kernelc's own kinds register on import: theirs first, whichever was imported first.
        importlib.import_module(f"{_PACKAGE}.layers")
    known = KINDS.get(name)
    if known is not None and qualified(known) != qualified(cls):
        _refuse(place, f"the kind {name!r}, which {known.defined_at} has", "a kind is one class")
    cls.kind_name, cls.defined_at = name, place
    KINDS[name] = cls
    FORMER_KINDS.update(dict.fromkeys(former, cls))


def _refuse(where: str, found: str, law: str) -> NoReturn:
    remedy = 'name another kind: class Gain(Layer, kind="my_package.Gain")'
    raise GraphError(where=where, found=found, law=law, remedy=remedy)
