"""Readers of data files: right ones, damaged ones, hostile ones. Files are made here."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

from kernelc import DataError
from kernelc.data import cifar10, fashion_mnist, imagenet


NAMES = {
    "train-images-idx3-ubyte": (6, 28, 28),
    "train-labels-idx1-ubyte": (6,),
    "t10k-images-idx3-ubyte": (3, 28, 28),
    "t10k-labels-idx1-ubyte": (3,),
}


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch):
    monkeypatch.delenv("KERNELC_DATA", raising=False)


def idx(values):
    head = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return head + values.astype(np.uint8).tobytes()


@pytest.fixture
def fashion(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "fashion-mnist"
    folder.mkdir()
    for name, shape in NAMES.items():
        (folder / name).write_bytes(idx(rng.integers(0, 10, shape)))
    return folder


@pytest.mark.parametrize("how", ["folder", "parent", "variable", "gzip"])
def test_fashion_mnist_is_read(fashion, how, monkeypatch):
    if how == "gzip":
        for name in NAMES:
            plain = fashion / name
            (fashion / f"{name}.gz").write_bytes(gzip.compress(plain.read_bytes()))
            plain.unlink()
    if how == "variable":
        monkeypatch.setenv("KERNELC_DATA", str(fashion.parent))
    directory = {"parent": fashion.parent, "variable": None}.get(how, fashion)
    data = fashion_mnist(directory, standardize=False)
    assert data.train_x.shape == (6, 28, 28, 1)
    assert data.test_x.shape == (3, 28, 28, 1)
    assert data.train_x.dtype == np.float32
    expected = np.random.default_rng(0).integers(0, 10, (6, 28, 28)) / 255
    # one division in float32
    np.testing.assert_allclose(data.train_x[..., 0], expected, rtol=1e-7)
    assert abs(fashion_mnist(fashion).train_x.mean()) < 1e-5  # float32 rounding of the mean


GOOD = idx(np.zeros((6, 28, 28)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0",
        GOOD[:10],
        GOOD[:-1],
        GOOD + b"\0",
        b"\0\0\x0d\3" + GOOD[4:],  # floats
        b"\1\0\x08\3" + GOOD[4:],
        idx(np.zeros(6)),  # a file of labels
        idx(np.zeros((6, 20, 20))),
        idx(np.zeros((5, 28, 28))),  # one image fewer than labels
        bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**32 - 1, 2**32 - 1, 2**32 - 1),
        bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**20, 28, 28),  # promises 800 MB
        bytes([0, 0, 8, 3]) + struct.pack(">3I", 0, 28, 28),
    ],
)
def test_damaged_images_are_refused(fashion, content):
    (fashion / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(DataError):
        fashion_mnist(fashion)


@pytest.mark.parametrize("damage", ["cut", "flipped", "plain", "bomb"])
def test_damaged_gzip_is_refused(fashion, damage):
    name = "train-images-idx3-ubyte"
    packed = bytearray(gzip.compress((fashion / name).read_bytes()))
    if damage == "cut":
        packed = packed[:-20]
    elif damage == "flipped":
        packed[len(packed) // 2] ^= 0xFF
    elif damage == "plain":
        packed = bytearray(GOOD)
    else:  # the true head, then far more zeros than it announces
        packed = bytearray(gzip.compress(GOOD + bytes(2**24)))
    (fashion / name).unlink()
    (fashion / f"{name}.gz").write_bytes(bytes(packed))
    with pytest.raises(DataError) as caught:
        fashion_mnist(fashion)
    assert name in caught.value.where


def test_labels_out_of_range_are_refused(fashion):
    (fashion / "train-labels-idx1-ubyte").write_bytes(idx(np.array([0, 1, 2, 3, 4, 10])))
    with pytest.raises(DataError, match="labels from 0 to 10"):
        fashion_mnist(fashion)


@pytest.mark.parametrize("name", list(NAMES))
def test_missing_files_are_named(fashion, name):
    (fashion / name).unlink()
    with pytest.raises(DataError, match=name):
        fashion_mnist(fashion)


def test_missing_folder_tells_how_to_get_the_data(tmp_path):
    with pytest.raises(DataError, match="dataset-fashion-mnist"):
        fashion_mnist(tmp_path / "nowhere")
    with pytest.raises(DataError, match="KERNELC_DATA"):
        cifar10()


CIFAR = [f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]


@pytest.fixture
def cifar(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for name in CIFAR:
        rows = rng.integers(0, 256, (4, 3073), dtype=np.uint8)
        rows[:, 0] %= 10
        rows.tofile(folder / name)
    return folder


def test_cifar_is_read_with_channels_last(cifar):
    data = cifar10(cifar.parent, standardize=False, records=4)
    assert data.train_x.shape == (20, 32, 32, 3)
    assert data.test_x.shape == (4, 32, 32, 3)
    row = np.fromfile(cifar / CIFAR[1], np.uint8)[3073 : 2 * 3073]
    assert data.train_y[5] == row[0]
    # second color plane, line 3, column 7
    assert data.train_x[5, 3, 7, 1] == np.float32(row[1 + 1024 + 3 * 32 + 7]) / np.float32(255)
    standard = cifar10(cifar, records=4).train_x
    # float32 rounding of means over 20 480 pixels
    np.testing.assert_allclose(standard.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(standard.std((0, 1, 2)), 1, atol=1e-5)


@pytest.mark.parametrize("damage", ["cut", "long", "label", "gone", "official"])
def test_damaged_cifar_is_refused(cifar, damage):
    path = cifar / "data_batch_3.bin"
    content = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(content[:-1])
    elif damage == "long":
        path.write_bytes(content + b"\0")
    elif damage == "label":
        content[2 * 3073] = 10
        path.write_bytes(content)
    elif damage == "gone":
        path.unlink()
    records = 10_000 if damage == "official" else 4
    with pytest.raises(DataError, match=r"data_batch_1" if damage == "official" else r"_3\.bin"):
        cifar10(cifar, records=records)


@pytest.mark.parametrize("folder", ["9" * 400, "a\0b"])
@pytest.mark.parametrize("read", [cifar10, fashion_mnist, imagenet])
def test_a_name_that_no_folder_can_have_is_told(read, folder):
    with pytest.raises(DataError, match="no "):
        read(folder)
