"""The reader of ImageNet: a tree of tiny images made here, then damaged ones and hostile ones."""

from __future__ import annotations

import shutil
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from kernelc import DataError, PackageError
from kernelc.data import imagenet
from kernelc.data._imagenet import crop


Image = pytest.importorskip("PIL.Image", reason="pip install 'kernelc[data]'")
CLASSES = ("n01440764", "n01443537", "n02084071")
# What an image of one color becomes: the constants of the reader, written out again.
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Three classes, four images each to train on and two to test, of many shapes."""
    draw = np.random.default_rng(0)
    for part, count in (("train", 4), ("val", 2)):
        for each in CLASSES:
            folder = tmp_path / part / each
            folder.mkdir(parents=True)
            for number in range(count):
                shape = (int(draw.integers(8, 40)), int(draw.integers(8, 40)), 3)
                pixels = draw.integers(0, 256, shape, dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{each}_{number}.JPEG")
    return tmp_path


def test_a_tree_is_read(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "train" / CLASSES[0] / "notes.txt").write_text("not an image")
    (tree / "train" / ".hidden").mkdir()
    data = imagenet(tree, size=16)
    assert (data.classes, data.name, data.shape) == (3, "imagenet", (16, 16, 3))
    assert data.train_y.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert data.test_y.tolist() == [0, 0, 1, 1, 2, 2]
    x = data.train_x.take(np.arange(12))
    assert (x.shape, x.dtype) == ((12, 16, 16, 3), np.float32)
    (tree / "imagenet").mkdir()
    shutil.move(tree / "train", tree / "imagenet" / "train")
    shutil.move(tree / "val", tree / "imagenet" / "val")
    monkeypatch.setenv("KERNELC_DATA", str(tree))
    np.testing.assert_array_equal(imagenet(size=16).train_x.take(np.array([7]))[0], x[7])


def test_what_is_measured_is_the_middle_and_colors_are_standardized(tree: Path) -> None:
    # A frame that the middle of 7/8 of the shorter side leaves out, in every color mode.
    pixels = np.full((64, 96, 3), 255, np.uint8)
    pixels[4:60, 20:76] = (10, 120, 230)
    folder = tree / "val" / CLASSES[0]
    Image.fromarray(pixels).save(folder / f"{CLASSES[0]}_0.JPEG", format="PNG")
    Image.fromarray(pixels[:, :, 0]).save(folder / f"{CLASSES[0]}_1.JPEG")
    x = imagenet(tree, size=56).test_x.take(np.arange(2))
    expected = (np.array([10, 120, 230]) / 255 - MEAN) / DEVIATION
    # 56 pixels of 56: nothing is scaled, and the PNG keeps every value but for float32
    np.testing.assert_allclose(x[0], np.broadcast_to(expected, (56, 56, 3)), atol=1e-5)
    gray = (10 / 255 - MEAN) / DEVIATION
    # the JPEG of the same square in gray loses a little at the frame, but not in the middle
    np.testing.assert_allclose(x[1, 28, 28], gray, atol=0.1)


def test_randomness_is_of_the_generator_and_not_of_the_threads(tree: Path) -> None:
    rows = np.array([3, 0, 11])
    one, many = (imagenet(tree, size=16, threads=threads).train_x for threads in (1, 4))
    first = one.take(rows, np.random.default_rng(5))
    np.testing.assert_array_equal(first, many.take(rows, np.random.default_rng(5)))
    assert not np.array_equal(first, many.take(rows, np.random.default_rng(6)))
    assert not np.array_equal(first, many.take(rows))


def test_a_crop_lies_in_the_image_and_has_the_shares_it_should() -> None:
    draw = np.random.default_rng(0)
    shares, ratios = [], []
    for _ in range(2000):
        left, top, right, bottom = crop(450, 450, draw.random((11, 4)))
        assert 0 <= left < right <= 450
        assert 0 <= top < bottom <= 450
        shares.append((right - left) * (bottom - top) / 450**2)
        ratios.append((right - left) / (bottom - top))
    # a pixel of rounding in sides of 120 and more
    assert 0.07 < min(shares) < 0.1
    assert max(shares) > 0.9
    assert min(ratios) > 0.75 * 0.98
    assert max(ratios) < 4 / 3 * 1.02
    # In a square ratios are symmetric in the logarithm; 0.015 is four standard errors.
    assert abs(np.mean(np.log(ratios))) < 0.015
    # Nothing of the right ratio fits a strip, so it is cut to the nearest one.
    assert crop(1000, 9, np.full((11, 4), 0.999)) == (494, 0, 506, 9)


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "gif", "bomb", "gone"])
def test_a_damaged_file_is_named(tree: Path, damage: str) -> None:
    path = tree / "train" / CLASSES[1] / f"{CLASSES[1]}_2.JPEG"
    content = path.read_bytes()
    data = imagenet(tree, size=16)
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_text("<svg/>")
    elif damage == "gif":  # a format that is not asked for is not parsed
        Image.new("P", (8, 8)).save(path, format="GIF")
    elif damage == "bomb":
        path.write_bytes(_png(60_000, 60_000))
    else:
        path.unlink()
    assert data.train_x.take(np.array([5])).shape == (1, 16, 16, 3)
    with pytest.raises(DataError, match="complete JPEG or PNG") as caught:
        data.train_x.take(np.arange(12), np.random.default_rng(0))
    assert caught.value.where == str(path)


def _png(width: int, height: int) -> bytes:
    """A PNG of few bytes that promises many pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checked = kind + body
        return struct.pack(">I", len(body)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(bytes(1000))), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda tree: shutil.rmtree(tree / "train"), "no train in"),
        (lambda tree: shutil.rmtree(tree / "val"), "no such folder"),
        (lambda tree: [shutil.rmtree(path) for path in (tree / "val").iterdir()], "no folder of a"),
        (lambda tree: shutil.rmtree(tree / "val" / CLASSES[2]), f"{CLASSES[2]} is in train but"),
        (lambda tree: (tree / "val" / "n9").mkdir(), "n9 is in val but"),
        (lambda tree: [p.unlink() for p in (tree / "val" / CLASSES[0]).iterdir()], "no file that"),
    ],
    ids=["train", "val", "classes", "fewer", "more", "images"],
)
def test_a_tree_of_another_layout_is_refused(tree: Path, change, told: str) -> None:
    change(tree)
    with pytest.raises(DataError, match=told):
        imagenet(tree)


@pytest.mark.parametrize("options", [{"size": 0}, {"size": 2.5}, {"threads": 0}, {"size": True}])
def test_numbers_out_of_range_are_refused(tree: Path, options: dict) -> None:
    with pytest.raises(DataError, match=next(iter(options))):
        imagenet(tree, **options)


def test_without_pillow_the_package_is_named(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(PackageError, match=r"kernelc\[data\]"):
        imagenet(tree)
