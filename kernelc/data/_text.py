"""Text as windows of bytes, each with the next byte of every byte."""

from __future__ import annotations

import hashlib
import importlib
import os
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from kernelc._arguments import integer, number, utf8
from kernelc._errors import DataError, reason, shown

from ._dataset import Dataset


BYTES = 256
"""How many bytes there are: the vocabulary of text."""


def text(
    source: str | bytes | os.PathLike[str],
    length: int,
    *,
    stride: int | None = None,
    test: float = 0.1,
    validation: float = 0.0,
    sha256: str | None = None,
    name: str = "text",
) -> Dataset:
    """Text as a data set of a language model: windows of bytes x, and the bytes y that come next.

    Window i is x = (b_s, ..., b_{s+T-1}) with y = (b_{s+1}, ..., b_{s+T}) for bytes b, the start
    s = i * stride and the length T. The end of the text is the test part, and what is before it
    the validation part; no window reaches from one part into another.

    Arguments:
        source: the text itself, a string (as UTF-8) or bytes; or a file, as a `pathlib.Path`.
        length: T, the bytes in a window.
        stride: bytes between the starts of windows; the length when None, so that every byte
            is a label once. Windows overlap with a smaller one, which takes 8 T bytes of memory
            for each of them.
        test, validation: shares of the bytes to test on and to choose by, from 0 (no such part);
            together below 1. A share that `fit` draws from windows that overlap would not be
            independent of the others.
        sha256: digest that the bytes of the text must have, in hexadecimal digits; None for any.
        name: what reports call the data; the first digits of its digest are added.

    Returns: a `Dataset` with train_x and train_y of shape (n, length) and 256 classes, for nets
        that start with `kernelc.Tokens(length, 256)` and end with 256 outputs at each location.

    Raises: DataError for a file that cannot be read, a text with another digest, or one too
        short for a window in each part.

    Example:
        >>> data = text("to be or not to be", 4, test=0.3)
        >>> bytes(data.train_x[0].astype("uint8")), bytes(data.train_y[0].astype("uint8"))
        (b'to b', b'o be')
        >>> data.train_x.shape, data.test_x.shape
        ((3, 4), (1, 4))
    """
    length = integer(length, "text: length")
    stride = length if stride is None else integer(stride, "text: stride")
    shares = _shares(validation, test)
    whole = _read(source)
    digest = hashlib.sha256(whole).hexdigest()
    if sha256 is not None and not (isinstance(sha256, str) and sha256.lower() == digest):
        raise DataError(
            where="text: sha256",
            found=digest,
            law=f"The text has the digest {shown(sha256)}",
            remedy="Pass the text that the digest was taken of, or leave sha256 out",
        )
    entries = np.frombuffer(whole, np.uint8)
    given: dict[str, np.ndarray] = {}
    for part, share in reversed(shares.items()):
        cut = len(entries) - round(share * len(whole))
        if share:
            x, y = _windows(entries[cut:], length, stride)
            given |= {f"{part}_x": x, f"{part}_y": y}
        entries = entries[:cut]
    train = _windows(entries, length, stride)
    return Dataset(*train, **given, name=f"{name} (sha256 {digest[:12]})", classes=BYTES)


def python_text() -> bytes:
    """The reference text of this Python, which `help()` shows: about 470 kB of English.

    It is the module `pydoc_data.topics`, and differs by the version of Python: `text` puts its
    digest in the name of the data set, and takes one with `sha256=`.

    Raises: DataError where Python comes without it.

    Example:
        >>> len(python_text()) > 300_000
        True
    """
    try:
        topics = importlib.import_module("pydoc_data.topics").topics
    except ImportError as error:
        raise DataError(
            where="python_text",
            found=reason(error),
            law="Python comes with the text of help(), in the module pydoc_data.topics",
            remedy="Pass a text or a pathlib.Path to kernelc.data.text",
        ) from error
    return "\n".join(topics.values()).encode()


def _shares(validation: object, test: object) -> dict[str, float]:
    found = {
        name: number(share, f"text: {name}", least=0, below=1)
        for name, share in (("validation", validation), ("test", test))
    }
    if sum(found.values()) >= 1:
        raise DataError(
            where="text: validation and test",
            found=f"{found['validation']:g} and {found['test']:g}",
            law="There is text left to train on",
            remedy="Pass smaller shares, such as 0.1",
        )
    return found


def _read(source: object) -> bytes:
    if isinstance(source, str):
        return utf8(source, "text: source")
    if isinstance(source, bytes):
        return source
    if isinstance(source, os.PathLike):
        try:
            return Path(source).read_bytes()
        except (OSError, ValueError) as error:
            raise DataError(
                where=f"text: {source}",
                found=reason(error),
                law="The text is a file that can be read",
                remedy="Correct the path",
            ) from error
    raise DataError(
        where="text: source",
        found=shown(source),
        law="A text is a string, bytes, or the path of a file",
        remedy='Pass pathlib.Path("book.txt"), or the text itself',
    )


def _windows(
    entries: np.ndarray, length: int, stride: int
) -> tuple[Float[np.ndarray, "n length"], Int[np.ndarray, "n length"]]:
    """Windows of the bytes, and those one byte later."""
    if len(entries) <= length:
        raise DataError(
            where="text",
            found=f"a part of {len(entries)} bytes for windows of {length}",
            law="Each part has a window and the byte that comes next",
            remedy="Pass more text, a smaller length, or test=0",
        )
    windows = np.lib.stride_tricks.sliding_window_view(entries, length + 1)[::stride]
    return windows[:, :-1].astype(np.float32), windows[:, 1:].astype(np.int32)
