"""Image files in the folders of ImageNet: JPEG and PNG, damaged, huge, of other modes."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from kernelc.data import imagenet

from ..case import Target, Wrong
from ..mutate import damaged


_MODES = ("RGB", "L", "RGBA", "CMYK", "1", "P", "I;16", "LA")


def draw(generator: Random) -> bytes:
    kind = generator.random()
    if kind < 0.1:
        return _claimed(generator)
    data = _image(generator)
    return data if kind < 0.15 else damaged(generator, data)


def _image(generator: Random) -> bytes:
    form = generator.choice(("JPEG", "JPEG", "PNG", "PNG", "GIF", "TIFF", "BMP", "WEBP"))
    modes = {"JPEG": ("RGB", "L", "CMYK"), "PNG": ("RGB", "L", "RGBA", "1", "P", "I;16", "LA")}
    mode = generator.choice(modes.get(form, ("RGB",)))
    width, height = (generator.choice((1, 2, 7, 16, 40)) for _ in range(2))
    noise = np.frombuffer(generator.randbytes(width * height * 3), np.uint8)
    image = Image.fromarray(noise.reshape(height, width, 3))
    image = image.convert("L").convert(mode) if mode == "I;16" else image.convert(mode)
    out = io.BytesIO()
    options = {"progressive": True} if form == "JPEG" and generator.random() < 0.3 else {}
    image.save(out, form, **options)
    return out.getvalue()


def _claimed(generator: Random) -> bytes:
    """A PNG that claims many pixels, or whose text or pixels unpack to a lot."""
    side = generator.choice((2**31 - 1, 2**16, 30_000, 9_000, 0))
    head = struct.pack(">IIBBBBB", side, generator.choice((1, side, 9_000)), 8, 2, 0, 0, 0)
    bomb = zlib.compress(b"\0" * generator.choice((10, 2**20, 2**26)))
    chunks = [(b"IHDR", head), (b"zTXt", b"a\0\0" + bomb), (b"IDAT", bomb), (b"IEND", b"")]
    if generator.random() < 0.5:
        del chunks[1]
    parts = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def run(case: bytes, folder: Path) -> None:
    for part in ("train", "val"):
        place = folder / part / "n01"
        place.mkdir(parents=True)
        (place / "image.JPEG").write_bytes(case)
    stream = imagenet(folder, size=8, threads=1)
    for rows, generator in ((stream.train_x, np.random.default_rng(0)), (stream.test_x, None)):
        found = rows.make(np.array([0]), generator)
        if found.shape != (1, 8, 8, 3) or not np.isfinite(found).all():
            raise Wrong("pixels that are not finite, or of another shape")


TARGET = Target("images", draw, run)
