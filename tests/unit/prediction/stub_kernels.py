"""Kernel functions in closed form, written without kernelc, for predictions to be made from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Found(NamedTuple):
    """The result of a kernel function."""

    nngp: Any
    ntk: Any = None


class ArcCosine:
    """NNGP and NTK of x ↦ w2·√2 relu(W1 x / √d) / √width (Cho and Saul 2009, Jacot et al. 2018).

    Arguments:
        dtype: the dtype of the matrices.
    """

    def __init__(self, dtype: Any = np.float64) -> None:
        self.dtype = dtype
        self.calls: list[tuple[int, ...]] = []

    def __call__(self, a: np.ndarray, b: np.ndarray | None = None) -> Found:
        self.calls.append((len(a),) if b is None else (len(a), len(b)))
        a = np.asarray(a, np.float64)
        b = a if b is None else np.asarray(b, np.float64)
        sizes = np.linalg.norm(a, axis=1)[:, None], np.linalg.norm(b, axis=1)
        apart = (a / sizes[0])[:, None] - b / sizes[1][:, None]
        # Not arccos of the cosine, which has lost half its digits near 1.
        angle = 2 * np.arcsin(np.minimum(1.0, np.linalg.norm(apart, axis=-1) / 2))
        scale = sizes[0] * sizes[1] / a.shape[1]
        slope = (np.pi - angle) / np.pi
        nngp = scale * (np.sin(angle) / np.pi + np.cos(angle) * slope)
        ntk = nngp + scale * np.cos(angle) * slope
        return Found(nngp.astype(self.dtype), ntk.astype(self.dtype))


class WithDiagonal(ArcCosine):
    """The same with the method that gives the diagonal alone."""

    def diagonal(self, a: np.ndarray) -> Found:
        return Found((np.asarray(a, np.float64) ** 2).mean(axis=1).astype(self.dtype))


class Features:
    """f(x) = J(x) θ with J(x) = tanh(A x + b), θ ~ N(0, diag(s)): NNGP J diag(s) Jᵀ, NTK J Jᵀ.

    Arguments:
        count: number of parameters.
        dim: of the inputs.
    """

    def __init__(self, count: int, dim: int) -> None:
        rng = np.random.default_rng(5)
        self.matrix, self.shift = rng.normal(size=(count, dim)), rng.normal(size=count)
        self.spread = rng.uniform(0.5, 2.0, count)

    def gradients(self, a: np.ndarray) -> np.ndarray:
        return np.tanh(a @ self.matrix.T + self.shift)

    def __call__(self, a: np.ndarray, b: np.ndarray | None = None) -> Found:
        left = self.gradients(a)
        right = left if b is None else self.gradients(b)
        return Found(left * self.spread @ right.T, left @ right.T)


def data(n: int, m: int, dim: int = 3, outputs: int = 2) -> tuple[np.ndarray, ...]:
    """Training inputs, targets and test inputs."""
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(n, dim)), rng.normal(size=(n, outputs))
    return x, y, rng.normal(size=(m, dim))
