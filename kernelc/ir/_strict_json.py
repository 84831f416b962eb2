"""JSON as the package writes it: no number beyond what JSON readers agree on, no entry twice."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from .._errors import LoadError
from .._limits import LARGEST_INTEGER, MOST_ENTRIES


def strict_json(text: str, where: str, law: str, remedy: str) -> Any:
    """The value of a JSON text; nothing in it is evaluated.

    Arguments:
        text: the text, whose length the caller has bounded.
        where, law, remedy: for the error.

    Raises:
        LoadError: text that is no JSON, nests too deeply, has an entry twice, or holds a number
            that is not finite or an integer beyond 2^53, or has more than 4,000,000 entries.

    Example:
        >>> strict_json("[1, 2.5]", "file", "a file is JSON", "write it again")
        [1, 2.5]
    """
    if sum(map(text.count, "[{,")) > MOST_ENTRIES:
        found = f"more than {MOST_ENTRIES:,} lists, objects and commas"
        raise LoadError(where, found, law, remedy)
    try:
        return json.loads(
            text,
            parse_constant=_not_finite,
            parse_float=_finite,
            parse_int=_bounded,
            object_pairs_hook=_unique,
        )
    except RecursionError as error:
        raise LoadError(where, "JSON nested too deeply", law, remedy) from error
    except ValueError as error:
        raise LoadError(where, f"broken JSON ({error})", law, remedy) from error


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("an object with the same entry twice")
    return made


def _finite(token: str) -> float:
    value = float(token)
    return value if math.isfinite(value) else _not_finite(token)


def _bounded(token: str) -> int:
    if len(token) > 17 or abs(int(token)) > LARGEST_INTEGER:
        raise ValueError(f"the integer {token[:40]}, beyond 2^53")
    return int(token)


def _not_finite(token: str) -> NoReturn:
    raise ValueError(f"{token[:40]} is not a finite number")
