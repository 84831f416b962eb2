"""Measures NNGP and NTK of deep networks, relative to a matrix product of the same size.

Run `python benchmarks/kernels.py`, or with `--unlike` only the last table. The first table has
networks that are one function of the gap: k(x) and k(x1, x2) of N = 2000 inputs of 784 numbers,
measured alternately with X Xᵀ followed by one exp. The second has networks with biases and inputs
of mixed norms, evaluated layer by layer. The last has one layer of smooth activations at q values
from 0 to over 100, in CPU seconds relative to the closed form of erf.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import kernelc as kc


INPUTS, WIDTH, ROUNDS, GENERAL_ROUNDS = 2000, 784, 15, 3
UNLIKE, UNLIKE_ROUNDS = 1000, 7
# NNGP and NTK of 100 layers by neural-tangents, over its own matrix product: its best rows.
NEURAL_TANGENTS = {
    ("relu", "float64"): 65,
    ("relu", "float32"): 102,
    ("gelu", "float64"): 76,
    ("gelu", "float32"): 91,
    ("erf", "float64"): 49,
    ("erf", "float32"): 98,
}


def network(activation: str, depth: int, weight_std: float = 1.0, bias_std: float = 0.0) -> Any:
    """A chain of dense layers."""
    x = kc.Input((WIDTH,))
    dense = kc.Dense(100, weight_std=weight_std, bias_std=bias_std)
    block = kc.chain(dense, kc.Activation(activation))
    return kc.Network(x, kc.chain(kc.repeat(block, depth), kc.Dense(10))(x))


def one_gap() -> dict[str, kc.KernelFunction]:
    """Networks that are functions of the gap alone."""
    found = {}
    for depth in (100, 1000):
        shaped = kc.shape(network("tanh", depth), kc.DKS(), rewrite=True)
        found[f"shaped tanh, {depth}"] = kc.kernel_fn(shaped)
    for depth in (100, 1000):
        found[f"He ReLU, {depth}"] = kc.kernel_fn(network("relu", depth, 2**0.5))
    return found


def medians(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median seconds of each call; calls alternate."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        jax.block_until_ready(call())
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            jax.block_until_ready(call())
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(each) for name, each in times.items()}


def inputs(dtype: str, mixed: bool = False) -> tuple[jax.Array, jax.Array]:
    """Two sets of random inputs, their norms within a few per cent or mixed."""
    draw = np.random.default_rng(0)
    sets = []
    for _ in range(2):
        x = draw.normal(size=(INPUTS, WIDTH))
        x = x * draw.uniform(0.5, 1.5, (INPUTS, 1)) if mixed else x
        sets.append(jnp.asarray(x, dtype))
    return sets[0], sets[1]


def short(dtype: str, kernels: dict[str, kc.KernelFunction]) -> None:
    """Prints the ratios for networks of one gap."""
    x, y = inputs(dtype)
    product, both = jax.jit(lambda a, b: a @ b.T), jax.jit(lambda a, b: jnp.exp(a @ b.T))
    calls: dict[str, Callable[[], Any]] = {
        "product": lambda: product(x, y),
        "product and exp": lambda: both(x, y),
    }
    for name, kernel in kernels.items():
        calls[f"{name}: k(x)"] = lambda kernel=kernel: kernel(x)
        calls[f"{name}: k(x1, x2)"] = lambda kernel=kernel: kernel(x, y)
    found = medians(calls, ROUNDS)
    print(f"\n{dtype}, to product and exp{'ms':>12}{'ratio':>8}")
    for name, seconds in found.items():
        ratio = seconds / found["product and exp"]
        print(f"{name:<28}{1e3 * seconds:>10.0f}{ratio:>8.2f}", flush=True)


def general(dtype: str) -> None:
    """Prints the ratios for networks evaluated layer by layer."""
    x, y = inputs(dtype, mixed=True)
    product = jax.jit(lambda a, b: a @ b.T)
    print(f"\n{dtype}, layer by layer{'s':>10}{'product':>9}{'ratio':>7}{'neural-tangents':>17}")
    for activation, gain in (("relu", 2**0.5), ("gelu", 1.5), ("erf", 1.3)):
        kernel = kc.kernel_fn(network(activation, 100, gain, 0.1))
        calls = {
            "product": lambda: product(x, y),
            "kernel": lambda kernel=kernel: kernel(x, progress=False),
        }
        found = medians(calls, GENERAL_ROUNDS)
        ratio = found["kernel"] / found["product"]
        theirs = NEURAL_TANGENTS[activation, dtype]
        name = f"{activation}, 100, k(x)"
        print(
            f"{name:<22}{found['kernel']:>10.2f}{found['product']:>9.3f}{ratio:>7.1f}{theirs:>17}",
            flush=True,
        )


def cpu(call: Callable[[], Any]) -> float:
    """The least CPU seconds of several calls."""
    jax.block_until_ready(call())
    found = []
    for _ in range(UNLIKE_ROUNDS):
        start = time.process_time()
        jax.block_until_ready(call())
        found.append(time.process_time() - start)
    return min(found)


def unlike(dtype: str) -> None:
    """Prints the times for different q values, relative to erf."""
    draw = np.random.default_rng(0)
    scales = np.exp(draw.uniform(-2, 2.3, (UNLIKE, 1)))
    x = jnp.asarray(draw.normal(size=(UNLIKE, 10)) * scales, dtype)
    print(f"\n{dtype}, q up to {float((x**2).mean(1).max()):.0f}{'CPU s':>12}{'ratio':>8}")
    first = 0.0
    for name in ("erf", "tanh", "sigmoid", "softplus", "silu", "mish", "gelu"):
        i = kc.Input((10,))
        block = kc.chain(kc.Dense(9, 1.0, 0.1), kc.Activation(name), kc.Dense(1))
        kernel = kc.kernel_fn(kc.Network(i, block(i)))
        seconds = cpu(lambda kernel=kernel: kernel(x, progress=False))
        first = first or seconds
        print(f"{name:<18}{seconds:>12.3f}{seconds / first:>8.1f}", flush=True)


def main() -> None:
    """Prints the tables."""
    if "--unlike" not in sys.argv:
        everything()
    for dtype in ("float32", "float64"):
        with jax.enable_x64(dtype == "float64"):
            unlike(dtype)


def everything() -> None:
    """Prints the tables that compare with matrix products."""
    print(f"N = {INPUTS}, d = {WIDTH}, on {jax.devices()[0].device_kind}")
    kernels = one_gap()
    for table in (lambda dtype: short(dtype, kernels), general):
        for dtype in ("float32", "float64"):
            with jax.enable_x64(dtype == "float64"):
                table(dtype)


if __name__ == "__main__":
    main()
