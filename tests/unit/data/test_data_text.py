"""Text cut into windows of bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernelc import DataError
from kernelc.data import python_text, text


BOOK = bytes(range(97, 123)) * 4


@pytest.mark.parametrize("stride", [None, 1, 3])
def test_a_label_is_the_next_byte(stride: int | None) -> None:
    data = text(BOOK, 5, stride=stride, test=0.25)
    step = stride or 5
    for x, y, part in (
        (data.train_x, data.train_y, BOOK[:78]),
        (data.test_x, data.test_y, BOOK[78:]),
    ):
        starts = range(0, len(part) - 5, step)
        windows = [list(part[s : s + 5]) for s in starts]
        following = [list(part[s + 1 : s + 6]) for s in starts]
        assert np.asarray(x).astype(int).tolist() == windows
        assert np.asarray(y).tolist() == following
    assert data.classes == 256


def test_parts_follow_each_other() -> None:
    data = text(BOOK, 3, test=0.25, validation=0.5)
    read = [data.train_x, data.validation_x, data.test_x]
    assert [bytes(np.asarray(x[0]).astype("uint8")) for x in read] == [b"abc", b"abc", b"abc"]
    # 26, 52 and 26 bytes, of which the last is a label alone.
    assert [len(x) for x in read] == [8, 17, 8]


def test_text_is_read_from_strings_and_files(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text("Zürich " * 9, encoding="utf-8")
    one, other = text(path, 4, test=0), text("Zürich " * 9, 4, test=0)
    assert np.array_equal(one.train_x, other.train_x)
    assert one.name == other.name
    assert one.part("test") is None


def test_the_digest_is_checked_and_told() -> None:
    digest = hashlib.sha256(BOOK).hexdigest()
    assert digest[:12] in text(BOOK, 5, sha256=digest).name
    with pytest.raises(DataError, match=digest):
        text(BOOK, 5, sha256="0" * 64)


@pytest.mark.parametrize(
    ("source", "length", "options", "told"),
    [
        (BOOK, 104, {"test": 0}, "104 bytes for windows of 104"),
        (BOOK, 20, {}, "a part of 10 bytes"),
        (BOOK, 4, {"test": 1.0}, "text: test"),
        (BOOK, 4, {"stride": 0}, "text: stride"),
        (BOOK, 4, {"validation": 0.5, "test": 0.5}, "text left"),
        (Path("no/such/book.txt"), 4, {}, "Correct the path"),
        (Path("no\0book.txt"), 4, {}, "Correct the path"),
        ("half a pair \ud800", 4, {}, "UTF-8"),
        (3, 4, {}, "pathlib"),
    ],
)
def test_what_is_no_text_is_told(source: Any, length: int, options: Any, told: str) -> None:
    with pytest.raises(DataError, match=told):
        text(source, length, **options)


def test_python_has_text() -> None:
    book = python_text()
    assert b"The Python" in book or b"statement" in book
    data = text(book, 64)
    assert data.train_x.shape[0] == (round(0.9 * len(book)) - 1) // 64
