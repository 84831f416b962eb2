"""Kernel matrices in pieces: tiles, blocks of a symmetric matrix, and devices of a mesh."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from kernel_networks import NETWORKS, RELU, D, conv, data, function, network

import kernelc as kc
from kernelc.numeric import _tiles


# A function of one variable, and layer by layer with locations.
TILED = ("rectified", "delta")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of three by three vectors in float64."""
    monkeypatch.setattr(_tiles, "_BYTES", _tiles._HELD * 8 * 9)


def close(found: kc.KernelMatrices, wanted: kc.KernelMatrices) -> None:
    for matrix, exact in zip(found, wanted, strict=True):
        if exact is not None:
            # The same sums in programs of other shapes.
            np.testing.assert_allclose(matrix, exact, rtol=0, atol=1e-14 * np.abs(exact).max())


@pytest.mark.parametrize("name", TILED)
@pytest.mark.usefixtures("small")
def test_tiles_make_up_the_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 7 by 5 inputs, and of 7 symmetric ones: the last tiles overlap their neighbors."""
    x, k = data(name, 7), function(name)
    assert _tiles.tile_side(k.program, _inputs(k, x)) < 4
    square, oblong = k(x), k(x, x[:5].copy())
    single = k(x[:1], x)
    monkeypatch.undo()
    whole = k(x)
    close(square, whole)
    close(oblong, kc.KernelMatrices(whole.nngp[:, :5], whole.ntk[:, :5]))
    close(single, kc.KernelMatrices(whole.nngp[:1], whole.ntk[:1]))


@pytest.mark.usefixtures("small")
def test_tiles_of_outputs_with_locations_and_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network(kc.chain(kc.Conv(8, 3, bias_std=0.1), RELU, conv()), (4, 3))
    x = np.random.default_rng(2).normal(size=(5, 4, 3))
    x /= np.sqrt((x**2).mean(-1, keepdims=True))
    k = kc.kernel_fn(net)
    parts = k(x, get=("nngp", "ntk", "gap"), progress=False)
    monkeypatch.undo()
    whole = k(x, get=("nngp", "ntk", "gap"))
    assert parts.nngp.shape == (5, 5, 4)
    close(parts, whole)


@pytest.mark.usefixtures("small")
def test_a_diagonal_stays_one_across_tiles() -> None:
    """Which pairs are one evaluation is counted in the whole matrix, not in a tile."""
    x = data("rectified", 7)
    k = kc.kernel_fn(network(kc.chain(D(8), kc.Dropout(0.5), D(3))))
    plain = kc.kernel_fn(network(kc.chain(D(8), D(3))))(x).nngp
    wanted = np.array(plain)
    wanted[np.arange(7), np.arange(7)] *= 2
    np.testing.assert_allclose(k(x).nngp, wanted, rtol=1e-13, atol=1e-15)


def test_large_symmetric_matrices_are_those_of_two_sets() -> None:
    """Networks of one variable cut products into blocks from 256 inputs on."""
    x, k = data("rectified", 259, np.float32), function("rectified")
    x[200] = x[3]
    found, wanted = k(x), k(x, x.copy())
    for matrix, exact in zip(found[:2], wanted[:2], strict=True):
        matrix, exact = np.asarray(matrix), np.asarray(exact)
        # In float32; a product of another shape may move a cosine by its last digit, and the
        # angle of close inputs shows the root of that in the NTK.
        np.testing.assert_allclose(matrix, exact, rtol=0, atol=2e-5 * exact.max())
        assert matrix[200, 3] == matrix[3, 3]
        assert matrix[3, 200] == matrix[3, 3]


def _inputs(k: kc.KernelFunction, x: np.ndarray):
    from kernelc.numeric._inputs import checked

    return checked("test", x, None, k.network.input_format)


MESH = """
import jax, numpy as np
from jax.sharding import Mesh
import kernelc as kc
from kernel_networks import data, named

mesh = Mesh(np.array(jax.devices()).reshape(2, 2), ("a", "b"))
assert mesh.size == 4
for name, dtype in (("rectified", np.float32), ("delta", np.float64)):
    x, k = data(name, 6, dtype), kc.kernel_fn(named(name))
    x[5] = x[1]
    for other in (None, x[:3].copy()):
        for matrix, exact in zip(k(x, other, mesh=mesh)[:2], k(x, other)[:2], strict=True):
            assert matrix.shape == exact.shape
            allowed = 64 * np.finfo(dtype).eps * np.abs(exact).max()
            np.testing.assert_allclose(matrix, exact, rtol=0, atol=allowed)
print("agreed")
"""


def test_rows_spread_over_devices_are_those_of_one() -> None:
    """Six rows on four devices: rows are padded, and padding stays out of the diagonal."""
    flags = "--xla_force_host_platform_device_count=4"
    here = os.path.dirname(__file__)
    environment = os.environ | {"XLA_FLAGS": flags, "PYTHONPATH": here, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", MESH],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "agreed"


def test_every_network_of_these_tests_is_known() -> None:
    assert set(TILED) <= set(NETWORKS)


SYMMETRIC = {
    "one variable": kc.chain(D(8), RELU, D(3)),
    "layer by layer": kc.chain(D(8, bias_std=0.3), RELU, D(8), kc.Activation("erf"), D(3)),
    "series": kc.chain(D(8, bias_std=0.3), kc.Activation("gelu"), D(3)),
}


@pytest.mark.parametrize("count", [40, 300, 1100])
@pytest.mark.parametrize("name", SYMMETRIC)
def test_symmetric_to_the_last_bit(name: str, count: int) -> None:
    """One program, a mirrored product, and tiles."""
    k = kc.kernel_fn(network(SYMMETRIC[name]))
    x = np.random.default_rng(0).normal(size=(count, 6))
    for inputs in (x, x.astype(np.float32)):
        for matrix in k(inputs, progress=False)[:2]:
            np.testing.assert_array_equal(matrix, np.asarray(matrix).T)


@pytest.mark.usefixtures("small")
def test_overlapping_tiles_are_symmetric() -> None:
    x, k = data("delta", 7), function("delta")
    for matrix in k(x)[:2]:
        np.testing.assert_array_equal(matrix, np.swapaxes(matrix, 0, 1))
