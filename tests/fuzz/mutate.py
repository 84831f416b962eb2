"""Damage: to bytes without knowing what they mean, and to JSON knowing its structure."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any


Draw = random.Random

NUMBERS: tuple[Any, ...] = (
    *(0, 1, -1, 2, 3, 255, 256, 65535, 2**31 - 1, 2**31, 2**32, 2**53, 2**53 + 1, 2**63, 10**18),
    *(0.0, -0.0, 0.5, 1.5, 1e-320, 1e-30, 1e30, 1e154, 1e200, 1e308, -1e308, True, False),
)
TEXTS = (
    *(
        "",
        " ",
        "x",
        "input",
        "tanh",
        "relu",
        "Dense",
        "Infinity",
        "NaN",
        "__import__('os')",
        "../x",
    ),
    *("\0", "\n", "é", "ﬀ", "\u202e", "\ud800", "😀" * 3, "a" * 300, "1" * 5000, "%s%n", "{0}"),
)
RAW = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 5000, "0x10", "1_000", "nul", "")
RAW_DEEP = ("[" * 3000 + "]" * 3000, '{"a":' * 3000 + "1" + "}" * 3000, '"' + "x" * 100_000 + '"')
_TOKEN = "@@raw@@"


def damaged(draw: Draw, data: bytes, most: int = 4) -> bytes:
    """A few of: bits flipped, bytes set, parts cut, doubled, moved, filled, or added."""
    out = bytearray(data)
    for _ in range(draw.randint(1, most)):
        draw.choice(_BYTES)(draw, out)
    return bytes(out)


def _at(draw: Draw, out: bytearray) -> int:
    # Headers come first, and are where most of the meaning is.
    top = len(out) if draw.random() < 0.5 else min(len(out), 64)
    return draw.randrange(top) if top else 0


def _flip(draw: Draw, out: bytearray) -> None:
    if out:
        out[_at(draw, out)] ^= 1 << draw.randrange(8)


def _set(draw: Draw, out: bytearray) -> None:
    if out:
        out[_at(draw, out)] = draw.choice((0, 1, 127, 128, 255, draw.randrange(256)))


def _cut(draw: Draw, out: bytearray) -> None:
    del out[_at(draw, out) :]


def _remove(draw: Draw, out: bytearray) -> None:
    at = _at(draw, out)
    del out[at : at + draw.choice((1, 2, 4, 100))]


def _double(draw: Draw, out: bytearray) -> None:
    at = _at(draw, out)
    out[at:at] = out[at : at + draw.choice((1, 4, 64, 1000))]


def _word(draw: Draw, out: bytearray) -> None:
    """A number of four or eight bytes set to an extreme."""
    at, size = _at(draw, out), draw.choice((2, 4, 8))
    value = draw.choice((0, 1, 2 ** (8 * size) - 1, 2 ** (8 * size - 1), 2 ** (8 * size - 1) - 1))
    out[at : at + size] = value.to_bytes(size, draw.choice(("big", "little")))


def _add(draw: Draw, out: bytearray) -> None:
    out += draw.randbytes(draw.choice((1, 16, 3000)))


def _mark(draw: Draw, out: bytearray) -> None:
    out[:0] = draw.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b"\x1f\x8b", b"PK\x03\x04"))


_BYTES: tuple[Callable[[Draw, bytearray], None], ...] = (
    *(_flip, _flip, _set, _set, _cut, _remove, _double, _word, _word, _add, _mark),
)


def altered(draw: Draw, document: Any, values: Sequence[Any] = ()) -> str:
    """JSON text of `document` with some of its values replaced, removed, doubled or swapped."""
    holder = [json.loads(json.dumps(document))]
    raw: list[str] = []
    for _ in range(draw.choice((1, 1, 1, 2, 2, 3, 5))):
        spots = list(_spots(holder))
        inside, key = draw.choice(spots)
        _change(draw, inside, key, spots, values, raw)
    text = json.dumps(holder[0], ensure_ascii=draw.random() < 0.5)
    for token in raw:
        text = text.replace(f'"{_TOKEN}"', token, 1)
    if draw.random() < 0.03:
        # The same entry twice: readers of JSON differ in which one counts.
        text = text.replace('"width": ', '"width": 3, "width": ', 1)
    return text


def _change(
    draw: Draw, inside: Any, key: Any, spots: list[Any], values: Sequence[Any], raw: list[str]
) -> None:
    kind = draw.random()
    if kind < 0.3:
        inside[key] = draw.choice(NUMBERS)
    elif kind < 0.4:
        inside[key] = draw.choice(TEXTS)
    elif kind < 0.55 and values:
        inside[key] = json.loads(json.dumps(draw.choice(values)))
    elif kind < 0.65:
        inside[key] = draw.choice((None, [], {}, [[]], [0], {"expr": 1}, [1, 2, 3], [2**40] * 3))
    elif kind < 0.7:
        raw.append(draw.choice(RAW if draw.random() < 0.8 else RAW_DEEP))
        inside[key] = _TOKEN
    elif kind < 0.8:
        other, there = draw.choice(spots)
        inside[key] = json.loads(json.dumps(other[there]))
    elif kind < 0.87 and isinstance(inside, list):
        inside.insert(key, json.loads(json.dumps(inside[key])))
    elif kind < 0.92:
        del inside[key]
        if not inside and isinstance(inside, list):
            inside.append(None)
    elif kind < 0.96 and isinstance(inside, dict):
        inside[draw.choice(TEXTS)] = inside.pop(key)
    elif isinstance(inside[key], (int, float)):
        inside[key] = draw.choice((-inside[key], inside[key] * 10, inside[key] + 1, [inside[key]]))
    else:
        inside[key] = [inside[key]]


def _spots(value: Any) -> Any:
    """Every (holder, key) of a document; the outermost holder is a list of one."""
    if isinstance(value, (dict, list)):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _spots(value[key])


def encoded(draw: Draw, text: str) -> bytes:
    """The text as a file: nearly always UTF-8, now and then damaged or in another encoding."""
    kind = draw.random()
    if kind < 0.02:
        return text.encode(draw.choice(("utf-16", "utf-8-sig", "utf-32")), "surrogatepass")
    data = text.encode("utf-8", "surrogatepass")
    return damaged(draw, data, 2) if kind < 0.1 else data
