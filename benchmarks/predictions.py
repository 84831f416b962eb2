"""Measures a prediction relative to one Cholesky factorization of a matrix of the same size.

Run `python benchmarks/predictions.py 4000`. It prints seconds, their ratio to the factorization,
and the peak memory of the process, for N training inputs of 64 numbers and 500 test inputs. With
`--kernels nngp --types float64` it measures one of the four rows.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Sequence

import numpy as np
import scipy.linalg

import kernelc as kc


WIDTH, TESTS, RIDGE = 64, 500, 1e-3


def network() -> kc.Network:
    """Three ReLU layers behind a PLN, one function of the gap: the kernel itself is cheap."""
    x = kc.Input((WIDTH,))
    block = kc.chain(kc.Dense(64, 2**0.5), kc.Activation("relu"))
    return kc.Network(x, kc.chain(kc.PLN(), kc.repeat(block, 3), kc.Dense(1))(x))


def held() -> float:
    """The peak memory so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main(count: int, kernels: Sequence[str], types: Sequence[str]) -> None:
    """Prints the table."""
    draw = np.random.default_rng(0)
    x, z = draw.normal(size=(count, WIDTH)), draw.normal(size=(TESTS, WIDTH))
    y = np.sin(x[:, :10])
    k = kc.kernel_fn(network())
    k(x[:300]), k(z, x[:300])  # compiled
    matrix = np.asarray(k(x, get="nngp").nngp) + RIDGE * np.eye(count)
    start = time.perf_counter()
    scipy.linalg.cholesky(matrix, lower=True, overwrite_a=True, check_finite=False)
    unit = time.perf_counter() - start
    del matrix
    print(f"N = {count}: one Cholesky factorization takes {unit:.1f} s")
    print(f"{'':<24}{'s':>8}{'ratio':>8}{'GB held':>10}")
    for kernel in kernels:
        for dtype in types:
            data = [a.astype(dtype) for a in (x, z)]
            start = time.perf_counter()
            kc.predict(k, data[0], y, data[1], kernel=kernel, ridge=RIDGE, progress=False)
            seconds = time.perf_counter() - start
            name = f"{kernel}, {dtype}"
            print(f"{name:<24}{seconds:>8.1f}{seconds / unit:>8.1f}{held():>10.2f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=4000, help="training inputs")
    parser.add_argument("--kernels", nargs="+", default=["nngp", "ntk"])
    parser.add_argument("--types", nargs="+", default=["float64", "float32"])
    given = parser.parse_args()
    main(given.count, given.kernels, given.types)
