"""What the fields of a layer may hold, from their annotations."""

from __future__ import annotations

import dataclasses
import functools
from typing import get_type_hints

from ._layer import Layer


@functools.cache
def field_types(cls: type[Layer]) -> dict[str, object]:
    """The types of the fields of a kind of layer by name.

    `object` stands for what is not known: annotations of a user's kind may name what only a type
    checker imports.
    """
    try:
        resolved = get_type_hints(cls)
    except (NameError, TypeError):
        resolved = {}
    return {field.name: resolved.get(field.name, object) for field in dataclasses.fields(cls)}
