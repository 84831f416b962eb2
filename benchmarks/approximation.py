"""Measures the cost of an approximation after a matrix product, relative to the product alone.

Run `python benchmarks/approximation.py`. Each line fits the functions of one network, fuses them
with X Xᵀ in float32 (N = 2000, d = 784), and times this and the product alone alternately.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from kernelc.approximation import fit


INPUTS, WIDTH, ROUNDS = 2000, 784, 15


def sine_less_cosine(x: np.ndarray) -> np.ndarray:
    """sin x - x cos x, by its series where the difference cancels."""
    small = np.minimum(x, 0.6)
    series = sum(
        (-1) ** (k + 1) * 2 * k * small ** (2 * k + 1) / math.factorial(2 * k + 1)
        for k in range(1, 10)
    )
    return np.where(x < 0.6, series, np.sin(x) - x * np.cos(x))


def relu(depth: int, g: np.ndarray) -> dict[str, np.ndarray]:
    """A He-initialized ReLU network, by the recursion on the angle."""
    ntk, gap = np.ones_like(g), g
    for _ in range(depth):
        angle = 2 * np.arctan2(np.sqrt(gap), np.sqrt(2 - gap))
        gap = gap - sine_less_cosine(angle) / np.pi
        ntk = 1 - gap + ntk * (1 - angle / np.pi)
    return {"drop": gap, "ntk": ntk}


def cubic(depth: int, slope: float, g: np.ndarray) -> dict[str, np.ndarray]:
    """A network whose layers map c to (1 - b) c + b c³, with this slope at c = 1 in all."""
    b = (slope ** (1 / depth) - 1) / 2
    ntk, gap = np.ones_like(g), g
    for _ in range(depth):
        c = 1 - gap
        gap = gap * (1 - b + b * (1 + c + c * c))
        ntk = 1 - gap + ntk * (1 - b + 3 * b * c * c)
    return {"drop": gap, "ntk": ntk}


NETWORKS = {
    "shaped, slope 1.5": lambda g: cubic(50, 1.5, g),
    "slope 100": lambda g: cubic(30, 100.0, g),
    "chaotic, slope 1e6": lambda g: cubic(30, 1e6, g),
    "ReLU, 1 layer": lambda g: relu(1, g),
    "ReLU, 10 layers": lambda g: relu(10, g),
    "ReLU, 100 layers": lambda g: relu(100, g),
}


def ratio(function: Callable, base: Callable, x: jax.Array) -> tuple[float, float]:
    """The median of the ratios, and the median time of the base in milliseconds."""
    ratios, times = [], []
    for compiled in (function, base):
        jax.block_until_ready(compiled(x))
    for _ in range(ROUNDS):
        taken = []
        for compiled in (function, base):
            start = time.perf_counter()
            jax.block_until_ready(compiled(x))
            taken.append(time.perf_counter() - start)
        ratios.append(taken[0] / taken[1])
        times.append(1e3 * taken[1])
    return statistics.median(ratios), statistics.median(times)


def main() -> None:
    """Prints the table."""
    x = np.random.default_rng(0).normal(size=(INPUTS, WIDTH))
    x = jnp.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), jnp.float32)
    product = jax.jit(lambda x: x @ x.T)
    both, milliseconds = ratio(jax.jit(lambda x: (x @ x.T, jnp.exp(x @ x.T))), product, x)
    print(f"{'product':<20} 1.00  {milliseconds:.0f} ms on {jax.devices()[0].device_kind}")
    print(f"{'product and exp':<20} {both:.2f}")
    for name, sample in NETWORKS.items():
        cheap = fit(sample, tolerance=1e-10)
        compiled = jax.jit(lambda x, cheap=cheap: tuple(cheap(1 - x @ x.T).values()))
        found, _ = ratio(compiled, product, x)
        print(f"{name:<20} {found:.2f}  {cheap.at('float32').form}")


if __name__ == "__main__":
    main()
