"""Measures a prediction relative to one Cholesky factorization of a matrix of the same size.

Run `python benchmarks/predictions.py 4000`. It prints seconds, their ratio to the factorization,
and the peak memory of the process, for N training inputs of 64 numbers and 500 test inputs.
"""

from __future__ import annotations

import resource
import sys
import time

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


def main(count: int) -> None:
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
    for kernel in ("nngp", "ntk"):
        for dtype in (np.float64, np.float32):
            data = [a.astype(dtype) for a in (x, z)]
            start = time.perf_counter()
            kc.predict(k, data[0], y, data[1], kernel=kernel, ridge=RIDGE, progress=False)
            seconds = time.perf_counter() - start
            name = f"{kernel}, {np.dtype(dtype).name}"
            print(f"{name:<24}{seconds:>8.1f}{seconds / unit:>8.1f}{held():>10.2f}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4000)
