"""`kernelc kernel`: matrices of data sets and files; every bad input ends in one message."""

from __future__ import annotations

import io
import pickle
import sys
import warnings

import numpy as np
import pytest
from typer.testing import CliRunner

import kernelc as kc
from kernelc.cli import app


MODULE = """
import kernelc as kc

def after(x):
    layers = kc.chain(kc.PLN(), kc.repeat(kc.chain(kc.Dense(9), kc.Activation("tanh")), 3))
    return kc.Network(x, kc.chain(layers, kc.Dense(2))(x), name="three")

vectors = after(kc.Input((64,)))
small = after(kc.Input((6,)))
images = kc.Network((x := kc.Input((8, 8, 1))), kc.chain(kc.Conv(4, 3, padding="CIRCULAR"),
    kc.Activation("relu"), kc.MeanPool(4))(x), name="images")
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the command in a folder with kernel_nets.py and files of all kinds."""
    (tmp_path / "kernel_nets.py").write_text(MODULE)
    draw = np.random.default_rng(0)
    np.save(tmp_path / "inputs.npy", draw.normal(size=(5, 2, 3)))
    np.save(tmp_path / "wide.npy", draw.normal(size=(5, 7)))
    np.save(tmp_path / "none.npy", np.empty((0, 6)))
    np.save(tmp_path / "number.npy", np.array(1.0))
    np.save(tmp_path / "words.npy", np.array(["a", "b"]))
    np.save(tmp_path / "complex.npy", np.ones((2, 6), complex))
    np.save(tmp_path / "holes.npy", np.array([[0.0, 1, np.nan, 0, 0, 0]]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield lambda *words: CliRunner().invoke(app, ["kernel", *words])
    sys.modules.pop("kernel_nets", None)


def test_matrices_of_a_file_are_those_of_the_function(run, tmp_path):
    options = ("--get", "nngp, gap", "--explain", "--out", "kernel.npz")
    result = run("kernel_nets:small", "--data", "inputs.npy", *options)
    assert result.exit_code == 0, result.output
    x = np.load(tmp_path / "inputs.npy").reshape(5, 6)
    sys.path.insert(0, str(tmp_path))
    import kernel_nets  # pyright: ignore[reportMissingImports]

    exact = kc.kernel_fn(kernel_nets.small)(x, get=("nngp", "gap"))
    with np.load(tmp_path / "kernel.npz") as written:
        assert sorted(written) == ["gap", "nngp"]
        np.testing.assert_array_equal(written["nngp"], exact.nngp)
        np.testing.assert_array_equal(written["gap"], exact.gap)
    spectrum = np.linalg.eigvalsh(exact.nngp)
    assert f"{spectrum[-1] / spectrum[0]:.2g}" in result.stdout
    assert f"{exact.nngp[0, 0]:.6g}" in result.stdout
    assert "5 x 5, float64" in result.stdout
    assert "a function of one variable" in result.stdout


def test_data_sets_are_taken_by_name_and_cast_when_asked(run):
    result = run("kernel_nets:vectors", "--examples", "7", "--double")
    assert result.exit_code == 0, result.output
    assert "three on 7 inputs of digits: 7 x 7, float64" in result.stdout
    assert "ntk" in result.stdout


def test_matrices_with_locations_have_means_but_no_condition(run):
    result = run("kernel_nets:images", "--examples", "3")
    assert result.exit_code == 0, result.output
    assert "3 x 3 x 2 x 2, float32" in result.stdout
    row = next(line for line in result.stdout.splitlines() if line.startswith("nngp"))
    assert row.split()[-1] == "-"


def test_one_input_has_nothing_beside_the_diagonal(run):
    result = run("kernel_nets:vectors", "--examples", "1")
    assert result.exit_code == 0, result.output
    assert "1 x 1" in result.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--data", "absent.npy"), "No such file"),
        (("--data", "digit"), "did you mean digits"),
        (("--data", "inputs.txt"), "or for kernels an .npy file"),
        (("--data", "wide.npy"), "an array of shape (5, 7)"),
        (("--data", "none.npy"), "an array of shape (0, 6)"),
        (("--data", "number.npy"), "shape (), type float64"),
        (("--data", "words.npy"), "real numbers"),
        (("--data", "complex.npy"), "complex128"),
        (("--data", "holes.npy"), "NaN or infinite"),
        (("--data", "inputs.npy", "--data-dir", "."), "named by its path"),
        (("--data", "cifar10", "--data-dir", "."), "cifar"),
        (("--data", "inputs.npy", "--get", "nngp,ntj"), "nngp, ntk, gap"),
        (("--data", "inputs.npy", "--get", ""), "nngp, ntk, gap"),
        (("--data", "inputs.npy", "--out", "kernel.txt"), "another ending than .npz"),
        (("--data", "inputs.npy", "--out", "no/such/kernel.npz"), "no folder of that name"),
        (("--data", "inputs.npy", "--out", "taken.npz"), "another path"),
    ],
)
def test_mistakes_are_explained(run, tmp_path, options, message):
    (tmp_path / "taken.npz").mkdir()
    result = run("kernel_nets:small", *options)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""


class Touches:
    """Leaves a file behind when unpickled."""

    def __reduce__(self):
        return (open, ("ran", "w"))


def _npy(header: bytes, body: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + body


def _pickled() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([Touches()], dtype=object), allow_pickle=True)
    return file.getvalue()


_HUGE = b"{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000, 6), }\n"
_HOSTILE = {
    "empty": b"",
    "pickle": pickle.dumps(Touches()),
    "array of pickles": _pickled(),
    "text": b"1.0, 2.0\n",
    "cut header": _npy(_HUGE)[:20],
    "more promised than there is": _npy(_HUGE, b"\0" * 48),
    "negative": _npy(_HUGE.replace(b"10000000000", b"-1")),
    "overflow": _npy(_HUGE.replace(b"10000000000", b"9" * 30)),
    "code": _npy(b"{'descr': __import__('os').system('touch ran'), 'shape': (1,)}\n"),
    "deep": _npy(b"-" * 9000 + b"1\n"),
    "brackets": _npy(b"(" * 9000 + b"\n"),
    "bytes": _npy(bytes(range(128, 255))),
    "structured": _npy(
        b"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }\n", b"\0" * 8
    ),
}


@pytest.mark.parametrize("kind", list(_HOSTILE))
def test_no_file_runs_code_or_ends_in_a_traceback(run, tmp_path, kind):
    (tmp_path / "bad.npy").write_bytes(_HOSTILE[kind])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # numpy tells of headers of Python 2
        result = run("kernel_nets:small", "--data", "bad.npy")
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("error: bad.npy: ")
    assert "Traceback" not in result.output
    assert not (tmp_path / "ran").exists()


def test_large_files_are_not_taken_unasked(run, tmp_path):
    np.save(tmp_path / "large.npy", np.ones((20_001, 6), np.float32))
    told = run("kernel_nets:small", "--data", "large.npy")
    assert told.exit_code == 2
    assert "--examples" in told.stderr
    assert run("kernel_nets:small", "--data", "large.npy", "--examples", "4").exit_code == 0
